import PushCore

/// A token a vendor gave for a while (OAuth 2.0, RFC 6749 and their like).
struct AccessToken: Sendable, Equatable {
    let text: String
    /// From this time on a new one is fetched.
    let renewAt: Milliseconds

    /// Renewed five minutes before it ends; a token that lives less than ten minutes, at half its life.
    init(text: String, issuedAt: Milliseconds, lifetimeSeconds: Int64) {
        self.text = text
        let lifetime = max(lifetimeSeconds, 0) * 1000
        renewAt = issuedAt + max(lifetime - 300_000, lifetime / 2)
    }
}

/// Why there is no access token: what the push that needed it is answered.
struct LoginFailure: Error, Sendable, Equatable {
    let answer: VendorAnswer
}

/// Keeps one access token and fetches the next one once, however many pushes wait for it.
actor AccessTokenCache {
    private let clock: WallClock
    private let fetch: @Sendable () async -> Result<AccessToken, LoginFailure>
    private var token: AccessToken?
    private var fetching: Task<Result<AccessToken, LoginFailure>, Never>?

    init(clock: WallClock, fetch: @escaping @Sendable () async -> Result<AccessToken, LoginFailure>) {
        self.clock = clock
        self.fetch = fetch
    }

    /// The token, fetched when there is none or its time is up.
    func current() async -> Result<AccessToken, LoginFailure> {
        if let token, clock.now < token.renewAt { return .success(token) }
        if let fetching { return await fetching.value }
        let task = Task { [fetch] in await RequestStart.unreported { await fetch() } }
        fetching = task
        let result = await task.value
        fetching = nil
        if case .success(let fresh) = result { token = fresh }
        return result
    }

    /// The vendor refused this token: forget it, unless another one has come in between.
    func invalidate(_ refused: AccessToken) {
        if token == refused { token = nil }
    }
}
