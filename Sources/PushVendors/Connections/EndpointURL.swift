import Foundation

/// An http or https URL that came from outside, taken apart once. Exists only for a URL whose host is plain ASCII, so
/// that this code and the HTTP client cannot read two different hosts in it.
public struct EndpointURL: Sendable, Hashable {
    /// The URL as it was written.
    public let written: String
    /// The URL to call: as written, with the host in lower case, so that the HTTP client looks up the same name as the
    /// address rule did.
    public let text: String
    public let isSecure: Bool
    /// Without brackets, lower case.
    public let host: String
    public let port: Int

    /// Why a text is no usable URL, in words for the person who wrote it.
    public struct Fault: Error, Sendable, Equatable {
        public let reason: String
    }

    /// Longest URL that is accepted, in bytes.
    public static let bytesMax = 2048

    public init(_ text: String) throws(Fault) {
        guard text.utf8.count <= Self.bytesMax else { throw Fault(reason: "is longer than \(Self.bytesMax) bytes") }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }),
            var parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            scheme == "https" || scheme == "http"
        else { throw Fault(reason: "is not an https URL") }
        guard parts.user == nil, parts.password == nil else { throw Fault(reason: "has a user name or password in it") }
        guard parts.fragment == nil else { throw Fault(reason: "has a fragment") }
        // The host as it is written: an escape in it would be read in two ways, a zone (`%25eth0`) names a local link.
        let encodedHost = (parts.encodedHost ?? "").lowercased()
        let host = encodedHost.hasPrefix("[") ? String(encodedHost.dropFirst().dropLast()) : encodedHost
        let isName = host.utf8.allSatisfy { Self.isHostCharacter($0) }
        guard !host.isEmpty, host.utf8.count <= 253, !host.contains("%"), isName || IPAddress(host) != nil else {
            throw Fault(reason: "has no usable host")
        }
        parts.scheme = scheme
        parts.encodedHost = encodedHost
        guard let normal = parts.string else { throw Fault(reason: "is not an https URL") }
        self.written = text
        self.text = normal
        self.isSecure = scheme == "https"
        self.host = host
        self.port = parts.port ?? (isSecure ? 443 : 80)
        guard (1...65535).contains(port) else { throw Fault(reason: "has no usable port") }
    }

    /// Fixed addresses of a vendor.
    init(knownHost host: String) {
        text = "https://\(host)"
        written = text
        isSecure = true
        self.host = host
        port = 443
    }

    /// This origin with the path and query of another URL. Both were checked, and the host stays.
    func replacingPath(with other: EndpointURL) -> EndpointURL {
        let parts = URLComponents(string: other.text)
        let query = parts?.percentEncodedQuery.map { "?" + $0 } ?? ""
        return (try? EndpointURL(base + (parts?.percentEncodedPath ?? "") + query)) ?? self
    }

    /// The URL without a slash at its end: what paths are put behind.
    var base: String { text.hasSuffix("/") ? String(text.dropLast()) : text }

    /// Scheme, host and a port that is not the scheme's own (RFC 6454, section 6.2).
    var origin: String {
        let name = host.contains(":") ? "[\(host)]" : host
        let suffix = port == (isSecure ? 443 : 80) ? "" : ":\(port)"
        return (isSecure ? "https://" : "http://") + name + suffix
    }

    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
            UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
