import Logging
import PushCore
import Synchronization
import Testing

@testable import PushVendors

@Suite struct SecretsTests {
    @Test func `a secret goes, also where the text is cut in the middle of it`() {
        let token = String(repeating: "t", count: 30) + "END"
        let secret = [(text: token, shown: "…")]
        #expect(Secrets.hide(secret, in: "a \(token) b".utf8, bytesMax: 100) == "a … b")
        for bytesMax in 3...40 {
            let shown = Secrets.hide(secret, in: "a \(token) b".utf8, bytesMax: bytesMax)
            #expect(!shown.contains("t") && shown.hasPrefix("a "), "\(bytesMax)")
        }
        #expect(Secrets.hide(secret, in: "short".utf8, bytesMax: 5) == "short")
        #expect(Secrets.hide([], in: "longer".utf8, bytesMax: 4) == "long")
        #expect(Secrets.hide([(text: "", shown: "…")], in: "longer".utf8, bytesMax: 4) == "long")
    }

    @Test func `a long token in the vendor's words is not told, not even in part`() {
        let token = PushToken(vendor: .fcm, token: String(repeating: "k9", count: 1000))
        let said = ReplyRules.reply(code: token.token, text: "bad \(token.token)", hiding: token)
        #expect(!said.text.contains("k9k9k9") && !said.code.contains("k9k9k9") && said.text.hasPrefix("bad"))
        let batch = ReplyRules.reply(code: "1", text: String(repeating: token.token, count: 3), hiding: [token])
        #expect(!batch.text.contains("k9k9k9"))
    }

    private final class Lines: Sendable {
        let text = Mutex("")
    }

    private struct Handler: LogHandler {
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            let words = (event.metadata ?? [:]).map { "\($0)=\($1)" }.sorted().joined(separator: " ")
            lines.text.withLock { $0 += words + "\n" }
        }
    }

    @Test func `the log of unknown replies has no secret, in the code neither`() throws {
        let lines = Lines()
        let connections = try ConnectionSettings(
            policy: EndpointPolicy(allowsPrivate: true), logger: Logger(label: "test") { _ in Handler(lines: lines) })
        let log = UnknownReplyLog(
            .oppo, SenderSurroundings(tenantNo: "acme", clock: .system, connections: connections))
        let token = String(repeating: "s3cret", count: 500)
        let reply = OutboundReply(status: 200, body: Array("{\"x\":\"\(token)\(token)\"}".utf8))
        log.note(code: "no \(token)", reply: reply, hiding: [token])
        let text = lines.text.withLock { $0 }
        #expect(text.contains("code=no") && text.contains("tenant=acme") && !text.contains("s3crets3"))
    }
}
