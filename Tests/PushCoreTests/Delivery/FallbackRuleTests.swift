import PushTestSupport
import Testing

@testable import PushCore

@Suite struct FallbackRuleTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let message: ArchivedMessage
        var device = Device.sample()
        var isAcknowledged = false
        var isRead = false
        var configured: Set<Vendor> = [.fcm]
        let expected: FallbackRule.Verdict
    }

    private static let fcm = PushToken(vendor: .fcm, token: "token-1")
    private static let voip = PushToken(vendor: .apns, token: "v", kind: .voip)
    private static let apns = PushToken(vendor: .apns, token: "a")
    private static let webpush = PushToken(vendor: .webpush, token: "w")

    static func cases() throws -> [Case] {
        [
            Case(testDescription: "a text goes to the token", message: try .sample(), expected: .push(fcm)),
            Case(
                testDescription: "acknowledged: nothing", message: try .sample(), isAcknowledged: true,
                expected: .nothing),
            Case(
                testDescription: "deregistered", message: try .sample(), device: .sample(status: .deregistered),
                expected: .skip(.deregistered)),
            Case(
                testDescription: "moved", message: try .sample(), device: .sample(status: .moved),
                expected: .skip(.deregistered)),
            Case(testDescription: "revoked", message: try .sample(state: .revoked), expected: .skip(.revoked)),
            Case(testDescription: "burned", message: try .sample(state: .burned), expected: .skip(.burned)),
            Case(testDescription: "read", message: try .sample(), isRead: true, expected: .skip(.read)),
            Case(
                testDescription: "revoked before it was read", message: try .sample(state: .revoked), isRead: true,
                expected: .skip(.revoked)),
            Case(testDescription: "expired", message: try .sample(timeToLive: 1), expected: .skip(.expired)),
            Case(
                testDescription: "policy never", message: try .sample(push: #"{"policy":"never"}"#),
                expected: .skip(.policyNever)),
            Case(
                testDescription: "push switched off", message: try .sample(), device: .sample(pushEnabled: false),
                expected: .skip(.pushDisabled)),
            Case(
                testDescription: "no token", message: try .sample(), device: .sample(tokens: []),
                expected: .skip(.noToken)),
            Case(
                testDescription: "vendor not configured", message: try .sample(), configured: [],
                expected: .skip(.vendorNotConfigured)),
            Case(
                testDescription: "the next configured token in order", message: try .sample(),
                device: .sample(tokens: [apns, fcm]), expected: .push(fcm)),
            Case(
                testDescription: "a silent message passes a vendor without a silent form",
                message: try .sample(isBackground: true), device: .sample(tokens: [webpush, fcm]),
                configured: [.webpush, .fcm], expected: .push(fcm)),
            Case(
                testDescription: "no vendor can send silently", message: try .sample(isBackground: true),
                device: .sample(tokens: [webpush]), configured: [.webpush], expected: .skip(.background)),
            Case(
                testDescription: "a call's invitation prefers voip",
                message: try .sample(type: .call, content: .json(#"{"status":"invite"}"#)),
                device: .sample(tokens: [apns, voip]), configured: [.apns], expected: .push(voip)),
            Case(
                testDescription: "without a voip token it takes the alert chain",
                message: try .sample(type: .call, content: .json(#"{"status":"invite"}"#)), expected: .push(fcm)),
            Case(
                testDescription: "nothing else goes to a voip token", message: try .sample(),
                device: .sample(tokens: [voip]), configured: [.apns], expected: .skip(.noToken)),
            Case(
                testDescription: "other call statuses ring nothing",
                message: try .sample(type: .call, content: .json(#"{"status":"cancel"}"#)), expected: .skip(.event)),
            Case(
                testDescription: "events are never pushed", message: try .sample(type: MessageType(rawValue: 257)),
                expected: .skip(.event)),
        ]
    }

    @Test(arguments: try cases())
    func decides(_ row: Case) {
        let verdict = FallbackRule.verdict(
            message: row.message, device: row.device, isAcknowledged: row.isAcknowledged, isRead: row.isRead,
            isConfigured: { row.configured.contains($0) }, canSendSilently: { $0 != .webpush }, now: 100_000)
        #expect(verdict == row.expected)
    }

    @Test func `deadlines follow the message and the app's state`() throws {
        let limits = Limits()
        let text = try ArchivedMessage.sample()
        #expect(FallbackRule.deadline(for: text, isInBackground: false, limits: limits) == .seconds(10))
        #expect(FallbackRule.deadline(for: text, isInBackground: true, limits: limits) == .seconds(2))
        let call = try ArchivedMessage.sample(type: .call, content: .json(#"{"status":"invite"}"#))
        #expect(FallbackRule.deadline(for: call, isInBackground: false, limits: limits) == .seconds(3))
        let asked = try ArchivedMessage.sample(push: #"{"after":77}"#)
        #expect(FallbackRule.deadline(for: asked, isInBackground: true, limits: limits) == .seconds(77))
    }
}

@Suite struct RetryPolicyTests {
    @Test func `waits double up to the bound, with jitter in the upper half`() {
        let late = RetryPolicy(limits: Limits(), random: { 1 })
        let early = RetryPolicy(limits: Limits(), random: { 0 })
        #expect(late.next(afterAttempts: 1, asked: nil, isPace: false, now: 0) == 1000)
        #expect(late.next(afterAttempts: 4, asked: nil, isPace: false, now: 0) == 8000)
        #expect(early.next(afterAttempts: 4, asked: nil, isPace: false, now: 0) == 4000)
        #expect(late.next(afterAttempts: 1000, asked: nil, isPace: false, now: 0) == 600_000)
    }

    @Test func `a vendor's own time wins and pace begins with a minute`() {
        let policy = RetryPolicy(limits: Limits(), random: { 1 })
        #expect(policy.next(afterAttempts: 3, asked: .seconds(7), isPace: true, now: 1) == 7001)
        #expect(policy.next(afterAttempts: 1, asked: nil, isPace: true, now: 0) == 60_000)
    }
}

@Suite struct EntryFeedTests {
    private func batch(_ positions: ClosedRange<Int64>) throws -> CommittedEntries {
        CommittedEntries(
            message: try .sample(),
            entries: positions.map {
                InboxEntry(
                    position: $0, account: AccountKey(rawValue: 1), seq: $0, message: MessageKey(rawValue: 1), flags: []
                )
            })
    }

    @Test func `a reader at the end gets what is new and one far behind is sent to the log`() throws {
        let feed = EntryFeed(head: 0, entriesMax: 4)
        guard case .nothingNew = feed.batches(after: 0, entriesLimit: 10) else { return #expect(Bool(false)) }
        feed.committed([try batch(1...2), try batch(3...4)])
        guard case .batches(let all) = feed.batches(after: 0, entriesLimit: 10) else { return #expect(Bool(false)) }
        #expect(all.flatMap { $0.entries.map(\.position) } == [1, 2, 3, 4])
        guard case .batches(let rest) = feed.batches(after: 2, entriesLimit: 10) else { return #expect(Bool(false)) }
        #expect(rest.flatMap { $0.entries.map(\.position) } == [3, 4])
        feed.committed([try batch(5...6)])
        guard case .behind = feed.batches(after: 0, entriesLimit: 10) else { return #expect(Bool(false)) }
        #expect(feed.head == 6)
    }

    @Test(
        arguments: [
            (nil, nil, 86_400), (7 * 86_400, nil, 7 * 86_400), (nil, "60", 60), (30, "60", 30), (600, "60", 60),
            (600, "0", 0),
        ] as [(Int64?, String?, Int64)])
    func `a push lives for the shorter of what was given, a day where nothing was`(
        _ message: Int64?, _ push: String?, _ expected: Int64
    ) throws {
        let sample = try ArchivedMessage.sample(push: push.map { #"{"ttl":\#($0)}"# }, timeToLive: message)
        #expect(PushContent.lifeSeconds(of: sample, limits: Limits()) == expected)
    }
}
