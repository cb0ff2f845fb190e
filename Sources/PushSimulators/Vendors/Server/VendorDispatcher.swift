/// What a server does with one request.
enum ServerAction {
    case reply(SimulatorResponse)
    /// Reply, then take no more requests on this connection.
    case replyAndGoAway(SimulatorResponse)
    case hang
    case reset
    case refuseStream
}

/// Finds the vendor that a request is for, lets the faults have their say, and keeps the counts.
final class VendorDispatcher: Sendable {
    /// A request's way, decided when it was read; carried out after `delayMilliseconds`.
    struct Plan {
        let service: (any VendorService)?
        let faults: FaultBoard.Plan

        var delayMilliseconds: Int { faults.delayMilliseconds }
    }

    private let services: [any VendorService]
    private let control: ControlPage?
    private let faults: FaultBoard
    private let record: PushRecord
    private let clock: @Sendable () -> Int64

    init(
        services: [any VendorService], control: ControlPage?, faults: FaultBoard, record: PushRecord,
        clock: @escaping @Sendable () -> Int64
    ) {
        self.services = services
        self.control = control
        self.faults = faults
        self.record = record
        self.clock = clock
    }

    func plan(_ request: SimulatorRequest) -> Plan {
        for service in services {
            guard let purpose = service.purpose(of: request) else { continue }
            let plan = faults.plan(service.vendor, purpose)
            record.countRequest(service.vendor, disturbed: !plan.isUndisturbed)
            let now = clock()
            record.note(
                RecordedRequest(
                    vendor: service.vendor, purpose: purpose, receivedAt: now, fault: plan.fault?.name,
                    retryAt: plan.fault?.retryAt(now: now)))
            return Plan(service: service, faults: plan)
        }
        return Plan(service: nil, faults: FaultBoard.Plan())
    }

    func perform(_ plan: Plan, _ request: SimulatorRequest, on connection: SimulatorConnection) -> ServerAction {
        guard let service = plan.service else {
            return .reply(control?.answer(request) ?? .json(404, #"{"error":"not_found"}"#))
        }
        guard let fault = plan.faults.fault else { return .reply(answer(service, request, connection)) }
        switch fault {
        case .slow, .deadTokens, .partialBatch: return .reply(answer(service, request, connection))
        case .hang(let afterAccepting):
            if afterAccepting { _ = answer(service, request, connection) }
            return .hang
        case .reset(let afterAccepting):
            if afterAccepting { _ = answer(service, request, connection) }
            return .reset
        case .tooManyRequests(let retryAfter):
            return .reply(service.tooManyRequests(request, retryAfter: retryAfter?.headerValue(now: clock())))
        case .serverError(let status, let retryAfter):
            return .reply(service.serverError(status: status, retryAfter: retryAfter?.headerValue(now: clock())))
        case .expiredAuthorization: return .reply(service.expiredAuthorization(request, on: connection))
        case .code(let code):
            return .reply(service.refusal(code: code, to: request) ?? answer(service, request, connection))
        case .garbage:
            return .reply(
                SimulatorResponse(
                    status: 200, headers: [("content-type", "text/html")], body: "<html><body>Welcome!</body"))
        case .goAway: return .replyAndGoAway(answer(service, request, connection))
        case .refuseStream: return .refuseStream
        }
    }

    private func answer(
        _ service: any VendorService, _ request: SimulatorRequest, _ connection: SimulatorConnection
    ) -> SimulatorResponse {
        let response = service.answer(request, on: connection)
        if let reason = response.refusal {
            record.refuse(
                RefusedRequest(
                    vendor: service.vendor, path: request.path, status: response.status, reason: reason,
                    receivedAt: clock()))
        }
        return response
    }
}
