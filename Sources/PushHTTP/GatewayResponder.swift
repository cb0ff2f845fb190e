import HTTPTypes
import Hummingbird
import Logging
import PushCore

/// Answers every request: finds its route, checks its caller, runs its handler, and turns whatever is thrown into a
/// problem. The one place for each of these.
public struct GatewayResponder: HTTPResponder {
    public typealias Context = HTTPContext

    private let table: RouteTable
    private let callers: Callers
    private let limits: Limits

    init(table: RouteTable, callers: Callers, limits: Limits) {
        self.table = table
        self.callers = callers
        self.limits = limits
    }

    public func respond(to request: Request, context: HTTPContext) async throws -> Response {
        let requestID = context.requestID
        var pattern = "-"
        var answer: Answer
        var balance: TokenBalance?
        let target = RequestTarget(request.head.path ?? "")
        do {
            let match = try table.match(request.method, path: target.path)
            pattern = match.route.pattern
            let call = Call(
                request: request, parameters: match.parameters,
                query: try target.query.map { try QueryParameters(parsing: $0) } ?? .none,
                remoteAddress: context.remoteAddress, bodyBytesMax: limits.requestBytesMax)
            answer = try await run(match.route, call, &balance)
        } catch  where target.path.hasPrefix("/v4/") {
            answer = TencentDoor.answer(toUnrouted: error)
        } catch {
            answer = self.answer(to: error, request: request, requestID: requestID, pattern: pattern, context.logger)
        }
        if let balance { answer.tell(balance) }
        // The route, never the path or the query: those hold user ids and cursors.
        context.logger.debug(
            "request",
            metadata: [
                "method": "\(request.method)", "route": "\(pattern)", "status": "\(answer.status.code)",
            ])
        return answer.response(requestID: requestID, isHead: request.method == .head)
    }

    /// - Parameter balance: set when the caller has a limit, also where something is thrown.
    private func run(_ route: Route, _ call: Call, _ balance: inout TokenBalance?) async throws -> Answer {
        switch route.handler {
        case .open(let handler): return try await handler(call)
        case .operator(let handler):
            try await callers.requireOperator(call)
            return try await handler(call)
        case .principal(let handler):
            let principal = try await callers.principal(of: call)
            balance = callers.takeToken(of: principal)
            if let balance, !balance.isGranted { throw RateLimits.refusal(balance) }
            let bodyBytesMax = limits.effective(for: principal.tenant).requestBytesMax
            return try await handler(call.limited(toBodyBytes: bodyBytesMax), principal)
        }
    }

    private func answer(
        to error: any Error, request: Request, requestID: String, pattern: String, _ logger: Logger
    ) -> Answer {
        switch error {
        case let error as GatewayError:
            return Problem.answer(
                to: error, requestID: requestID, showedCredential: request.headers.contains(.authorization))
        case let error as NotReady:
            let detail = "Not usable: \(error.missing.joined(separator: ", "))."
            return Problem.answer(
                to: GatewayError(.overloaded, detail), requestID: requestID, missing: error.missing)
        case let error as WrongMethod:
            let list = error.allowed.joined(separator: ", ")
            var answer = Problem.answer(
                to: GatewayError(.methodNotAllowed, "Allowed here: \(list)."), requestID: requestID)
            answer.fields[.allow] = list
            return answer
        case is CancellationError:
            return Problem.answer(to: GatewayError(.overloaded, "The gateway is stopping."), requestID: requestID)
        default:
            logger.error(
                "a request failed unexpectedly",
                metadata: ["requestId": "\(requestID)", "route": "\(pattern)", "error": "\(error)"])
            return Problem.answer(
                to: GatewayError(.internalError, "The fault is in the gateway's log under this requestId."),
                requestID: requestID)
        }
    }
}
