import NIOHTTP1
import PushCore
import Testing

@testable import PushVendors

@Suite struct VivoReplyTests {
    private func overrides(_ text: String = "{}") throws -> ReplyOverrides {
        var reader = SettingsReader(try json(#"{"replies":\#(text)}"#))
        let read = ReplyOverrides(&reader, success: "0")
        try reader.finish()
        return read
    }

    private func read(_ body: String, status: Int = 200, headers: HTTPHeaders = [:], replies: String = "{}") throws
        -> VivoReply
    {
        VivoReply(
            OutboundReply(status: status, headers: headers, body: Array(body.utf8)), overrides: try overrides(replies),
            now: exampleNow)
    }

    private let one = [push(.vivo, token: "t1")]
    private let three = (1...3).map { push(.vivo, token: "t\($0)") }

    enum Meaning: Sendable {
        case sent, auth, drop, retry, tomorrow, atSeven
        case slow(Int)
        case dead
    }

    /// 2023-11-14T22:13:20Z is 06:13:20 of the next day in Beijing.
    private func expected(_ meaning: Meaning, _ said: VendorReply) -> VendorAnswer {
        switch meaning {
        case .sent: .sent(vendorID: "77")
        case .auth: .auth(said)
        case .drop: .drop(said)
        case .retry: .retry(said)
        case .tomorrow: .slow(said, scope: .messageClass, after: .seconds(17 * 3600 + 46 * 60 + 40))
        case .atSeven: .slow(said, scope: .messageClass, after: .seconds(46 * 60 + 40))
        case .slow(let seconds): .slow(said, scope: .credential, after: .seconds(seconds))
        case .dead: .dead(said, mayBeMisconfiguration: true)
        }
    }

    /// Every row of the table, the code as a number and as a text.
    @Test(arguments: [
        (0, Meaning.sent), (10000, .auth), (10040, .retry), (10043, .slow(60)), (10045, .slow(60)), (10050, .drop),
        (10051, .drop), (10054, .drop), (10055, .drop), (10056, .drop), (10200, .drop), (10201, .drop),
        (10202, .drop), (10203, .drop), (10204, .drop), (10205, .drop), (10206, .drop), (10207, .drop),
        (10070, .tomorrow), (10073, .tomorrow), (10071, .atSeven), (10072, .slow(60)), (10093, .slow(1)),
        (10085, .drop), (10104, .drop), (10094, .auth), (10096, .auth), (10097, .auth), (10252, .tomorrow),
        (10254, .tomorrow), (10302, .dead),
    ])
    func `each result has its meaning`(result: Int, meaning: Meaning) throws {
        for status in [200, 500] {
            for code in ["\(result)", "\"\(result)\""] {
                let read = try read(#"{"result":\#(code),"desc":"words","taskId":77}"#, status: status)
                let said = VendorReply(code: "\(result)", text: "words")
                // A code of success counts with a status of success alone.
                let isFalse = result == 0 && status == 500
                #expect(read.answers(for: one) == [isFalse ? .retry(said) : expected(meaning, said)])
                #expect(read.isSuccess == (result == 0 && status == 200))
                #expect(read.isRefusedAuthorization == (result == 10000))
            }
        }
    }

    @Test(arguments: [
        (200, VendorAnswer.retry(VendorReply(code: "99999"), triesMax: 3)), (401, .auth(VendorReply(code: "99999"))),
        (404, .auth(VendorReply(code: "99999"))), (413, .drop(VendorReply(code: "99999"))),
        (429, .slow(VendorReply(code: "99999"), scope: .credential)), (503, .retry(VendorReply(code: "99999"))),
    ])
    func `a result that nobody knows leaves it to the status`(status: Int, expected: VendorAnswer) throws {
        let read = try read(#"{"result":99999}"#, status: status)
        #expect(read.answers(for: one) == [expected] && read.isUncertain)
    }

    @Test(arguments: ["", "<html>", "[]", "{}", #"{"result":null}"#, #"{"result":true}"#])
    func `garbage is no answer`(body: String) throws {
        #expect(try read(body).answers(for: one) == [.unknown(VendorReply(code: "200"))])
        #expect(
            try read(body, status: 502, headers: ["retry-after": "9"]).answers(for: one)
                == [.retry(VendorReply(code: "502"), after: .seconds(9))])
        #expect(
            try read(body, status: 503, headers: ["retry-after": "Tue, 14 Nov 2023 22:15:20 GMT"]).answers(for: one)
                == [.retry(VendorReply(code: "503"), after: .seconds(120))])
        #expect(try read(body, status: 401).isRefusedAuthorization)
    }

    @Test func `a tenant can say what an open code means`() throws {
        let replies = #"{"10043":"auth","99999":"drop","10050":"slow_until_next_day"}"#
        #expect(
            try read(#"{"result":10043}"#, replies: replies).answers(for: one) == [.auth(VendorReply(code: "10043"))])
        #expect(
            try read(#"{"result":99999}"#, replies: replies).answers(for: one) == [.drop(VendorReply(code: "99999"))])
        #expect(
            try read(#"{"result":10050}"#, replies: replies).answers(for: one)
                == [expected(.tomorrow, VendorReply(code: "10050"))])
    }

    /// Every row of the statuses of a token; number or text, one or a list, under either name.
    @Test(arguments: [
        (#"{"userid":"t1","status":1}"#, VendorAnswer.dead(VendorReply(code: "invalidUser 1"))),
        (#"{"userid":"t1","status":"2"}"#, .dead(VendorReply(code: "invalidUser 2"))),
        (#"{"userid":"t1","status":3}"#, .drop(VendorReply(code: "invalidUser 3"))),
        (#"{"userid":"t1","status":4}"#, .auth(VendorReply(code: "invalidUser 4"))),
        (#"{"userid":"t1","status":9}"#, .drop(VendorReply(code: "invalidUser 9"))),
        (#"{"userid":"t1"}"#, .drop(VendorReply(code: "invalidUser ?"))),
        (#"{"status":1}"#, .dead(VendorReply(code: "invalidUser 1"))),
        (#"{"userid":"other","status":1}"#, .sent(vendorID: "77")),
    ])
    func `a token that is named is answered for itself`(user: String, expected: VendorAnswer) throws {
        for name in ["invalidUser", "invalidUsers"] {
            for value in [user, "[\(user)]"] {
                let read = try read(#"{"result":0,"taskId":"77","\#(name)":\#(value)}"#)
                #expect(read.answers(for: one) == [expected])
            }
        }
    }

    @Test func `in a list only the named tokens die`() throws {
        let users = #"[{"userid":"t2","status":1},{"userid":3,"status":2}]"#
        #expect(
            try read(#"{"result":0,"invalidUsers":\#(users)}"#).answers(for: three)
                == [.sent(vendorID: nil), .dead(VendorReply(code: "invalidUser 1")), .sent(vendorID: nil)])
        #expect(
            try read(#"{"result":0,"invalidUsers":\#(users)}"#).answers(for: [push(.vivo, token: "3")] + one)
                == [.dead(VendorReply(code: "invalidUser 2")), .sent(vendorID: nil)])
    }

    @Test func `a list that is refused for some tokens comes again without them`() throws {
        let said = VendorReply(code: "10302")
        let again = VendorAnswer.retry(said)
        #expect(
            try read(#"{"result":10302,"invalidUsers":[{"userid":"t2","status":1}]}"#).answers(for: three)
                == [again, .dead(said, mayBeMisconfiguration: true), again])
        #expect(
            try read(#"{"result":10302}"#).outcome(for: three) == .undivided(.dead(said, mayBeMisconfiguration: true)))
        #expect(
            try read(#"{"result":10302,"invalidUser":{"userid":"t1","status":1}}"#).answers(for: one)
                == [.dead(said, mayBeMisconfiguration: true)])
    }

    @Test func `a token in an answer is not repeated`() throws {
        #expect(
            try read(#"{"result":10050,"desc":"no secrettoken99"}"#).answers(for: [push(.vivo, token: "secrettoken99")])
                == [.drop(VendorReply(code: "10050", text: "no …en99"))])
    }
}

extension VivoReply {
    /// Nothing where halves have to tell.
    fileprivate func answers(for batch: [VendorPush]) -> [VendorAnswer] {
        if case .each(let answers) = outcome(for: batch) { return answers }
        return []
    }
}
