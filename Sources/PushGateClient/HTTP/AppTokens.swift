/// Access tokens of one app (RFC 6749, 4.4), fetched when there is none or the last one is about to end.
actor AppTokens {
    private let appID: String
    private let secret: String
    private var token: String?
    private var endsAt = ContinuousClock.now
    /// Callers that come while a token is being fetched wait for the same one.
    private var fetching: Task<String, any Error>?

    init(appID: String, secret: String) {
        self.appID = appID
        self.secret = secret
    }

    func current(from api: GatewayAPI) async throws -> String {
        if let token, ContinuousClock.now < endsAt { return token }
        if let fetching { return try await fetching.value }
        let task = Task { try await fetch(from: api) }
        fetching = task
        defer { fetching = nil }
        return try await task.value
    }

    func forget() { token = nil }

    private func fetch(from api: GatewayAPI) async throws -> String {
        let fetched = try await api.token(appID: appID, secret: secret)
        token = fetched.value
        // Not up to the last second: a token must still be good when the request arrives.
        endsAt = .now + .seconds(max(1, fetched.expiresInSeconds - 60))
        return fetched.value
    }
}
