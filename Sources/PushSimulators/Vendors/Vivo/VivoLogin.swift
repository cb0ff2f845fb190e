import Crypto

/// What vivo's console gives out for an app.
struct VivoCredentials: Sendable {
    let appId: Int64 = 105_000_001
    let appKey = LoginTokens.random(bytes: 16)
    let appSecret = LoginTokens.random(bytes: 18)

    func settings(endpoint: String) -> JSONValue {
        [
            "appId": .string(String(appId)), "appKey": .string(appKey), "appSecret": .string(appSecret),
            "endpoint": .string(endpoint),
        ]
    }
}

/// `POST /message/auth`: `sign` is the MD5, in lower-case hexadecimal, of app id, app key, timestamp and app secret.
struct VivoLogin: Sendable {
    private static let mostMillisecondsOff: Int64 = 600_000
    private static let tokenSeconds: Int64 = 86_400
    private let credentials: VivoCredentials
    private let tokens: LoginTokens
    private let clock: @Sendable () -> Int64

    init(credentials: VivoCredentials, clock: @escaping @Sendable () -> Int64) {
        self.credentials = credentials
        tokens = LoginTokens(lifetimeSeconds: Self.tokenSeconds, clock: clock)
        self.clock = clock
    }

    func isValid(_ token: String) -> Bool { tokens.isValid(token) }

    func answer(_ fields: CodedFields) throws(CodedRefusal) -> SimulatorResponse {
        // Here the app id may also be text; in messages it is a number.
        guard let appId = fields["appId"]?.integer ?? fields["appId"]?.string.flatMap({ Int64($0) }) else {
            throw CodedRefusal(VivoResult.parameters, "appId is missing")
        }
        guard let appKey = try fields.text("appKey", most: 256) else {
            throw CodedRefusal(VivoResult.parameters, "appKey is missing")
        }
        guard let timestamp = fields["timestamp"]?.integer else {
            throw CodedRefusal(VivoResult.parameters, "timestamp is no number")
        }
        guard let sign = try fields.text("sign", most: 256) else {
            throw CodedRefusal(VivoResult.parameters, "sign is missing")
        }
        guard appId == credentials.appId, appKey == credentials.appKey else {
            throw CodedRefusal(VivoResult.authorizationFailed, "another appId or appKey")
        }
        let now = clock()
        guard timestamp > now - Self.mostMillisecondsOff, timestamp < now + Self.mostMillisecondsOff else {
            throw CodedRefusal(VivoResult.authorizationFailed, "timestamp is more than 10 minutes off")
        }
        let signed = "\(appId)\(appKey)\(timestamp)\(credentials.appSecret)"
        guard sign == LoginTokens.hex(Insecure.MD5.hash(data: Array(signed.utf8))) else {
            throw CodedRefusal(VivoResult.authorizationFailed, "the signature is wrong")
        }
        var members = VivoResult.members(VivoResult.success, "success")
        members["authToken"] = .string(tokens.issue())
        return .json(200, JSONValue.object(members).text)
    }
}
