/// What a device sends about itself at registration and in PATCH: read from the body, every member checked.
public struct DeviceDraft: Sendable {
    public let uniqueCode: String?
    public let userID: String?
    public let osType: OSType?
    /// nil: not named. An empty list removes all.
    public let tokens: [PushToken]?
    public let pushEnabled: Bool?
    public let info: RawJSON?
    /// Names the app where registration is open.
    public let appID: String?

    public init(parsing body: RawJSON, limits: Limits) throws(GatewayError) {
        guard let object = body.object else { throw .invalid("", "The body must be a JSON object.") }
        var reader = BodyReader(object)
        uniqueCode = reader.string("uniqueCode") { IDRules.isUniqueCode($0) }
        userID = reader.string("userId") { IDRules.isUserID($0) }
        appID = reader.string("appId") { IDRules.isID($0) }
        osType = reader.value("osType", expected: "1, 2, 3, 4, -1 or a name of those") { OSType($0) }
        pushEnabled = reader.bool("pushEnabled")
        info = reader.value("device", expected: "an object of at most \(limits.deviceInfoBytesMax) bytes") { value in
            value.kind == .object && value.bytes.count <= limits.deviceInfoBytesMax ? value : nil
        }
        tokens = Self.readTokens(object, limits: limits, into: &reader)
        try reader.finish()
    }

    private static func readTokens(
        _ object: JSONObject, limits: Limits, into reader: inout BodyReader
    ) -> [PushToken]? {
        var tokens: [PushToken] = []
        var isNamed = false
        if object["pushToken"] != nil || object["pushVendor"] != nil {
            isNamed = true
            let text = reader.string("pushToken") { isToken($0) }
            let vendor = reader.value("pushVendor", expected: vendorNames) { $0.string.flatMap(Vendor.init) }
            if let text, let vendor {
                tokens.append(PushToken(vendor: vendor, token: text))
            } else {
                reader.fault("pushToken", "pushToken and pushVendor go together.")
            }
        }
        if let list = object["pushTokens"] {
            isNamed = true
            guard let elements = list.array, elements.count <= limits.pushTokensPerDeviceMax else {
                reader.fault("pushTokens", "Expected a list of at most \(limits.pushTokensPerDeviceMax) tokens.")
                return nil
            }
            for (index, element) in elements.enumerated() {
                guard let token = readToken(element) else {
                    reader.fault(
                        "pushTokens/\(index)",
                        "Expected vendor (\(vendorNames)), token (1-\(PushToken.bytesMax) bytes), kind (alert, voip) "
                            + "and environment (production, sandbox).")
                    continue
                }
                if !tokens.contains(where: { $0.vendor == token.vendor && $0.token == token.token }) {
                    tokens.append(token)
                }
            }
        }
        return isNamed ? tokens : nil
    }

    private static let vendorNames = Vendor.allCases.map(\.rawValue).joined(separator: ", ")

    private static func isToken(_ text: String) -> Bool {
        (1...PushToken.bytesMax).contains(text.utf8.count) && text.unicodeScalars.allSatisfy { $0.value >= 0x20 }
    }

    private static func readToken(_ value: RawJSON) -> PushToken? {
        guard let object = value.object, let vendor = object["vendor"]?.string.flatMap(Vendor.init),
            let text = object["token"]?.string, isToken(text)
        else { return nil }
        var kind = PushToken.Kind.alert
        if let named = object["kind"] {
            guard let known = named.string.flatMap(PushToken.Kind.init) else { return nil }
            kind = known
        }
        var environment = PushToken.Environment.production
        if let named = object["environment"] {
            guard let known = named.string.flatMap(PushToken.Environment.init) else { return nil }
            environment = known
        }
        return PushToken(vendor: vendor, token: text, kind: kind, environment: environment)
    }
}
