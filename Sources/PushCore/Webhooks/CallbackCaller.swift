/// Calls a tenant's service: one POST, to the address that was checked, without redirects. Implemented by PushVendors.
public protocol CallbackCaller: Sendable {
    /// Throws `invalid_request` for a URL that may not be called: no URL, or a private address that the operator does
    /// not allow. Asks no name server.
    func check(url: String) throws(GatewayError)

    func post(_ request: CallbackRequest, within timeout: Duration) async -> CallbackAnswer
}

public struct CallbackRequest: Sendable {
    public var url: String
    /// Names and values; `Content-Type` is always there.
    public var fields: [(name: String, value: String)]
    public var body: [UInt8]

    public init(url: String, fields: [(name: String, value: String)], body: [UInt8]) {
        self.url = url
        self.fields = fields
        self.body = body
    }
}

public enum CallbackAnswer: Sendable, Equatable {
    /// The body is cut at 64 KiB.
    case answered(status: Int, body: [UInt8], retryAfterSeconds: Int?)
    /// Refused connection, time-out, an address that may not be called: a stable word.
    case failed(reason: String)

    /// 2xx.
    public var isSuccess: Bool {
        if case .answered(let status, _, _) = self { return (200..<300).contains(status) }
        return false
    }
}
