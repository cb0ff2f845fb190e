import GRDB
import PushCore

extension Storage: ConversationStore {
    public func account(named name: String, tenant: TenantKey) async throws -> AccountRef? {
        guard AddressBook.isAccountName(name) else { return nil }
        return try await file.read { try AddressBook(db: $0, tenant: tenant, cache: nil).account(named: name) }
    }

    public func peer(named name: String, tenant: TenantKey) async throws -> NamedPeer? {
        try await file.read { try PeerNames.peer($0, named: name, tenant: tenant) }
    }

    public func history(_ query: HistoryQuery) async throws -> HistoryPage {
        let entries = AccountEntries(of: query.account, log: log)
        return try await file.read { [access, limits, wallClock] db in
            try History(db: db, entries: entries, query: query, now: wallClock.now, limits: limits) {
                access.tenant(key: $0)?.tenantNo ?? ""
            }.page()
        }
    }

    public func position(
        of message: ArchivedMessage, in account: AccountKey, with peer: Peer
    ) async throws -> HistoryPosition? {
        let entries = AccountEntries(of: account, log: log)
        return try await file.read { [limits] db in
            try HistoryPlaces(db: db, entries: entries, limits: limits).position(of: message, with: peer)
        }
    }

    public func messages(
        naming name: String, between one: NamedPeer, and other: NamedPeer, tenant: Tenant
    ) async throws -> [ArchivedMessage] {
        try await file.read { try MessageRows.messages($0, naming: name, between: one, and: other, tenant: tenant) }
    }

    public func readMessages(
        among messages: [MessageKey], by account: AccountKey, with peer: Peer
    ) async throws -> Set<MessageKey> {
        try await file.read { db in
            let cursor = try ReadCursors.cursor(db, of: account, peer)
            guard cursor > 0 else { return [] }
            let read = try messages.filter { message in
                try MessageRows.entries(db, of: message, account: account).contains {
                    $0.revision == 0 && $0.seq <= cursor
                }
            }
            return Set(read)
        }
    }

    public func lastSeq(
        of account: AccountKey, with peer: Peer, before time: Milliseconds
    ) async throws -> Int64 {
        let entries = AccountEntries(of: account, log: log)
        return try await file.read { [limits] db in
            try HistoryPlaces(db: db, entries: entries, limits: limits).lastSeq(with: peer, before: time)
        }
    }

    public func conversations(
        of account: AccountKey, tenant: TenantKey, after position: ConversationPosition?, limit: Int
    ) async throws -> [Conversation] {
        let entries = AccountEntries(of: account, log: log)
        return try await file.read { [access] db in
            try ConversationList(db: db, entries: entries).page(after: position, limit: limit, tenant: tenant) {
                access.tenant(key: $0)?.tenantNo ?? ""
            }
        }
    }

    public func unread(of account: AccountKey, idsPerPeer: Int, idsMax: Int) async throws -> [UnreadConversation] {
        let entries = AccountEntries(of: account, log: log)
        return try await file.read { db in
            try ConversationList(db: db, entries: entries).unread(idsPerPeer: idsPerPeer, idsMax: idsMax)
        }
    }

    /// What an account has not read, of all conversations.
    func unreadTotal(of account: AccountKey) async throws -> Int {
        let entries = AccountEntries(of: account, log: log)
        return try await file.read { try ConversationList(db: $0, entries: entries).unreadTotal() }
    }

    public func read(
        _ peer: NamedPeer, through seq: Int64?, of account: AccountRef, by principal: Principal, at now: Milliseconds
    ) async throws -> ReadOutcome {
        try await commits.run { [ids] writer in
            try Reading(writer: writer, ids: ids, principal: principal, account: account, now: now)
                .read(peer, through: seq)
        }
    }
}
