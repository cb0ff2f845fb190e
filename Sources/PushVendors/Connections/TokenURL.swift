import PushCore

/// Where to send when the device's token is itself the URL (web push, WNS). A device can write what it likes there, so
/// the address rule holds, and a URL that breaks it is the token's fault and not the credential's.
struct TokenURL: Sendable {
    let policy: EndpointPolicy
    /// The tenant's `endpoint`: every call goes there with the URL's own path, except those to private addresses,
    /// which the operator allowed.
    let endpoint: EndpointURL?

    /// Why a token cannot be sent to.
    struct Refusal: Error, Equatable {
        let answer: VendorAnswer

        /// The token is not what this vendor's tokens are, and never will be.
        init(_ reason: String) {
            answer = .dead(VendorReply(code: "illegal_token", text: reason, isLocal: true))
        }

        fileprivate init(_ refusal: EndpointPolicy.Refusal) {
            answer =
                refusal.isTransient
                ? .retry(VendorReply(code: "dns_failed", text: refusal.reason, isLocal: true))
                : .drop(VendorReply(code: "vendor_refused", text: "The token's URL " + refusal.reason, isLocal: true))
        }
    }

    /// - Parameter fault: what is wrong with the URL by the vendor's own rule; waived, like "https only", for private
    ///   addresses that the operator allows.
    func target(of url: EndpointURL, fault: String? = nil) async throws(Refusal) -> EndpointURL {
        do throws(EndpointPolicy.Refusal) {
            try policy.check(url)
            if url.isSecure, fault == nil, endpoint == nil { return url }
            if try await policy.allowsAsPrivate(url) { return url }
        } catch {
            throw Refusal(error)
        }
        if let fault { throw Refusal("The token's URL " + fault) }
        guard url.isSecure else { throw Refusal("The token's URL must be an https URL") }
        return endpoint?.replacingPath(with: url) ?? url
    }
}

extension TransportFault {
    /// What it means for a push whose URL is its token: a forbidden address is the fault of this token alone.
    var answerForTokenURL: VendorAnswer {
        if case .refused(let said) = self {
            return .drop(VendorReply(code: "vendor_refused", text: said.text, isLocal: true))
        }
        return answer
    }
}
