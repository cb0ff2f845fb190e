import PushCore
import Synchronization

/// Conversations in memory: every account has the same two messages from one sender, with `seq` 1 and 2.
public final class MemoryConversationStore: ConversationStore {
    private let devices: any DeviceStore
    private let cursors = Mutex<[AccountKey: Int64]>([:])
    private let peer = NamedPeer(peer: .group(GroupKey(rawValue: 1)), id: "team")

    /// - Parameter devices: knows the accounts.
    public init(devices: any DeviceStore) { self.devices = devices }

    public func account(named name: String, tenant: TenantKey) async throws -> AccountRef? {
        guard name.hasPrefix("user:") else { return nil }
        return try await devices.account(tenant: tenant, userID: String(name.dropFirst(5)))
    }

    public func peer(named name: String, tenant: TenantKey) async throws -> NamedPeer? {
        name == peer.id ? peer : nil
    }

    private func message(_ seq: Int64) -> AccountMessage {
        AccountMessage(
            message: ArchivedMessage(
                key: MessageKey(rawValue: seq), tenantKey: TenantKey(rawValue: 1), tenantNo: "acme", id: "m-\(seq)",
                form: .group, from: "acct_x", to: peer.id, target: nil, type: .text, content: .emptyObject,
                timestamp: seq, isBackground: false, serverTime: seq, revision: 0, timeToLiveSeconds: nil,
                state: .live, push: .standard), seq: seq, isBurned: false)
    }

    public func history(_ query: HistoryQuery) async throws -> HistoryPage {
        let all = [1, 2].filter { query.order == .ascending ? $0 > query.after.seq ?? 0 : $0 < query.after.seq ?? 3 }
        let ordered = query.order == .ascending ? all : all.reversed()
        let items = ordered.prefix(query.limit).map {
            HistoryPage.Item(content: message($0), position: HistoryPosition(seq: $0))
        }
        return HistoryPage(items: items, next: all.count > items.count ? items.last?.position : nil)
    }

    public func position(
        of message: ArchivedMessage, in account: AccountKey, with peer: Peer
    ) async throws -> HistoryPosition? {
        HistoryPosition(seq: message.key.rawValue)
    }

    public func messages(
        naming name: String, between one: NamedPeer, and other: NamedPeer, tenant: Tenant
    ) async throws -> [ArchivedMessage] {
        [1, 2].map { message($0).message }.filter { MessageAliases(of: $0).contains(name) || $0.id == name }
    }

    public func readMessages(
        among messages: [MessageKey], by account: AccountKey, with peer: Peer
    ) async throws -> Set<MessageKey> {
        let cursor = cursors.withLock { $0[account] ?? 0 }
        return Set(messages.filter { $0.rawValue <= cursor })
    }

    public func lastSeq(
        of account: AccountKey, with peer: Peer, before time: Milliseconds
    ) async throws -> Int64 {
        min(2, max(0, time - 1))
    }

    public func conversations(
        of account: AccountKey, tenant: TenantKey, after position: ConversationPosition?, limit: Int
    ) async throws -> [Conversation] {
        guard position == nil else { return [] }
        return [
            Conversation(
                peer: peer, lastSeq: 2, unread: unread(account), last: message(2),
                position: ConversationPosition(head: 2, lastSeq: 2, importedTime: 0, peer: peer.id))
        ]
    }

    private func unread(_ account: AccountKey) -> Int { 2 - Int(cursors.withLock { $0[account] ?? 0 }) }

    public func unread(of account: AccountKey, idsPerPeer: Int, idsMax: Int) async throws -> [UnreadConversation] {
        let count = unread(account)
        guard count > 0 else { return [] }
        let ids = (Int64(3 - count)...2).map { "m-\($0)" }
        return [UnreadConversation(peer: peer, count: count, ids: Array(ids.prefix(min(idsPerPeer, idsMax))))]
    }

    public func read(
        _ peer: NamedPeer, through seq: Int64?, of account: AccountRef, by principal: Principal, at now: Milliseconds
    ) async throws -> ReadOutcome {
        let (before, after) = cursors.withLock { cursors in
            let before = cursors[account.key] ?? 0
            cursors[account.key] = max(before, min(seq ?? 2, 2))
            return (before, cursors[account.key] ?? 0)
        }
        return ReadOutcome(seq: after, unread: unread(account.key), hasMoved: after > before)
    }
}
