import Crypto

/// What OPPO's console gives out for an app.
struct OPPOCredentials: Sendable {
    let appKey = LoginTokens.random(bytes: 16)
    let masterSecret = LoginTokens.random(bytes: 16)

    func settings(endpoint: String) -> JSONValue {
        ["appKey": .string(appKey), "masterSecret": .string(masterSecret), "endpoint": .string(endpoint)]
    }
}

/// `POST /server/v1/auth`: `sign` is the SHA-256, in hexadecimal, of app key, timestamp and master secret.
struct OPPOLogin: Sendable {
    private static let mostMillisecondsOff: Int64 = 600_000
    private static let tokenSeconds: Int64 = 86_400
    private let credentials: OPPOCredentials
    private let tokens: LoginTokens
    private let clock: @Sendable () -> Int64

    init(credentials: OPPOCredentials, clock: @escaping @Sendable () -> Int64) {
        self.credentials = credentials
        tokens = LoginTokens(lifetimeSeconds: Self.tokenSeconds, clock: clock)
        self.clock = clock
    }

    func isValid(_ token: String) -> Bool { tokens.isValid(token) }

    func answer(_ request: SimulatorRequest) -> SimulatorResponse {
        guard let form = FormFields(request) else {
            return OPPOCode.invalidArgument.response(refusal: "the body is no form")
        }
        guard let key = form["app_key"], !key.isEmpty else { return OPPOCode.missingKey.response(refusal: "app_key") }
        guard let timestamp = form["timestamp"], !timestamp.isEmpty else {
            return OPPOCode.missingTimestamp.response(refusal: "timestamp")
        }
        guard let sign = form["sign"], !sign.isEmpty else { return OPPOCode.missingSignature.response(refusal: "sign") }
        guard key == credentials.appKey else { return OPPOCode.invalidKey.response(refusal: "another app_key") }
        let now = clock()
        guard let time = Int64(timestamp), time > now - Self.mostMillisecondsOff, time < now + Self.mostMillisecondsOff
        else { return OPPOCode.invalidTimestamp.response(refusal: "timestamp is \(timestamp)") }
        guard sign == LoginTokens.hex(SHA256.hash(data: Array("\(key)\(timestamp)\(credentials.masterSecret)".utf8)))
        else {
            return OPPOCode.invalidSignature.response(refusal: "sign")
        }
        var members = OPPOCode.success.members
        members["data"] = ["auth_token": .string(tokens.issue()), "create_time": .integer(now)]
        return .json(200, JSONValue.object(members).text)
    }
}
