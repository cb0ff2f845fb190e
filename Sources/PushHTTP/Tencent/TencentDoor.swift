import HTTPTypes
import Logging
import NIOCore
import PushCore

/// `POST /v4/{service}/{command}`: the server API of Tencent's IM (contract, section 10), for SDKs that exist.
///
/// Whatever the gateway decides is HTTP status 200, with `ActionStatus`, `ErrorCode` and `ErrorInfo`. The checks come in
/// this order: path, body, app, UserSig, administrator, then the fields of the command.
struct TencentDoor: Sendable {
    private let authenticator: Authenticator
    private let callers: Callers
    private let clock: WallClock
    private let logger: Logger
    private let commands: [String: TencentCommand]

    init(
        authenticator: Authenticator, callers: Callers, commands: [TencentCommand], clock: WallClock, logger: Logger
    ) {
        self.authenticator = authenticator
        self.callers = callers
        self.clock = clock
        self.logger = logger
        var table: [String: TencentCommand] = [:]
        for command in commands {
            for service in [command.service] + command.olderServices {
                for name in command.names { table["\(service.rawValue)/\(name)"] = command }
            }
        }
        self.commands = table
    }

    func post(_ call: Call) async throws -> Answer {
        var service: TencentService?
        do {
            return Self.answer(try await run(call, &service))
        } catch {
            return answer(to: error, service)
        }
    }

    private func run(_ call: Call, _ found: inout TencentService?) async throws -> TencentFields {
        let (serviceName, name) = (try call.parameter("service"), try call.parameter("command"))
        guard let service = TencentService(rawValue: serviceName), let command = commands["\(serviceName)/\(name)"]
        else { throw TencentError.unknownCommand }
        found = service
        let body = try await Self.body(of: call, service)
        let (app, identifier) = try await caller(of: call, service)
        if let balance = callers.takeToken(of: .app(app)), !balance.isGranted { throw TencentError.tooManyCalls }
        return try await command.run(
            TencentCall(
                service: service, command: name, identifier: identifier, app: app, body: body, now: clock.now))
    }

    private static func body(of call: Call, _ service: TencentService) async throws -> JSONObject {
        let bytes = try await call.bodyBytes()
        // Some commands have no fields, and some clients then send nothing.
        if bytes.isEmpty { return RawJSON.emptyObject.object ?? JSONObject.empty }
        guard let object = (try? RawJSON(parsing: bytes))?.object else { throw service.badJSON }
        return object
    }

    private func caller(of call: Call, _ service: TencentService) async throws -> (AppIdentity, identifier: String) {
        guard let appText = call.query["sdkappid"], !appText.isEmpty else {
            throw try refusal(.appMissing, afterAnonymous: call)
        }
        guard let sdkAppID = Int64(appText), let identifier = call.query["identifier"], !identifier.isEmpty,
            let userSig = call.query["usersig"]
        else { throw try refusal(.callerInvalid, afterAnonymous: call) }
        let app: AppIdentity
        do {
            app = try await authenticator.app(sdkAppID: sdkAppID, identifier: identifier, userSig: userSig)
        } catch let refusal as UserSigRefusal {
            // One that is past its life was good: its server has a key, and asks again with a new one.
            if !refusal.isOfGoodSignature {
                do {
                    try callers.countFailure(call)
                } catch {
                    throw TencentError.tooManyCalls
                }
            }
            throw TencentError(refusal.code, refusal.info)
        }
        guard app.app.tencentAdmins.contains(identifier) || identifier == App.administrator else {
            throw service.notAdministrator
        }
        return (app, identifier)
    }

    /// A call that shows no credential is counted as one at the other doors is.
    private func refusal(_ error: TencentError, afterAnonymous call: Call) throws(TencentError) -> TencentError {
        do {
            try callers.admitAnonymous(call)
        } catch {
            throw TencentError.tooManyCalls
        }
        return error
    }

    // MARK: Answers

    private static func answer(_ fields: TencentFields) -> Answer {
        .json(
            .object { writer in
                writer.member("ActionStatus", "OK")
                writer.member("ErrorInfo", "")
                writer.member("ErrorCode", 0)
                fields(&writer)
            })
    }

    private func answer(to error: any Error, _ service: TencentService?) -> Answer {
        let refusal: TencentError
        switch error {
        case let error as TencentError: refusal = error
        case let error as GatewayError:
            refusal = service?.error(of: error) ?? .unreadableRequest(error.detail)
        default:
            logger.error("a call failed unexpectedly", metadata: ["route": "/v4", "error": "\(error)"])
            refusal = TencentError(service?.internalFault ?? 91000, "The gateway failed; call again.")
        }
        return Self.refusal(refusal)
    }

    static func refusal(_ error: TencentError) -> Answer {
        .json(
            .object { writer in
                writer.member("ActionStatus", "FAIL")
                writer.member("ErrorInfo", error.info)
                writer.member("ErrorCode", error.code)
            })
    }

    /// What a request below `/v4` is answered that came to no handler: an unknown path, a query that cannot be read.
    static func answer(toUnrouted error: any Error) -> Answer {
        switch error {
        case is WrongMethod: refusal(.unreadableRequest("Commands are called with POST."))
        case let error as GatewayError where error.code == .notFound: refusal(.unknownCommand)
        case let error as GatewayError: refusal(.unreadableRequest(error.detail))
        default: refusal(TencentError(91000, "The gateway failed; call again."))
        }
    }
}
