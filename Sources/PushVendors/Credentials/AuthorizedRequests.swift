import NIOCore
import NIOHTTP1
import PushCore

/// Requests that carry an access token: it is fetched once and renewed early, and when the vendor says that it has
/// ended, the request is repeated once with a new one. That is safe: a request that was refused for its token did
/// nothing.
struct AuthorizedRequests: Sendable {
    /// What came of a request: the vendor's reply, or an answer where there is no reply to read.
    enum Outcome: Sendable {
        case reply(OutboundReply)
        case answered(VendorAnswer)
    }

    let client: OutboundClient
    let accessToken: AccessTokenCache
    /// For the request, its login and its repeat together.
    let requestTimeout: TimeAmount

    /// - Parameters:
    ///   - deadline: where several requests share their time; else ``requestTimeout`` from now.
    ///   - isRefused: whether the reply says that the access token has ended.
    func send(
        deadline: NIODeadline? = nil, isRefused: @Sendable (OutboundReply) -> Bool,
        request: @Sendable (AccessToken) -> OutboundRequest
    ) async -> Outcome {
        let deadline = deadline ?? NIODeadline.now() + requestTimeout
        var last = Outcome.answered(.retry(VendorReply(code: "no_access_token")))
        for isRepeat in [false, true] {
            let access: AccessToken
            switch await accessToken.current(until: deadline) {
            case .success(let current): access = current
            case .failure(let failure): return .answered(failure.answer)
            }
            guard NIODeadline.now() < deadline else { return .answered(.retry(VendorReply(code: "login_slow"))) }
            switch await client.send(request(access), deadline: deadline) {
            case .failure(let fault): return .answered(fault.answer)
            case .success(let reply):
                last = .reply(reply)
                guard isRefused(reply) else { return last }
                await accessToken.invalidate(access)
                if isRepeat { return last }
            }
        }
        return last
    }

    /// Whether there is, or can be had, an access token: what a vendor without a dry run can be asked.
    func checkLogin() async -> VendorAnswer {
        switch await accessToken.current() {
        case .success: .sent(vendorID: nil)
        case .failure(let failure): failure.answer
        }
    }
}
