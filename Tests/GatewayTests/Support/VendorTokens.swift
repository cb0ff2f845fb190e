import PushGateClient
import PushSimulators

extension SimulatedVendor {
    /// Those whose requests take several pushes.
    static let batching = [SimulatedVendor.huawei, .honor, .xiaomi, .oppo, .vivo, .meizu]

    /// Those that have a form which shows nothing.
    static let silent = [SimulatedVendor.apns, .fcm, .huawei, .honor, .xiaomi, .wns, .webhook]
}

extension VendorSimulator {
    /// A push token in the form that the vendor gives out. Browsers and Windows make a new one each time.
    func token(_ vendor: SimulatedVendor, _ name: String) throws -> DeviceRegistration.PushToken {
        let text =
            switch vendor {
            case .webpush: try subscribe().token
            case .wns: openChannel()
            case .apns: Self.hexadecimal(name)
            default: "token-of-\(name)"
            }
        return .init(vendor: vendor.rawValue, token: text)
    }

    /// 64 digits that begin with the name's.
    private static func hexadecimal(_ name: String) -> String {
        let digits = name.utf8.map { String($0, radix: 16) }.joined()
        return digits + String(repeating: "0", count: max(0, 64 - digits.count))
    }
}

extension VendorSimulator {
    /// The body of the vendor's settings, with some members changed; nil takes one away.
    func settings(_ vendor: SimulatedVendor, changing changes: [String: JSONValue?] = [:]) throws -> JSONValue {
        let settings = try JSONValue(parsing: Array(credentials.settings(for: vendor).utf8))
        var members = (settings.members ?? []).filter { changes[$0.name] == nil }
        for (name, value) in changes.sorted(by: { $0.key < $1.key }) {
            if let value { members.append(.init(name, value)) }
        }
        return .object(members)
    }
}
