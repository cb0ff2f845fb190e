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

    @Test func `a device that did not get it has the reason and what can be done`() {
        let lines = lines(trace: [
            [
                "userId": "bob", "deviceId": "dev_b", "outcome": "not_pushed", "reason": "vendor_refused",
                "remedy": "Check topic.",
                "stages": [
                    [
                        "stage": "push_failed", "at": 1_700_000_000_200, "vendor": "apns", "detail": "429",
                        "remedy": "Slower.",
                    ],
                    [
                        "stage": "push_failed", "at": 1_700_000_000_300, "vendor": "apns", "detail": "BadTopic",
                        "remedy": "Check topic.",
                    ],
                ],
            ]
        ])
        #expect(
            Array(lines.dropFirst()) == [
                "  bob on dev_b: not_pushed (vendor_refused)",
                "    2023-11-14T22:13:20.200Z  push_failed by apns: 429",
                "      -> Slower.",
                "    2023-11-14T22:13:20.300Z  push_failed by apns: BadTopic",
                "    -> Check topic.",
            ])
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
