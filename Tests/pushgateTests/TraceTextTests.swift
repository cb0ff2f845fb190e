import PushGateClient
import Testing

@testable import pushgate

@Suite("A trace in sentences")
struct TraceTextTests {
    private func lines(trace: JSONValue) -> [String] {
        TraceText([
            "message": ["id": "m1", "from": "acct_a", "to": "acct_b", "serverTime": 1_700_000_000_123],
            "trace": trace,
        ]).lines
    }

    @Test func `each device has its outcome and its stages in order`() {
        let lines = lines(trace: [
            [
                "userId": "bob", "deviceId": "dev_b", "outcome": "pushed",
                "stages": [
                    ["stage": "archived", "at": 1_700_000_000_123],
                    ["stage": "push_accepted", "at": 1_700_000_001_000, "vendor": "fcm", "vendorId": "v-1"],
                ],
            ]
        ])
        #expect(
            lines == [
                "m1: from acct_a to acct_b, archived 2023-11-14T22:13:20.123Z",
                "  bob on dev_b: pushed",
                "    2023-11-14T22:13:20.123Z  archived",
                "    2023-11-14T22:13:21.000Z  push_accepted by fcm as v-1",
            ])
    }

    @Test(arguments: [
        "waiting", "push_disabled", "no_token", "token_dead", "vendor_not_configured", "vendor_refused", "background",
        "policy_never", "expired", "revoked", "burned", "deregistered", "own", "event", "read", "superseded",
        "cancelled", "quota",
    ])
    func `a device that did not get it has the reason and what can be done`(reason: String) {
        let lines = lines(trace: [
            [
                "userId": "bob", "deviceId": "dev_b", "outcome": "not_pushed", "reason": .string(reason),
                "stages": [["stage": "push_skipped", "at": 1_700_000_000_200, "detail": "as the vendor said"]],
            ]
        ])
        #expect(lines[1] == "  bob on dev_b: not_pushed (\(reason))")
        #expect(lines[2].hasSuffix("push_skipped: as the vendor said"))
        #expect(lines.count == 4)
        #expect(lines.last?.hasPrefix("    -> ") == true)
    }

    @Test func `an acknowledged message needs no advice`() {
        let lines = lines(trace: [
            ["userId": "bob", "deviceId": "dev_b", "outcome": "acknowledged", "reason": "no_token", "stages": []]
        ])
        #expect(lines.count == 2)
    }

    @Test func `it says so when there was no device`() {
        #expect(lines(trace: []).last == "  nobody's device was there to get it")
    }
}
