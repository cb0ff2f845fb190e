/// Which URLs of tenants and devices may be called. Without this rule a tenant could make the gateway talk to services
/// that only the gateway's own network can reach (server-side request forgery).
///
/// The rule is applied twice: when a URL is stored (``check(_:)``, which asks no name server) and when a connection is
/// made (``addresses(of:)``, whose answer the connection is bound to, so that a name that changes in between does not
/// matter).
public struct EndpointPolicy: Sendable {
    /// `--allow-private-endpoints`: loopback and private addresses and plain http are allowed. For development.
    public let allowsPrivate: Bool
    private let resolver: HostResolver
    private let isAllowed: @Sendable (IPAddress) -> Bool

    public init(allowsPrivate: Bool) { self.init(allowsPrivate: allowsPrivate, resolver: .system) }

    package init(
        allowsPrivate: Bool, resolver: HostResolver, isAllowed: @escaping @Sendable (IPAddress) -> Bool = \.isPublic
    ) {
        self.allowsPrivate = allowsPrivate
        self.resolver = resolver
        self.isAllowed = isAllowed
    }

    /// Why a URL is refused.
    public struct Refusal: Error, Sendable, Equatable {
        public let reason: String
        /// The name could not be looked up just now: not a fault of the URL.
        public let isTransient: Bool

        init(_ reason: String, isTransient: Bool = false) {
            self.reason = reason
            self.isTransient = isTransient
        }
    }

    /// Names that are local by definition, and those that systems' files of hosts give to loopback.
    private static let localNames = [
        "localhost", "local", "internal", "localdomain", "localhost6", "ip6-localhost", "ip6-loopback",
    ]

    static let privateReason = "points to a loopback, private or link-local address"

    /// Refuses what can be refused without asking a name server: plain http, every spelling of a private address,
    /// names that are local by definition (RFC 6761).
    public func check(_ url: EndpointURL) throws(Refusal) {
        if allowsPrivate { return }
        guard url.isSecure else { throw Refusal("must be an https URL") }
        let name = url.host.hasSuffix(".") ? String(url.host.dropLast()) : url.host
        let isLocalName = Self.localNames.contains { name == $0 || name.hasSuffix("." + $0) }
        guard !isLocalName, HostResolver.numericAddresses(of: name).allSatisfy(isAllowed) else {
            throw Refusal(Self.privateReason)
        }
    }

    /// ``check(_:)``, and every address the host has now. Takes up to five seconds.
    public func checkResolved(_ url: EndpointURL) async throws(Refusal) {
        _ = try await addresses(of: url)
    }

    /// The public addresses of the host, IPv4 first. Refused when one of them is private: a name with both is an
    /// attempt to get past the rule. With ``allowsPrivate`` whatever the host resolves to.
    package func addresses(of url: EndpointURL) async throws(Refusal) -> [IPAddress] {
        try check(url)
        let found: [IPAddress]
        do throws(HostResolver.Failure) {
            found = try await resolver.addresses(of: url.host)
        } catch {
            throw Refusal("host cannot be looked up: \(error.reason)", isTransient: true)
        }
        guard !found.isEmpty else { throw Refusal("host has no address", isTransient: true) }
        guard allowsPrivate || found.allSatisfy(isAllowed) else { throw Refusal(Self.privateReason) }
        return found.filter(\.isIPv4) + found.filter { !$0.isIPv4 }
    }

    /// Whether every address of the host is private and the operator allows those: what waives a vendor's "https only"
    /// and host rules for URLs in tokens. Asks a name server for names only.
    package func allowsAsPrivate(_ url: EndpointURL) async throws(Refusal) -> Bool {
        guard allowsPrivate else { return false }
        let numeric = HostResolver.numericAddresses(of: url.host)
        let found = numeric.isEmpty ? try await addresses(of: url) : numeric
        return !found.contains(where: isAllowed)
    }
}
