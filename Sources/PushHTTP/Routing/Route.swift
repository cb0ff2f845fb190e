import HTTPTypes
import PushCore

/// One line of the table: a method, a path pattern, and what answers it.
struct Route: Sendable {
    enum Handler: Sendable {
        /// Checks its caller itself, or has nothing to check.
        case open(@Sendable (Call) async throws -> Answer)
        /// For the operator only.
        case `operator`(@Sendable (Call) async throws -> Answer)
        /// For an app, a device, or the operator in the name of an app.
        case principal(@Sendable (Call, Principal) async throws -> Answer)
    }

    let method: HTTPRequest.Method
    /// `{name}` stands for one segment. The pattern is also what logs name a request by.
    let pattern: String
    let handler: Handler

    static func open(
        _ method: HTTPRequest.Method, _ pattern: String, _ handler: @escaping @Sendable (Call) async throws -> Answer
    ) -> Route {
        Route(method: method, pattern: pattern, handler: .open(handler))
    }

    static func `operator`(
        _ method: HTTPRequest.Method, _ pattern: String, _ handler: @escaping @Sendable (Call) async throws -> Answer
    ) -> Route {
        Route(method: method, pattern: pattern, handler: .operator(handler))
    }

    static func principal(
        _ method: HTTPRequest.Method, _ pattern: String,
        _ handler: @escaping @Sendable (Call, Principal) async throws -> Answer
    ) -> Route {
        Route(method: method, pattern: pattern, handler: .principal(handler))
    }
}
