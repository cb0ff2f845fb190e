/// Asks a tenant's service about a message while its sender waits (contract, section 9, `message.before_send`).
public protocol BeforeSend: Sendable {
    /// Whether the tenant wants to be asked at all: costs nothing.
    func isWanted(by tenant: Tenant) -> Bool

    /// Answers within the tenant's time: without an answer of the service by the tenant's default. Throws `overloaded`
    /// where too many of the tenant's messages wait for its service already: nobody gets past it in a crowd.
    func ask(_ question: MessageQuestion, from tenant: Tenant) async throws(GatewayError) -> BeforeSendVerdict
}

/// What a tenant's service says about a message.
public enum BeforeSendVerdict: Sendable, Equatable {
    case allow
    /// Refused: what the sender is told.
    case deny(GatewayError.Denial, reason: String)
    /// The sender is told that it was accepted, and nothing happens.
    case drop
    /// Allowed with other content. `type` nil = as it was sent.
    case replace(type: MessageType?, content: RawJSON)
}
