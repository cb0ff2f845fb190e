import GRDB
import PushCore

extension Storage: MessageArchive {
    public func accept(_ message: Message, from principal: Principal) async throws -> Acceptance {
        try await commits.run { [limits, ids, wallClock] writer in
            try MessageAcceptance(writer: writer, limits: limits, now: wallClock.now, ids: ids)
                .accept(message, from: principal)
        }
    }

    public func accept(
        _ messages: [Message], from principal: Principal
    ) async throws -> [Result<Acceptance, GatewayError>] {
        var outcomes: [Result<Acceptance, GatewayError>] = []
        outcomes.reserveCapacity(messages.count)
        while outcomes.count < messages.count {
            let rest = messages[outcomes.count...]
            do {
                outcomes += try await commits.run { [limits, wallClock] writer in
                    try MessageAcceptance(writer: writer, limits: limits, now: wallClock.now)
                        .accept(startOf: rest, from: principal)
                }
            } catch let error as GatewayError where !outcomes.isEmpty {
                // Not the part after it either: a batch keeps its order.
                outcomes += rest.map { _ in .failure(error) }
            }
        }
        return outcomes
    }

    public func question(about message: Message, from principal: Principal) async throws -> MessageQuestion? {
        try await file.read { [wallClock] db in
            let tenant = principal.tenant
            let book = AddressBook(db: db, tenant: tenant.key, cache: nil)
            guard try MessageRows.message(db, tenant: tenant.key, id: message.id, tenantNo: tenant.tenantNo) == nil
            else { return nil }
            let sender = try book.sender(of: message, principal: principal)
            let receivers = try book.receivers(of: message, sender: sender)
            let digest = try MessageDigest(
                message, from: sender.name, book: book, unknown: receivers.unknownNames)
            let now = wallClock.now
            if let numbers = message.options.numbers,
                try MessageRepeats(db: db, tenant: tenant)
                    .first(of: numbers, digest, sender, to: receivers, at: now) != nil
            {
                return nil
            }
            return try MessageQuestion(
                db, message, tenant: tenant, sender: sender, receivers: receivers, digest: digest, now: now)
        }
    }

    public func inbox(of account: AccountKey, after seq: Int64, limit: Int) async throws -> InboxPage {
        // The tail before the table: what leaves the tail in between is found in the table.
        let tail = log.tail(of: account.rawValue, after: seq, limit: limit)
        return try await file.read { [access] db in
            try MessageRows.inbox(db, of: account, after: seq, limit: limit, tail: tail) {
                access.tenant(key: $0)?.tenantNo ?? ""
            }
        }
    }

    public func message(id: String, tenant: TenantKey) async throws -> ArchivedMessage? {
        let tenantNo = access.tenant(key: tenant)?.tenantNo ?? ""
        return try await file.read { try MessageRows.message($0, tenant: tenant, id: id, tenantNo: tenantNo) }
    }

    public func message(naming name: String, for principal: Principal) async throws -> ArchivedMessage? {
        try await file.read { try NamedMessage(db: $0, principal: principal).find(name, for: .reading) }
    }

    public func hasEntry(of message: MessageKey, account: AccountKey) async throws -> Bool {
        try await file.read { db in
            try MessageRows.hasEntry(db, of: message, account: account)
                || HistoryImport.isImported(db, message, for: account)
        }
    }

    public func hasBurned(_ message: ArchivedMessage, account: AccountKey) async throws -> Bool {
        try await file.read { try MessageRows.isBurned($0, message, by: account) }
    }

    /// A page of the oldest audience, and one of what follows messages that are expanded. True when there may be more.
    public func expandNextPage() async throws -> Bool {
        // Asked often, and nearly always there is nothing: no transaction for that.
        let pending = try await file.read { db in
            let isFollowed = try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM follow_up)")
            return (expansions: try Expansion.isAnyWaiting(db), followUps: isFollowed ?? false)
        }
        var hasMore = false
        if pending.expansions {
            hasMore = try await commits.run { [self] writer in
                try Expansion(writer: writer, limits: limits).next {
                    access.tenant(key: $0)?.tenantNo ?? ""
                } isDone: {
                    try change(writer).expanded($0) { access.tenant(key: $0) }
                }
            }
        }
        guard pending.followUps else { return hasMore }
        let isFollowed = try await commits.run { [feed, limits, access, wallClock] writer in
            try FollowUps(writer: writer, feed: feed, limits: limits, now: wallClock.now).next {
                access.tenant(key: $0)?.tenantNo ?? ""
            }
        }
        return hasMore || isFollowed
    }

    /// The sender's own account is left out, unless it is the receiver: other devices need no typing signs of their own
    /// user.
    public func receivers(of message: Message, from principal: Principal) async throws -> EphemeralDelivery {
        try await file.read { [wallClock, generator = ids] db in
            let tenant = principal.tenant
            let book = AddressBook(db: db, tenant: tenant.key, cache: nil)
            let sender = try book.sender(of: message, principal: principal)
            let form: AddressForm
            let to: String
            var target: String?
            var keys: [Int64]
            switch try book.receivers(of: message, sender: sender) {
            case .account(let account): (form, to, keys) = (.single, account.id, [account.key.rawValue])
            case .group(let group, let member):
                (form, to, target) = (.group, group.groupID, member?.id)
                keys =
                    try member.map { [$0.key.rawValue] }
                    ?? GroupRow.members(
                        db, of: group.key, version: group.version, after: 0, limit: group.memberCount)
                keys.removeAll { $0 == sender.account?.key.rawValue }
            case .audience(let accounts, let groups, let unknown):
                (form, to) = (.audience, "")
                _ = unknown
                var found = Set(accounts.map(\.key.rawValue))
                for group in groups {
                    found.formUnion(
                        try GroupRow.members(
                            db, of: group.key, version: group.version, after: 0, limit: group.memberCount))
                }
                if let account = sender.account { found.remove(account.key.rawValue) }
                keys = found.sorted()
            case .everyone: (form, to, keys) = (.broadcast, MessageRows.everyone, [])
            case .tagged: throw GatewayError.invalid("/ephemeral", "A message to tags cannot be ephemeral.")
            }
            let ids = try db.cachedStatement(sql: "SELECT account_id FROM account WHERE key = ? AND deleted_at IS NULL")
            let accounts = try keys.compactMap { key in
                try String.fetchOne(ids, arguments: [key]).map { AccountRef(key: AccountKey(rawValue: key), id: $0) }
            }
            let now = wallClock.now
            let numbers = message.options.numbers.map {
                MessageNumbers(
                    sequence: $0.sequence ?? $0.reserved ?? generator.number(), random: $0.random,
                    seconds: $0.seconds ?? $0.asked ?? now / 1000)
            }
            let archived = ArchivedMessage(
                key: MessageKey(rawValue: 0), tenantKey: tenant.key, tenantNo: tenant.tenantNo, id: message.id,
                form: form, from: sender.name, to: to, target: target, type: message.type, content: message.content,
                timestamp: message.timestamp, isBackground: message.isBackground, serverTime: now,
                revision: 0, timeToLiveSeconds: message.timeToLiveSeconds, state: .live, push: message.push,
                senderAccount: sender.account?.key, senderApp: sender.app, numbers: numbers)
            return EphemeralDelivery(message: archived, accounts: accounts)
        }
    }
}
