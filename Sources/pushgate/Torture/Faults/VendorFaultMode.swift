import PushGateClient
import PushSimulators

/// One way in which a vendor lets pushes go wrong, and which a retry or the phone's next token makes good.
struct VendorFaultMode: Sendable {
    let vendor: SimulatedVendor
    /// As the simulator's control page takes it.
    let fault: JSONValue

    init(_ vendor: SimulatedVendor, _ name: String, _ members: KeyValuePairs<String, JSONValue?> = [:]) {
        self.vendor = vendor
        fault = .object(
            [.init("vendor", .string(vendor.rawValue)), .init("fault", .string(name))]
                + (JSONValue.object(members).members ?? []))
    }

    var name: String { "\(vendor) \(fault["fault"]?.string ?? "")" }

    /// It befalls single tokens of requests that are answered.
    var isPerToken: Bool { ["deadTokens", "partialBatch"].contains(fault["fault"]?.string) }

    /// Nobody but who puts the settings again, and a probe each minute, lets pushes go on afterwards.
    var stopsCredential: Bool { fault["fault"]?.string == "expiredAuthorization" }

    /// The first of them needs that nothing is under way to the phones of the dead tokens: what a vendor had shown before
    /// it called the token dead would be shown by the next one, too.
    static func all(dead tokens: [String]) -> [VendorFaultMode] {
        [
            .init(.fcm, "deadTokens", ["tokens": .array(tokens.map { .string($0) })]),
            .init(.fcm, "slow", ["milliseconds": 700]),
            .init(.huawei, "slow", ["milliseconds": 700]),
            .init(.fcm, "hang", ["requests": 5]),
            .init(.huawei, "hang", ["afterAccepting": true, "requests": 3]),
            .init(.fcm, "reset", ["requests": 20]),
            .init(.fcm, "reset", ["afterAccepting": true, "requests": 20]),
            .init(.webhook, "reset", ["afterAccepting": true, "requests": 20]),
            .init(.fcm, "tooManyRequests", ["retryAfter": 2]),
            .init(.fcm, "tooManyRequests"),
            .init(.honor, "tooManyRequests", ["retryAfterDate": 3]),
            .init(.huawei, "serverError", ["status": 503]),
            .init(.webhook, "serverError", ["status": 500]),
            .init(.fcm, "serverError", ["status": 503, "retryAfter": 2]),
            .init(.honor, "serverError", ["status": 503, "retryAfterDate": 3]),
            .init(.fcm, "expiredAuthorization", ["on": "login", "requests": 3]),
            .init(.fcm, "expiredAuthorization", ["requests": 3]),
            .init(.huawei, "expiredAuthorization", ["requests": 3]),
            .init(.honor, "partialBatch", ["every": 5, "requests": 1]),
            .init(.fcm, "garbage", ["requests": 20]),
            .init(.fcm, "goAway", ["afterRequests": 10]),
            .init(.huawei, "refuseStream", ["requests": 10]),
        ]
    }

    static let count = all(dead: []).count
}
