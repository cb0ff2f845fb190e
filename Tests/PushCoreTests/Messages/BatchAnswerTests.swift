import PushTestSupport
import Testing

@testable import PushCore

@Suite struct BatchAnswerTests {
    private func accepted(_ id: String, duplicate: Bool = false) -> BatchAnswer.Result {
        let acceptance = Acceptance(
            id: id, serverTime: 1_700_000_000_000, recipients: 100_000, isDuplicate: duplicate, ownSeq: 12_345_678_901,
            unknown: ["nobody"])
        return .init(id: id, outcome: .success(acceptance))
    }

    private func refused(_ id: String?, _ detail: String) -> BatchAnswer.Result {
        .init(id: id, outcome: .failure(.invalid("/content/text", detail)))
    }

    @Test func `a result is the answer alone with its status`() {
        let answer = BatchAnswer(results: [accepted("m1"), refused("m2", "no"), refused(nil, "no")])
        #expect(
            answer.json.text
                == #"{"results":[{"id":"m1","status":200,"serverTime":1700000000000,"recipients":100000,"#
                + #""duplicate":false,"seq":12345678901,"unknown":["nobody"]},"#
                + #"{"id":"m2","status":400,"code":"invalid_request","detail":"no","#
                + #""errors":[{"pointer":"/content/text","detail":"no"}]},"#
                + #"{"status":400,"code":"invalid_request","detail":"no","#
                + #""errors":[{"pointer":"/content/text","detail":"no"}]}]}"#)
        #expect(answer.json(bytesMax: answer.json.bytes.count) == answer.json)
    }

    @Test func `it is shortened as far as it has to be`() {
        let long = String(repeating: "é", count: 400)
        let answer = BatchAnswer(results: [accepted("m1"), refused("m2", long)])
        let short = answer.json(bytesMax: 500).text
        #expect(short.contains(#""serverTime""#) && !short.contains("unknown") && !short.contains("errors"))
        #expect(short.contains(String(repeating: "é", count: 30) + "…"))
        #expect(
            answer.json(bytesMax: 10).text
                == #"{"results":[{"id":"m1","status":200,"seq":12345678901},"#
                + #"{"id":"m2","status":400,"code":"invalid_request"}]}"#)
        #expect(BatchAnswer(results: [accepted("m1", duplicate: true)]).json(bytesMax: 1).text.contains("duplicate"))
    }

    @Test func `the largest batch of the longest ids fits a reply over MQTT`() {
        let limits = Limits()
        let room = limits.mqttPageBytesMax - 1024
        let id = String(repeating: "i", count: 64)
        let conflict = GatewayError(.messageIDConflict, String(repeating: "d", count: 500))
        let longest = [
            accepted(id, duplicate: true), .init(id: id, outcome: .failure(conflict)),
            refused(String(repeating: "\u{0}", count: 3000), "no"),
        ]
        for result in longest {
            let answer = BatchAnswer(results: Array(repeating: result, count: limits.batchMessagesMax))
            #expect(answer.json.bytes.count > room)
            #expect(answer.json(bytesMax: room).bytes.count <= room)
        }
    }
}
