import PushCore

/// Names and values of `application/x-www-form-urlencoded` text: the query of a request, or a form as its body.
struct QueryParameters: Sendable {
    private let values: [String: String]

    static let none = QueryParameters(values: [:])

    private init(values: [String: String]) { self.values = values }

    /// Throws `invalid_request` for what cannot be decoded and for a name that is given twice, since two readers of
    /// one request would otherwise see different values.
    init(parsing text: Substring, what: String = "The query") throws(GatewayError) {
        var values: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = try PercentDecoding.text(of: parts[0], plusIsSpace: true, what: what)
            let value = parts.count < 2 ? "" : try PercentDecoding.text(of: parts[1], plusIsSpace: true, what: what)
            guard values.updateValue(value, forKey: name) == nil else {
                throw GatewayError(.invalidRequest, "\(what) gives \(name) twice.")
            }
        }
        self.values = values
    }

    subscript(name: String) -> String? { values[name] }
}
