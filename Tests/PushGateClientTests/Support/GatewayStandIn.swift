import Foundation
import MosquittoClient
import PushGateClient
import Synchronization
import TestWaiting

/// The gateway's side of MQTT, as far as a device can tell: inboxes by account, replies to requests. What it leaves out
/// is up to the test.
final class GatewayStandIn: Sendable {
    struct Request: Sendable {
        let deviceID: String
        let operation: String
        let body: JSONValue

        var id: String { body["requestId"]?.string ?? "" }
    }

    private struct State {
        var inboxes: [String: [JSONValue]] = [:]
        var broadcasts: [JSONValue] = []
        var requests: [Request] = []
        /// How many requests of an operation are to be left unanswered.
        var unanswered: [String: Int] = [:]
        var refused: [String: JSONValue] = [:]
        var session: MQTTSession?
        var headShown: Int64?
    }

    let broker: Broker
    private let loop: MQTTLoop
    private let pageItemsMax: Int
    private let state = Mutex(State())

    init(pageItemsMax: Int = 500) async throws {
        broker = try await Broker()
        loop = try MQTTLoop()
        self.pageItemsMax = pageItemsMax
        var options = MQTTSession.Options(host: "127.0.0.1", port: broker.port, clientID: "gateway")
        options.subscriptions = [MQTTSubscription("up/+/+")]
        options.reconnectDelay = ReconnectDelay(initial: .milliseconds(10), maximum: .milliseconds(50))
        let isSubscribed = Mutex(false)
        let session = try loop.makeSession(options) { [weak self] _, event in
            switch event {
            case .subscribed: isSubscribed.withLock { $0 = true }
            case .message(let message): self?.answer(message)
            default: break
            }
        }
        state.withLock { $0.session = session }
        try await eventually("the stand-in is subscribed") { isSubscribed.withLock { $0 } }
    }

    func stop() async { await loop.shutdown(drain: .zero) }

    func session(device: String = "dev_1", account: String = "acct_1", seq: Int64 = 0) -> DeviceSession {
        DeviceSession(
            account: account, deviceID: device, userID: "user of \(account)", tenantNo: "t1",
            credential: DeviceCredential(value: "credential", expiresAt: Date(timeIntervalSinceNow: 3600)),
            broker: .init(host: "127.0.0.1", port: broker.port), seq: seq)
    }

    // MARK: What it does

    func leaveUnanswered(_ operation: String, times: Int) { state.withLock { $0.unanswered[operation] = times } }
    func refuse(_ operation: String, with error: JSONValue?) { state.withLock { $0.refused[operation] = error } }
    func showHead(_ head: Int64) { state.withLock { $0.headShown = head } }

    /// Puts a message into an inbox.
    /// - Parameter publishes: `false`: it is there, and the device is not told.
    @discardableResult
    func deliver(
        _ id: String, to account: String = "acct_1", revision: Int64 = 0, publishes: Bool = true
    ) throws -> JSONValue {
        let entry = state.withLock { state -> JSONValue in
            let seq = Int64(state.inboxes[account, default: []].count + 1)
            let entry = Self.entry(id, to: account, seq: seq, revision: revision)
            state.inboxes[account, default: []].append(entry)
            return entry
        }
        if publishes { try publish(entry, to: "account/\(account)") }
        return entry
    }

    func broadcast(_ id: String, publishes: Bool = true) throws {
        let entry = state.withLock { state -> JSONValue in
            let entry = Self.entry(id, to: "*", seq: Int64(state.broadcasts.count + 1), revision: 0)
            state.broadcasts.append(entry)
            return entry
        }
        if publishes { try publish(entry, to: "tenant/t1/broadcast") }
    }

    func publish(_ entry: JSONValue, to topic: String = "account/acct_1") throws {
        try state.withLock { $0.session }?.publish(topic: topic, payload: entry.bytes)
    }

    /// Answers a request that was left unanswered.
    func answer(_ request: Request) {
        reply(to: request)
    }

    static func entry(_ id: String, to account: String, seq: Int64?, revision: Int64 = 0) -> JSONValue {
        .object([
            "id": .string(id), "from": "acct_sender", "to": .string(account), "tenantNo": "t1", "type": 0,
            "content": ["text": "id seq \"seq\": 99, }", "n": 1.50], "timestamp": 1, "isBackground": false,
            "seq": seq.map { JSONValue($0) }, "serverTime": 2, "revision": JSONValue(revision),
        ])
    }

    // MARK: What it has seen

    func requests(_ operation: String) -> [Request] {
        state.withLock { $0.requests.filter { $0.operation == operation } }
    }

    func acknowledged(_ device: String = "dev_1") -> [Int64] {
        requests("ack").filter { $0.deviceID == device }.compactMap { $0.body["seq"]?.integer }
    }

    // MARK: Answering, on the loop's thread

    private func answer(_ message: MQTTMessage) {
        let parts = message.topic.split(separator: "/").map(String.init)
        guard parts.count == 3, let body = try? JSONValue(parsing: message.payload) else { return }
        let request = Request(deviceID: parts[1], operation: parts[2], body: body)
        let isAnswered = state.withLock { state in
            state.requests.append(request)
            guard let left = state.unanswered[request.operation], left > 0 else { return true }
            state.unanswered[request.operation] = left - 1
            return false
        }
        if isAnswered { reply(to: request) }
    }

    private func reply(to request: Request) {
        let refusal = state.withLock { $0.refused[request.operation] }
        var members: [JSONValue.Member] = [
            .init("requestId", .string(request.id)), .init("op", .string(request.operation)),
            .init("ok", .bool(refusal == nil)),
        ]
        members.append(refusal.map { .init("error", $0) } ?? .init("result", result(of: request)))
        try? publish(.object(members), to: "device/\(request.deviceID)")  // a stopped session: the test is over
    }

    private func result(of request: Request) -> JSONValue {
        switch request.operation {
        case "sync": page(request)
        case "ack": ["seq": request.body["seq"] ?? 0, "broadcastSeq": request.body["broadcastSeq"] ?? 0]
        case "send": ["id": request.body["id"] ?? .null, "serverTime": 7, "recipients": 1, "duplicate": false]
        default: [:]
        }
    }

    /// The account of a device is named like it: `dev_x` belongs to `acct_x`.
    private func page(_ request: Request) -> JSONValue {
        let account = "acct_" + request.deviceID.dropFirst(4)
        let (inbox, broadcasts, shown) = state.withLock {
            ($0.inboxes[account] ?? [], $0.broadcasts, $0.headShown)
        }
        func part(_ entries: [JSONValue], after: Int64) -> [JSONValue.Member] {
            let limit = min(pageItemsMax, Int(request.body["limit"]?.integer ?? 50))
            let rest = entries.filter { ($0["seq"]?.integer ?? 0) > after }
            return [
                .init("items", .array(Array(rest.prefix(limit)))), .init("head", JSONValue(entries.count)),
                .init("more", .bool(rest.count > limit)),
            ]
        }
        var members = part(inbox, after: request.body["after"]?.integer ?? 0)
        if let shown { members[1] = .init("head", JSONValue(shown)) }
        if let after = request.body["broadcastAfter"]?.integer {
            members.append(.init("broadcast", .object(part(broadcasts, after: after))))
        }
        return .object(members)
    }
}
