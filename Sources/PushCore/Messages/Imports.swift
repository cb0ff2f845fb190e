/// What became of one message of an import.
public enum ImportOutcome: Sendable, Equatable {
    case imported
    /// The id is taken; the first one wins, whatever this one says.
    case exists
    case refused(GatewayError)
}

/// History from elsewhere, with the ids and times it had there. Implemented by PushStorage.
public protocol ImportStore: Sendable {
    /// Archives messages with their own time: in the history of those who were in the conversation, and nowhere else.
    /// Accounts are never made: who is not known is `recipient_not_found`. A group's history goes to its members of
    /// now, and to its sender, who may have left.
    ///
    /// - Parameter dryRun: everything is checked, nothing is written.
    /// - Returns: one outcome per message, in their order. Throws `overloaded` when nothing was imported.
    func importHistory(_ messages: [Message], from app: AppIdentity, dryRun: Bool) async throws -> [ImportOutcome]
}

/// `POST /v1/messages/import`: idempotent, silent, the first one wins. Scope `messages:send`.
public struct Imports: Sendable {
    private let store: any ImportStore
    private let ids: IDGenerator
    private let limits: Limits
    private let clock: WallClock

    public init(store: any ImportStore, ids: IDGenerator, limits: Limits, clock: WallClock) {
        self.store = store
        self.ids = ids
        self.limits = limits
        self.clock = clock
    }

    /// Imports up to ``Limits/batchMessagesMax`` messages, each on its own. A repeat of the call changes nothing.
    public func run(_ body: RawJSON, as principal: Principal) async throws -> RawJSON {
        let app = try principal.app(with: .messagesSend)
        var reader = try BodyReader(parsing: body)
        let dryRun = reader.bool("dryRun") ?? false
        let limits = limits.effective(for: principal.tenant)
        let bodies = try MessageList.read(from: &reader, limits: limits)
        let parsed = bodies.map { body -> Result<Message, GatewayError> in
            do throws(GatewayError) {
                return .success(
                    try Message(importing: body, from: principal, limits: limits, ids: ids, now: clock.now))
            } catch {
                return .failure(error)
            }
        }
        let messages = parsed.compactMap { try? $0.get() }
        var outcomes = try await store.importHistory(messages, from: app, dryRun: dryRun)[...]
        let results = zip(bodies, parsed).map { body, message -> (id: String?, outcome: ImportOutcome) in
            switch message {
            case .failure(let error): (body.object?["id"]?.string, .refused(error))
            case .success(let message): (message.id, outcomes.popFirst() ?? .refused(Self.failed))
            }
        }
        return Self.answer(results)
    }

    /// One message with what its door knows of it. Throws why it is refused.
    public func importOne(
        _ body: RawJSON, as principal: Principal, options: SendOptions
    ) async throws -> ImportOutcome {
        let app = try principal.app(with: .messagesSend)
        let message = try Message(
            importing: body, from: principal, limits: limits.effective(for: principal.tenant), ids: ids, now: clock.now,
            options: options)
        switch try await store.importHistory([message], from: app, dryRun: false).first ?? .refused(Self.failed) {
        case .refused(let error): throw error
        case let outcome: return outcome
        }
    }

    private static let failed = GatewayError(.internalError, "The gateway failed; import the message again.")

    private static func answer(_ results: [(id: String?, outcome: ImportOutcome)]) -> RawJSON {
        var (imported, exists, refused) = (0, 0, 0)
        return .object { writer in
            writer.array("results") { writer in
                for (id, outcome) in results {
                    writer.object { writer in
                        writer.member("id", ifPresent: id)
                        switch outcome {
                        case .imported:
                            imported += 1
                            writer.member("status", "imported")
                        case .exists:
                            exists += 1
                            writer.member("status", "exists")
                        case .refused(let error):
                            refused += 1
                            writer.member("status", "refused")
                            writer.member("code", error.publicCode)
                            writer.member("detail", error.detail)
                            error.writeErrors(into: &writer)
                        }
                    }
                }
            }
            writer.member("imported", imported)
            writer.member("exists", exists)
            writer.member("refused", refused)
        }
    }
}

extension Message {
    /// Reads a message of an import: as for a send, but `id`, `from`, `to` and `timestamp` are required, and there is
    /// neither `audience` nor `ephemeral`. A time more than a day ahead is refused: the message would stand at the end
    /// of its conversation for as long.
    init(
        importing body: RawJSON, from principal: Principal, limits: Limits, ids: IDGenerator, now: Milliseconds,
        options: SendOptions = .standard
    ) throws(GatewayError) {
        guard let object = body.object else { throw .invalid("", "A message must be a JSON object.") }
        var faults: [GatewayError.FieldFault] = []
        func fault(_ key: String, _ detail: String) { faults.append(.init(pointer: "/" + key, detail: detail)) }
        for key in ["id", "from", "to", "timestamp"] where object[key] == nil { fault(key, "This is required.") }
        if object["audience"] != nil { fault("audience", "An imported message has one receiver or a group.") }
        if object["ephemeral"]?.bool == true { fault("ephemeral", "An ephemeral message has no history.") }
        if let timestamp = object["timestamp"]?.integer, timestamp > now + limits.importAheadMax {
            fault("timestamp", "The time is more than a day ahead.")
        }
        do throws(GatewayError) {
            self = try Message(
                parsing: body, as: principal, limits: limits, ids: ids, now: now, options: options)
        } catch  where error.code == .invalidRequest {
            let pointers = Set(faults.map(\.pointer))
            faults += error.errors.filter { !pointers.contains($0.pointer) }
            throw Self.refusal(faults)
        }
        guard faults.isEmpty else { throw Self.refusal(faults) }
    }

    private static func refusal(_ faults: [GatewayError.FieldFault]) -> GatewayError {
        let detail =
            faults.count == 1
            ? faults.map { "\($0.pointer): \($0.detail)" }.joined() : "\(faults.count) members are not valid."
        return GatewayError(.invalidRequest, detail, errors: faults)
    }
}
