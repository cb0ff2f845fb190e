import NIOCore
import PushCore
import Synchronization

/// A token a vendor gave for a while (OAuth 2.0, RFC 6749 and their like).
struct AccessToken: Sendable, Equatable {
    let text: String
    /// From this time on a new one is fetched.
    let renewAt: Milliseconds
    /// Until then it can be used, if no new one is to be had.
    let expiresAt: Milliseconds

    /// Renewed five minutes before it ends; a token that lives less than ten minutes, at half its life.
    ///
    /// - Parameter renewedAfterSeconds: where the vendor wants it renewed earlier.
    init(text: String, issuedAt: Milliseconds, lifetimeSeconds: Int64, renewedAfterSeconds: Int64? = nil) {
        self.text = text
        let lifetime = max(lifetimeSeconds, 0) * 1000
        let renewal = max(lifetime - 300_000, lifetime / 2)
        renewAt = issuedAt + min(renewal, renewedAfterSeconds.map { $0 * 1000 } ?? renewal)
        expiresAt = issuedAt + lifetime
    }
}

/// Why there is no access token: what the push that needed it is answered.
struct LoginFailure: Error, Sendable, Equatable {
    let answer: VendorAnswer
}

/// Keeps one access token and fetches the next one once, however many pushes wait for it.
///
/// While the old token lives, a renewal that fails harms nobody: the old one is used, and the login is tried again after
/// a minute. A token that the vendor refused is not used again.
actor AccessTokenCache {
    static let renewalPause: Milliseconds = 60_000

    private let clock: WallClock
    private let fetch: @Sendable () async -> Result<AccessToken, LoginFailure>
    /// Outside the actor: nearly every push finds a good token here and waits for nobody.
    private let kept = Mutex<AccessToken?>(nil)
    private var renewalFailedAt: Milliseconds?
    private var fetching: Task<Result<AccessToken, LoginFailure>, Never>?

    init(clock: WallClock, fetch: @escaping @Sendable () async -> Result<AccessToken, LoginFailure>) {
        self.clock = clock
        self.fetch = fetch
    }

    private var token: AccessToken? {
        get { kept.withLock { $0 } }
        set { kept.withLock { $0 = newValue } }
    }

    /// The token, fetched when there is none or its time is up.
    func current() async -> Result<AccessToken, LoginFailure> {
        if let token, isGood(token) { return .success(token) }
        if let fetching { return fallback(after: await fetching.value) }
        let task = Task { [fetch] in await RequestStart.unreported { await fetch() } }
        fetching = task
        let result = await task.value
        fetching = nil
        switch result {
        case .success(let fresh):
            token = fresh
            renewalFailedAt = nil
        case .failure: renewalFailedAt = clock.now
        }
        return fallback(after: result)
    }

    /// ``current()``, waited for until the deadline at most; a login that takes longer goes on for those that follow.
    nonisolated func current(until deadline: NIODeadline) async -> Result<AccessToken, LoginFailure> {
        let left = deadline - .now()
        let late = LoginFailure(answer: .retry(VendorReply(code: "login_slow")))
        guard left > .nanoseconds(0) else { return .failure(late) }
        if let token = kept.withLock({ $0 }), clock.now < token.renewAt { return .success(token) }
        let (results, input) = AsyncStream.makeStream(
            of: Result<AccessToken, LoginFailure>.self, bufferingPolicy: .bufferingOldest(1))
        Task { input.yield(await self.current()) }
        let timer = Task {
            try? await Task.sleep(for: .nanoseconds(left.nanoseconds))
            input.yield(.failure(late))
        }
        defer { timer.cancel() }
        return await results.first { _ in true } ?? .failure(late)
    }

    /// The vendor refused this token: forget it, unless another one has come in between.
    func invalidate(_ refused: AccessToken) {
        if token == refused { token = nil }
    }

    private func isGood(_ token: AccessToken) -> Bool {
        let now = clock.now
        if now < token.renewAt { return true }
        guard let renewalFailedAt, now < token.expiresAt else { return false }
        return now >= renewalFailedAt && now - renewalFailedAt < Self.renewalPause
    }

    private func fallback(after result: Result<AccessToken, LoginFailure>) -> Result<AccessToken, LoginFailure> {
        if case .failure = result, let token, clock.now < token.expiresAt { return .success(token) }
        return result
    }
}
