/// A condition that did not come true in time.
struct DeadlineMissed: Error, CustomStringConvertible {
    let what: String
    var description: String { "not in time: \(what)" }
}

/// Looks again and again until `condition` gives a value.
///
/// - Throws: ``DeadlineMissed``, and what `condition` throws.
@discardableResult
func eventually<Value>(
    _ what: String, within limit: Duration = .seconds(20), _ condition: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + limit
    while true {
        if let value = try await condition() { return value }
        guard ContinuousClock.now < deadline else { throw DeadlineMissed(what: what) }
        try await Task.sleep(for: .milliseconds(10))
    }
}

func eventually(_ what: String, within limit: Duration = .seconds(20), _ condition: () async throws -> Bool)
    async throws
{
    let _: Bool = try await eventually(what, within: limit) { try await condition() ? true : nil }
}
