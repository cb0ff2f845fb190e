import PushGateClient

/// What one check found.
struct Finding: Sendable, Equatable {
    enum State: String, Sendable {
        case ok
        /// It works, and somebody should look at it.
        case warning
        case wrong
        /// It could not be looked at, for a reason that is no fault.
        case skipped
    }

    let check: String
    let state: State
    let text: String
    let remedy: String?

    init(_ check: String, _ state: State, _ text: String, remedy: String? = nil) {
        self.check = check
        self.state = state
        self.text = text
        self.remedy = remedy
    }

    var line: String {
        let mark =
            switch state {
            case .ok: "ok     "
            case .warning: "warning"
            case .wrong: "WRONG  "
            case .skipped: "skipped"
            }
        return "\(mark)  \(check): \(text)" + (remedy.map { "\n         -> \($0)" } ?? "")
    }

    var json: JSONValue {
        .object([
            "check": .string(check), "state": .string(state.rawValue), "text": .string(text),
            "remedy": remedy.map { .string($0) },
        ])
    }
}
