import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import PushCredentials
import PushGateClient
import Synchronization

/// A tenant's service: takes events as Standard Webhooks 1.0 has them, or does what a broken one does.
final class WebhookReceiver: Sendable {
    enum Mode: Sendable {
        case takes
        case answers(HTTPResponseStatus, HTTPHeaders = [:])
        /// Takes it, with words.
        case says(String)
        /// Reads and says nothing.
        case hangs
    }

    struct Event: Sendable {
        let id: String
        let type: String
        let json: JSONValue

        var messageID: String? { json["data"]?["message"]?["id"]?.string }
    }

    private struct State {
        var mode = Mode.takes
        var requests = 0
        var refused = 0
        var badSignatures = 0
        var paths: Set<String> = []
        /// In the order in which they first arrived.
        var taken: [Event] = []
        var counts: [String: Int] = [:]
    }

    private final class Log: Sendable {
        let state = Mutex(State())
        let secret: WebhookSecret

        init(_ secret: WebhookSecret) { self.secret = secret }
    }

    let secret: String
    private let channel: any NIOCore.Channel
    private let log: Log

    static func start() async throws -> WebhookReceiver {
        let secret = WebhookSecret()
        let log = Log(secret)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(log))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return WebhookReceiver(secret: secret.text, channel: channel, log: log)
    }

    private init(secret: String, channel: any NIOCore.Channel, log: Log) {
        self.secret = secret
        self.channel = channel
        self.log = log
    }

    func stop() async { try? await channel.close() }

    var url: String { "http://127.0.0.1:\(channel.localAddress?.port ?? 0)/events" }
    var requests: Int { log.state.withLock { $0.requests } }
    /// Requests that were not taken.
    var refused: Int { log.state.withLock { $0.refused } }
    var badSignatures: Int { log.state.withLock { $0.badSignatures } }
    var paths: Set<String> { log.state.withLock { $0.paths } }
    var taken: [Event] { log.state.withLock { $0.taken } }
    var takenCount: Int { log.state.withLock { $0.taken.count } }
    /// How often each event was taken.
    var counts: [String: Int] { log.state.withLock { $0.counts } }

    func set(_ mode: Mode) { log.state.withLock { $0.mode = mode } }

    /// Ids of the messages that were sent, as they arrived.
    var messageIDs: [String] { taken.filter { $0.type == "message.sent" }.compactMap(\.messageID) }

    private static func note(_ head: HTTPRequestHead, _ body: [UInt8], in log: Log) -> Mode {
        let id = head.headers.first(name: "webhook-id") ?? ""
        let seconds = head.headers.first(name: "webhook-timestamp").flatMap { Int64($0) } ?? 0
        let signature = log.secret.signature(id: id, timestampSeconds: seconds, body: body)
        let isFresh = abs(Int64(Date().timeIntervalSince1970) - seconds) < 60
        let json = (try? JSONValue(parsing: body)) ?? .null
        let events = json["events"]?.array ?? [json]
        return log.state.withLock { state in
            state.requests += 1
            state.paths.insert(head.uri)
            if head.headers.first(name: "webhook-signature") != signature || !isFresh || id.isEmpty {
                state.badSignatures += 1
            }
            switch state.mode {
            case .takes, .says: break
            case .answers, .hangs:
                state.refused += 1
                return state.mode
            }
            for event in events {
                let eventID = event["id"]?.string ?? id
                if state.counts[eventID] == nil {
                    state.taken.append(Event(id: eventID, type: event["type"]?.string ?? "", json: event))
                }
                state.counts[eventID, default: 0] += 1
            }
            return state.mode
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let log: Log
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []

        init(_ log: Log) { self.log = log }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): (self.head, body) = (head, [])
            case .body(let part): body.append(contentsOf: part.readableBytesView)
            case .end:
                guard let head else { return }
                switch WebhookReceiver.note(head, body, in: log) {
                case .takes: answer(.noContent, [:], "", context)
                case .says(let words): answer(.ok, [:], words, context)
                case .answers(let status, let headers): answer(status, headers, "", context)
                case .hangs: break
                }
            }
        }

        private func answer(
            _ status: HTTPResponseStatus, _ headers: HTTPHeaders, _ words: String,
            _ context: ChannelHandlerContext
        ) {
            var headers = headers
            if status != .noContent { headers.replaceOrAdd(name: "content-length", value: "\(words.utf8.count)") }
            let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            if !words.isEmpty {
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: words)))), promise: nil)
            }
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}

extension GatewayAPI {
    /// The receiver becomes the tenant's webhook.
    func setWebhook(
        _ receiver: WebhookReceiver, events: [String] = ["*"], eventsPerRequest: Int = 1, beforeSend: Bool = false
    ) async throws {
        _ = try await call(
            .put, ["v1", "settings", "webhook"],
            body: .object([
                "url": .string(receiver.url), "secret": .string(receiver.secret),
                "events": .array(events.map { .string($0) }), "eventsPerRequest": JSONValue(eventsPerRequest),
                "beforeSend": .bool(beforeSend),
            ]))
    }
}
