import PushTestSupport
import Testing

@testable import PushCore

@Suite struct AnswerReadingTests {
    private let reply = VendorReply(code: "E", text: "Too bad.")
    private let now: Milliseconds = 10_000

    private func prepared(attempts: Int = 1, expiry: Milliseconds? = 1_000_000) -> PreparedPush {
        PreparedPush(
            job: .sample(7, attempts: attempts),
            push: VendorPush(
                messageID: "m-1", tenantNo: "acme", account: "a", userID: "u", deviceID: "d",
                token: PushToken(vendor: .fcm, token: "t"), timeToLiveSeconds: 60, messageClass: .marketing),
            expiry: expiry)
    }

    private func meaning(
        _ answer: VendorAnswer, of prepared: PreparedPush? = nil, replaces: Bool = true, isBraked: Bool = false,
        random: Double = 1
    ) -> AnswerReading.Meaning {
        AnswerReading(retries: RetryPolicy(limits: Limits(), random: { random }), now: now, isBraked: isBraked)
            .meaning(of: answer, to: prepared ?? self.prepared(), repeatReplaces: replaces)
    }

    private func retryAt(_ meaning: AnswerReading.Meaning) -> Milliseconds? {
        guard case .retry(let at, .fcm, _) = meaning.change else { return nil }
        return at
    }

    private func end(_ meaning: AnswerReading.Meaning) -> (SkipReason, VendorReply)? {
        guard case .failed(.fcm, let reason, let reply) = meaning.change else { return nil }
        return (reason, reply)
    }

    @Test func `a wish for a pause is kept to the millisecond`() {
        for random in [0, 0.5, 1] {
            #expect(retryAt(meaning(.retry(reply, after: .seconds(17)), random: random)) == 27_000)
        }
        let slow = meaning(.slow(reply, scope: .credential, after: .seconds(40)))
        #expect(retryAt(slow) == 50_000)
        #expect(slow.pause == PushPause(scope: .credential, length: .seconds(40), reply: reply))
    }

    @Test func `a wish for no pause, as by a date that has passed, is none`() {
        #expect(retryAt(meaning(.retry(reply, after: .zero))) == now + 1000)
        #expect(retryAt(meaning(.slow(reply, scope: .credential, after: .zero))) == now + 60_000)
        #expect(LaneCircuit.Verdict([(1, .retry(reply, after: .zero))]) == .failed(reply, job: 1))
    }

    @Test func `the first fault waits a second at most, a pace a minute, doubled each time`() {
        #expect(retryAt(meaning(.retry(reply))) == now + 1000)
        #expect(retryAt(meaning(.retry(reply), random: 0)) == now + 500)
        #expect(retryAt(meaning(.retry(reply), of: prepared(attempts: 3))) == now + 4000)
        #expect(retryAt(meaning(.slow(reply, scope: .device))) == now + 60_000)
    }

    @Test func `a pause concerns whom the vendor named`() {
        #expect(meaning(.slow(reply, scope: .device)).pause?.scope == .device(DeviceKey(rawValue: 7)))
        #expect(meaning(.slow(reply, scope: .messageClass)).pause?.scope == .messageClass(.marketing))
        #expect(meaning(.retry(reply, after: .seconds(5))).pause == nil)
    }

    @Test func `an unknown outcome is repeated only where a repeat replaces`() {
        #expect(retryAt(meaning(.unknown(reply))) == now + 1000)
        let ended = end(meaning(.unknown(reply), replaces: false))
        #expect(ended?.0 == .vendorRefused && ended?.1.code == "not_repeated")
        #expect(ended?.1.text.contains("was not repeated") == true && ended?.1.text.hasPrefix("E: Too bad.") == true)
        #expect(retryAt(meaning(.retry(reply), replaces: false)) != nil, "nothing can have been shown")
    }

    @Test func `as many tries as the vendor allows`() {
        #expect(retryAt(meaning(.retry(reply, triesMax: 2))) != nil)
        #expect(end(meaning(.retry(reply, triesMax: 2), of: prepared(attempts: 2)))?.0 == .vendorRefused)
    }

    @Test(arguments: [Milliseconds?.none, 11_000])
    func `no try is made after the end of a push's life`(expiry: Milliseconds?) {
        let push = prepared(expiry: expiry)
        let answers: [VendorAnswer] = [
            .retry(reply, after: .seconds(1)), .slow(reply, scope: .credential, after: .seconds(5)), .unknown(reply),
        ]
        for answer in answers {
            let ended = end(meaning(answer, of: push))
            #expect(ended?.0 == .expired && ended?.1 == reply, "\(answer)")
        }
    }

    @Test func `a refused credential keeps the push for when it is good again`() {
        guard case .heldBack = meaning(.auth(reply)).change else {
            Issue.record("it waits for a good credential, and has not been tried")
            return
        }
    }

    @Test func `while the brake is on, a doubtful death is none`() {
        guard case .tokenDead(let token, _, 5, _) = meaning(.dead(reply, since: 5), isBraked: true).change else {
            Issue.record("a sure death counts")
            return
        }
        #expect(token.token == "t")
        #expect(retryAt(meaning(.dead(reply, mayBeMisconfiguration: true), isBraked: true)) == now)
        #expect(retryAt(meaning(.dead(reply, mayBeMisconfiguration: true))) == nil)
    }

    @Test func `a short answer leaves the rest to be tried again, a long one is cut`() {
        let answers: [VendorAnswer] = [.sent(vendorID: "1")]
        let completed = AnswerReading.complete(answers, for: 3)
        #expect(completed.count == 3 && completed[0] == answers[0])
        guard case .retry(let reply, nil, nil) = completed[2] else {
            Issue.record("\(completed[2])")
            return
        }
        #expect(reply.code == "no_answer")
        #expect(AnswerReading.complete(answers + answers, for: 1) == answers)
    }

    // MARK: Batches

    private func push(_ key: Int64, title: String) -> PreparedPush {
        var prepared = VendorPush(
            messageID: "m", tenantNo: "acme", account: "a\(key)", userID: "u\(key)", deviceID: "d\(key)",
            token: PushToken(vendor: .huawei, token: "t\(key)"), timeToLiveSeconds: 60)
        prepared.title = title
        return PreparedPush(job: .sample(key), push: prepared, expiry: nil)
    }

    @Test func `equal contents travel together, up to what a request takes`() {
        let pushes = [push(1, title: "a"), push(2, title: "b"), push(3, title: "a"), push(4, title: "a")]
        func keys(_ form: BatchForm) -> [[Int64]] { PushBatches.make(pushes, form: form).map { $0.map(\.job.key) } }
        #expect(keys(.single) == [[1], [2], [3], [4]])
        #expect(keys(.sameContent(max: 2)) == [[1, 3], [4], [2]])
        #expect(keys(.anyContent(max: 3)) == [[1, 2, 3], [4]])
    }

    @Test(
        arguments: [
            (.sent(vendorID: nil), false, true), (.drop(VendorReply(code: "413")), false, false),
            (.dead(VendorReply(code: "gone")), false, true),
            (.dead(VendorReply(code: "bad"), mayBeMisconfiguration: true), true, false),
            (.dead(VendorReply(code: "illegal", isLocal: true)), nil, false),
            (.drop(VendorReply(code: "bad_url", isLocal: true)), nil, false),
            (.auth(VendorReply(code: "401")), nil, false),
        ] as [(VendorAnswer, Bool?, Bool)])
    func `what an answer says of its token and credential`(
        answer: VendorAnswer, doubtful: Bool?, proves: Bool
    ) {
        #expect(answer.saysOfToken == doubtful && answer.provesCredential == proves)
    }
}
