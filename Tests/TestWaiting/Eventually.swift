/// A condition that did not come true in time.
public struct DeadlineMissed: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// Waits for something that tells nobody when it happens: looks until `condition` gives a value.
///
/// The one place of the tests that pauses. The deadline is only for failure: a test that passes never waits for it.
///
/// - Parameters:
///   - what: what should come true, for the text of the failure.
///   - limit: how long it may take on the busiest machine.
///   - seen: what there was instead, for the text of the failure.
/// - Throws: ``DeadlineMissed``, `CancellationError` when the task is cancelled, and what `condition` throws.
@discardableResult
public func eventually<Value>(
    _ what: String, within limit: Duration = .seconds(30), seen: () -> String = { "" },
    file: StaticString = #fileID, line: UInt = #line, _ condition: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + limit
    // Short at first, for what is nearly there; longer later, for what takes its time and needs the processor itself.
    var pause = Duration.milliseconds(1)
    while true {
        if let value = try await condition() { return value }
        guard ContinuousClock.now < deadline else {
            let seen = seen()
            throw DeadlineMissed(
                "not within \(limit): \(what)\(seen.isEmpty ? "" : "; seen: \(seen)") (\(file):\(line))")
        }
        try await Task.sleep(for: pause)
        pause = min(pause * 2, .milliseconds(16))
    }
}

public func eventually(
    _ what: String, within limit: Duration = .seconds(30), seen: () -> String = { "" },
    file: StaticString = #fileID, line: UInt = #line, _ condition: () async throws -> Bool
) async throws {
    let _: Bool = try await eventually(what, within: limit, seen: seen, file: file, line: line) {
        try await condition() ? true : nil
    }
}
