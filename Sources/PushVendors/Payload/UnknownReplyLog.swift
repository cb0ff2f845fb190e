import Logging
import PushCore
import Synchronization

/// Notes a vendor's reply whose meaning is not certain, in the vendor's own words, so that somebody can tell what it
/// means. Each code once for a sender: a thousand equal replies say no more than one.
final class UnknownReplyLog: Sendable {
    private static let codesMax = 64
    private static let bodyMax = 512

    private let logger: Logger
    private let vendor: Vendor
    private let tenantNo: String
    private let seen = Mutex<Set<String>>([])

    init(_ vendor: Vendor, _ surroundings: SenderSurroundings) {
        self.vendor = vendor
        logger = surroundings.connections.logger
        tenantNo = surroundings.tenantNo
    }

    /// - Parameter secrets: what the body may repeat and must not be in a log: tokens, access tokens.
    func note(code: String, reply: OutboundReply, hiding secrets: [String]) {
        let hidden = secrets.map { (text: $0, shown: "…") }
        let code = String(Secrets.hide(hidden, in: code.utf8, bytesMax: Self.bodyMax).prefix(64))
        let isNew = seen.withLock { $0.count < Self.codesMax && $0.insert(code).inserted }
        guard isNew else { return }
        let body = Secrets.hide(hidden, in: reply.body, bytesMax: 4 * Self.bodyMax)
        logger.notice(
            "a push service answered with a code whose meaning is not certain",
            metadata: [
                "vendor": "\(vendor.rawValue)", "tenant": "\(tenantNo)", "status": "\(reply.status)",
                "code": "\(code)", "body": "\(body.prefix(Self.bodyMax))",
            ])
    }
}
