import HTTPTypes
import Hummingbird
import PushCore
import PushTestSupport
import Testing

@Suite struct FuzzTests {
    /// xorshift64*: the same requests on every run, so that a failure can be found again.
    private struct Random: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return state &* 2_685_821_657_736_338_717
        }
    }

    private static let paths = [
        "/v1/messages", "/v1/messages/sync?after=1&limit=5", "/v1/messages/ack", "/v1/messages/m1", "/v1/devices",
        "/v1/devices/me", "/v1/groups", "/v1/groups/g1/members?limit=2", "/v1/accounts/%E5%BC%A0", "/oauth/token",
        "/v1/admin/tenants", "/v1/admin/apps?tenantNo=acme", "/v1/settings/push/apns?app=x", "/readyz",
        "/v1/messages/batch", "/v1/messages/import", "/v1/messages/lookup?key=1_2_3",
    ]
    private static let bodies = [
        #"{"id":"m1","to":"acct_9","type":0,"content":{"text":"hi"},"push":{"title":"t","data":{"a":1}}}"#,
        #"{"uniqueCode":"c","userId":"u","osType":"IOS","pushTokens":[{"vendor":"apns","token":"t"}]}"#,
        #"{"groupId":"g1","name":"n","users":["a","b"]}"#, #"{"seq":1,"broadcastSeq":2}"#, #"{"tenantNo":"x"}"#,
        "grant_type=client_credentials&client_id=a&client_secret=b", #"{"audience":{"users":["a"]},"type":"TEXT"}"#,
        #"{"messages":[{"id":"m1","from":"user:a","to":"acct_9","type":0,"content":{"text":"hi"},"timestamp":1}],"dryRun":false}"#,
    ]
    private static let methods: [HTTPRequest.Method] = [.get, .post, .put, .patch, .delete, .head, .options]

    @Test func `mutated requests never end in a fault of the gateway`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { [fixture] call in
            var random = Random(state: 0x5DEE_CE66_D1CE_4E5B)
            let tokens = [fixture.appToken, fixture.deviceToken, fixture.adminToken, "a.b.c", nil]
            let types = ["application/json", "application/x-www-form-urlencoded", "text/x", nil]
            var seen: [Int: Int] = [:]
            for _ in 0..<4000 {
                let path = mutate(Self.paths.randomElement(using: &random) ?? "/", printable: true, &random)
                let body = mutate(Self.bodies.randomElement(using: &random) ?? "", printable: false, &random)
                let method = Self.methods.randomElement(using: &random) ?? .get
                let reply = try await call(
                    method, path, body, bearer: tokens.randomElement(using: &random) ?? nil,
                    type: types.randomElement(using: &random) ?? nil)
                seen[reply.status, default: 0] += 1
                if reply.status >= 500 { Issue.record("\(method) \(path) \(body) gave \(reply.status)") }
            }
            #expect(seen[400] ?? 0 > 0)
            #expect(seen.keys.contains { $0 < 300 })
        }
    }

    private func mutate(_ text: String, printable: Bool, _ random: inout Random) -> String {
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            let byte =
                printable ? UInt8.random(in: 0x21...0x7E, using: &random) : UInt8.random(in: 0...255, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[index] = byte
            case 1: bytes.remove(at: index)
            case 2: bytes.insert(byte, at: index)
            default: bytes.insert(contentsOf: bytes[index...], at: index)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
