import Foundation
import PushGateClient
import TestWaiting

/// Something was not as the model says.
struct ModelMismatch: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Plays operations at the real doors and compares what the gateway says and shows with the model.
final class ModelDriver {
    let story: Story
    let foreignApp: GatewayAPI
    var model: ReferenceModel
    private var source: OperationSource
    private let seed: UInt64
    private let users: [String]
    var sessions: [Int: DeviceSession] = [:]
    var live: [Int: LiveDevice] = [:]
    /// How many entries of a live device were compared.
    var compared: [Int: Int] = [:]
    /// The device that synchronizes for its account, and how far.
    var auditors: [String: Int] = [:]
    var auditedSeq: [String: Int64] = [:]
    private var latest: [String] = []
    private var tally: [String: (done: Int, refused: Int)] = [:]

    init(_ story: Story, seed: UInt64, users: [String]) async throws {
        self.story = story
        self.seed = seed
        self.users = users
        try await story.admin.createTenant("other", name: "Other")
        let other = try await story.admin.createApp(tenantNo: "other", name: "Other")
        foreignApp = story.admin.authorized(by: .app(id: other.id, secret: other.secret))
        model = ReferenceModel(tenantNo: story.tenant, appID: story.appInfo.id)
        source = OperationSource(seed: seed, users: users, permanent: Set(0..<users.count + 2))
        // The pace of this test is no abuse.
        _ = try await story.app.call(
            .put, ["v1", "settings", "limits"], body: ["deviceRequestsPerSecond": 0, "appRequestsPerSecond": 0])
        for user in users {
            model.addAccount(try await story.app.createAccount(userID: user), user: user)
        }
        for user in users {
            try await play(Operation(.register(user: user, code: "audit-\(user)"), by: .app))
            auditors[model.devices[model.devices.count - 1].account] = model.devices.count - 1
        }
        for user in users.prefix(2) {
            try await play(Operation(.register(user: user, code: "live-\(user)"), by: .app))
            try await play(Operation(.connect, by: .device(model.devices.count - 1)))
        }
        for number in 0..<3 {
            let members = (0..<4).map { users[(number + $0) % users.count] }
            try await play(Operation(.createGroup("group-\(number)", users: members), by: .app))
        }
    }

    // MARK: Running

    func run(steps: Int) async throws {
        for step in 1...steps {
            let operation = source.next(model)
            latest = latest.suffix(9) + [operation.description]
            do {
                try await play(operation)
                if case .restart = operation.action {
                    try await compareEverything()
                } else if step.isMultiple(of: 150) || step == steps {
                    try await compareEverything()
                }
            } catch {
                throw ModelMismatch(
                    """
                    seed \(seed), step \(step): \(error)
                    the last operations:
                    \(latest.map { "  " + $0 }.joined(separator: "\n"))
                    """)
            }
        }
    }

    /// One operation: the answer, and what it touched.
    private func play(_ operation: Operation) async throws {
        if case .disconnect = operation.action, case .device(let index) = operation.caller {
            try await settle(index)
        }
        let expectation = model.apply(operation)
        let answer: JSONValue
        do {
            answer = try await perform(operation)
        } catch let problem as GatewayProblem {
            guard case .refused(let codes) = expectation, codes.contains(problem.code) else {
                throw ModelMismatch("expected \(expectation), was refused: \(problem)")
            }
            try checkStatus(problem)
            tally[operation.action.kind, default: (0, 0)].refused += 1
            return try await compareTouched(&source.random)
        }
        guard case .done(let members, let lesson) = expectation else {
            throw ModelMismatch("expected \(expectation), was done: \(answer)")
        }
        if let wrong = Field.mismatch(members, answer) { throw ModelMismatch("\(wrong) in \(answer)") }
        if let lesson { model.learn(lesson, answer) }
        tally[operation.action.kind, default: (0, 0)].done += 1
        try await expectEnds()
        try await compareTouched(&source.random)
    }

    /// How often each kind of operation was done and refused.
    var summary: String {
        tally.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.done)/\($0.value.refused)" }
            .joined(separator: ", ")
    }

    func disconnect() async {
        for device in live.values { await device.client.disconnect() }
    }

    /// The status that belongs to a code (contract, section 4).
    private func checkStatus(_ problem: GatewayProblem) throws {
        let statuses = [
            "invalid_request": 400, "unauthenticated": 401, "token_revoked": 401, "forbidden": 403, "not_sender": 403,
            "not_recipient": 403, "not_a_member": 403, "not_found": 404, "recipient_not_found": 404, "conflict": 409,
            "message_id_conflict": 409, "message_revoked": 410, "message_burned": 410, "not_burnable": 422,
            "rate_limited": 429,
        ]
        // Over MQTT there is none.
        if problem.status != 0, problem.status != statuses[problem.code] {
            throw ModelMismatch("status \(problem.status) with \(problem.code)")
        }
    }

    /// A connected device that has everything and has said so.
    private func settle(_ index: Int) async throws {
        guard let device = live[index], let head = model.accounts[model.devices[index].account]?.head else { return }
        try await device.reach(head)
        try await eventually("\(device.client.deviceID) acknowledges entry \(head)", within: .seconds(30)) {
            device.client.acknowledgedSeq >= head
        }
    }

    /// Sessions of devices that were moved or deregistered are ended by the gateway.
    private func expectEnds() async throws {
        for (index, device) in live where !model.devices[index].isActive {
            try await eventually("the session of \(device.client.deviceID), which ended, is over") {
                !device.client.isConnected
            }
            await device.client.disconnect()
            live[index] = nil
            compared[index] = nil
        }
    }
}

extension Operation.Action {
    /// The word for it.
    var kind: String { String(description.prefix { $0 != " " }) }
}
