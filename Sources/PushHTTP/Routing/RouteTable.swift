import HTTPTypes
import PushCore

/// Finds the route of a request.
///
/// A table of its own and not Hummingbird's router, for three rules of the contract: a wrong method is 405 with the
/// methods that are right, every path segment is percent-decoded exactly once, and what cannot be decoded is 400.
struct RouteTable: Sendable {
    struct Match: Sendable {
        let route: Route
        let parameters: PathParameters
    }

    private enum Segment: Sendable {
        case literal(String)
        case parameter(String)
    }

    private struct Entry: Sendable {
        let segments: [Segment]
        var routes: [Route]

        /// The values of the parameters, or nil when the path is another one.
        func match(_ path: [String]) -> PathParameters? {
            var values: [(name: String, value: String)] = []
            for (segment, text) in zip(segments, path) {
                switch segment {
                case .literal(let literal): guard literal == text else { return nil }
                case .parameter(let name):
                    guard !text.isEmpty else { return nil }
                    values.append((name, text))
                }
            }
            return PathParameters(values: values)
        }

        /// Literals before parameters, from left to right: `/v1/messages/sync` before `/v1/messages/{id}`.
        var rank: String {
            String(segments.map { segment in if case .literal = segment { "0" } else { "1" } })
        }
    }

    /// Paths without parameters, by their text: nearly every request is found here.
    private var fixed: [String: Entry] = [:]
    /// All paths by their number of segments.
    private var bySegmentCount: [Int: [Entry]] = [:]

    init(_ routes: [Route]) {
        var patterns: [String] = []
        for route in routes where !patterns.contains(route.pattern) { patterns.append(route.pattern) }
        for pattern in patterns {
            let segments = pattern.split(separator: "/").map { text in
                text.hasPrefix("{") ? Segment.parameter(String(text.dropFirst().dropLast())) : .literal(String(text))
            }
            let entry = Entry(segments: segments, routes: routes.filter { $0.pattern == pattern })
            if !pattern.contains("{") { fixed[pattern] = entry }
            bySegmentCount[segments.count, default: []].append(entry)
        }
        for count in bySegmentCount.keys { bySegmentCount[count]?.sort { $0.rank < $1.rank } }
    }

    /// Throws `not_found`, ``WrongMethod``, or `invalid_request` when a segment cannot be decoded.
    func match(_ method: HTTPRequest.Method, path: Substring) throws -> Match {
        if let entry = fixed[String(path)] {
            return Match(route: try Self.route(method, of: entry), parameters: PathParameters(values: []))
        }
        guard path.hasPrefix("/") else { throw Self.unknown }
        var segments: [String] = []
        for segment in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            segments.append(try PercentDecoding.text(of: segment, plusIsSpace: false, what: "The path"))
        }
        for entry in bySegmentCount[segments.count] ?? [] {
            guard let parameters = entry.match(segments) else { continue }
            return Match(route: try Self.route(method, of: entry), parameters: parameters)
        }
        throw Self.unknown
    }

    private static let unknown = GatewayError(.notFound, "There is nothing at this path.")

    private static func route(_ method: HTTPRequest.Method, of entry: Entry) throws -> Route {
        if let route = entry.routes.first(where: { $0.method == method }) { return route }
        // The answer to HEAD is that to GET without its body.
        if method == .head, let route = entry.routes.first(where: { $0.method == .get }) { return route }
        var allowed: [String] = []
        for route in entry.routes {
            allowed.append(route.method.rawValue)
            if route.method == .get { allowed.append(HTTPRequest.Method.head.rawValue) }
        }
        throw WrongMethod(allowed: allowed)
    }
}

/// `method_not_allowed`, with the methods that are.
struct WrongMethod: Error {
    let allowed: [String]
}

/// The decoded parts of a path that stand for `{name}`.
struct PathParameters: Sendable {
    fileprivate let values: [(name: String, value: String)]

    subscript(name: String) -> String? { values.first { $0.name == name }?.value }
}
