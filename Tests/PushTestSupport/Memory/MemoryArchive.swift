import PushCore
import Synchronization

/// An archive that remembers ids and answers, without expanding anything: enough for what a door does. A recipient
/// named `nobody` is not known, one named `everyone-busy` finds the writer's queue full.
public final class MemoryArchive: MessageArchive, ReceiptStore {
    private let accepted = Mutex<[String: (content: RawJSON, acceptance: Acceptance)]>([:])
    private let isKeeping: Bool

    /// - Parameter isKeeping: false makes it forget everything at once, for measurements.
    public init(isKeeping: Bool = true) { self.isKeeping = isKeeping }

    public func accept(_ message: Message, from principal: Principal) async throws -> Acceptance {
        if case .to("nobody", _) = message.destination {
            throw GatewayError(.recipientNotFound, "There is no such recipient.")
        }
        if case .to("everyone-busy", _) = message.destination {
            throw GatewayError(.overloaded, "Too many messages are waiting.", retryAfterSeconds: 2)
        }
        let acceptance = Acceptance(id: message.id, serverTime: 1000, recipients: 1, isDuplicate: false, ownSeq: nil)
        guard isKeeping else { return acceptance }
        return try accepted.withLock { accepted in
            guard let known = accepted[message.id] else {
                accepted[message.id] = (message.content, acceptance)
                return acceptance
            }
            guard known.content.canonical == message.content.canonical else {
                throw GatewayError(.messageIDConflict, "The id is taken by another message.")
            }
            return Acceptance(id: message.id, serverTime: 1000, recipients: 1, isDuplicate: true, ownSeq: nil)
        }
    }

    public func accept(
        _ messages: [Message], from principal: Principal
    ) async throws -> [Result<Acceptance, GatewayError>] {
        var outcomes: [Result<Acceptance, GatewayError>] = []
        for message in messages {
            do {
                outcomes.append(.success(try await accept(message, from: principal)))
            } catch let error as GatewayError {
                if error.code == .overloaded, outcomes.isEmpty { throw error }
                outcomes.append(.failure(error))
            }
        }
        return outcomes
    }

    public func message(naming name: String, for principal: Principal) async throws -> ArchivedMessage? {
        try await message(id: name, tenant: principal.tenant.key)
    }

    public func question(about message: Message, from principal: Principal) async throws -> MessageQuestion? { nil }

    public func inbox(of account: AccountKey, after seq: Int64, limit: Int) async throws -> InboxPage {
        InboxPage(items: [], head: 7)
    }

    public func message(id: String, tenant: TenantKey) async throws -> ArchivedMessage? {
        guard let content = accepted.withLock({ $0[id]?.content }) else { return nil }
        return ArchivedMessage(
            key: MessageKey(rawValue: 1), tenantKey: tenant, tenantNo: "acme", id: id, form: .single, from: "acct_x",
            to: "acct_y", target: nil, type: .text, content: content, timestamp: 1, isBackground: false,
            serverTime: 1000, revision: 0, timeToLiveSeconds: nil, state: .live, push: .standard)
    }

    public func hasEntry(of message: MessageKey, account: AccountKey) async throws -> Bool { false }
    public func hasBurned(_ message: ArchivedMessage, account: AccountKey) async throws -> Bool { false }
    public func expandNextPage() async throws -> Bool { false }

    /// One text on the channel.
    public func broadcasts(of tenant: TenantKey, after seq: Int64, limit: Int) async throws -> BroadcastPage {
        guard limit > 0, seq < 1 else { return BroadcastPage(items: [], head: 1) }
        let message = ArchivedMessage(
            key: MessageKey(rawValue: 2), tenantKey: tenant, tenantNo: "acme", id: "b-1", form: .broadcast,
            from: "app_1", to: "*", target: nil, type: .text, content: .emptyObject, timestamp: 1, isBackground: false,
            serverTime: 1000, revision: 0, timeToLiveSeconds: nil, state: .live, push: .standard)
        return BroadcastPage(items: [BroadcastEntry(seq: 1, revision: 0, message: message)], head: 1)
    }

    public func receivers(of message: Message, from principal: Principal) async throws -> EphemeralDelivery {
        throw GatewayError(.recipientNotFound, "There is no such recipient.")
    }

    public func acknowledge(_ device: DeviceIdentity, seq: Int64?, broadcastSeq: Int64?) async throws -> Cursor {
        Cursor(seq: min(seq ?? 0, 7), broadcastSeq: 0)
    }
}
