import Foundation
import GRDB
import PushCore
import Synchronization
import Testing

@testable import PushStorage

/// The use case over a real store, as the doors call it.
extension TestStore {
    func conversations(changes: any DeviceChanges = QuietChanges()) -> Conversations {
        let read = clock
        return Conversations(store: storage, changes: changes, limits: limits, clock: WallClock { read.now })
    }

    func device(_ user: String) async throws -> Principal {
        .device(try await register(user, code: "code-\(user)").identity)
    }

    func write(_ sql: String, _ arguments: StatementArguments = []) async throws {
        try await storage.commits.run { try $0.db.execute(sql: sql, arguments: arguments) }
    }

    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await storage.file.read(body)
    }

    func key(_ id: String) async throws -> Int64 {
        try #require(try await storage.message(id: id, tenant: tenant.key)).key.rawValue
    }

    /// History from elsewhere between two accounts, for the one that received it.
    func importMessage(_ id: String, from sender: AccountRef, to receiver: AccountRef, at time: Milliseconds)
        async throws
    {
        try await storage.commits.run { [tenant] writer in
            let key = writer.nextMessageKey().rawValue
            try writer.db.execute(
                sql: """
                    INSERT INTO message (key, tenant, id, form, from_id, to_id, sender_account, type, content,
                        timestamp, server_time, is_background, counts_unread, syncs_to_sender, digest, recipients,
                        is_imported)
                    VALUES (?, ?, ?, 0, ?, ?, ?, 0, ?, ?, ?, 0, 1, 1, zeroblob(32), 1, 1)
                    """,
                arguments: [
                    key, tenant.key.rawValue, id, sender.id, receiver.id, sender.key.rawValue,
                    Data(#"{"text":"old"}"#.utf8), time, time,
                ])
            try writer.db.execute(
                sql: "INSERT INTO imported (account, server_time, message, peer, flags) VALUES (?, ?, ?, ?, 0)",
                arguments: [receiver.key.rawValue, time, key, Peer.account(sender.key).rawValue])
        }
    }

    /// The next revision of a message, as an edit makes it.
    func edit(_ id: String, text: String) async throws {
        let key = try await key(id)
        try await storage.commits.run { writer in
            try writer.db.execute(
                sql: "UPDATE message SET revision = revision + 1, content = CAST(? AS BLOB) WHERE key = ?",
                arguments: [#"{"text":"\#(text)"}"#, key])
            let revision = try Int.fetchOne(
                writer.db, sql: "SELECT revision FROM message WHERE key = ?", arguments: [key])
            let accounts = try Int64.fetchAll(
                writer.db, sql: "SELECT DISTINCT account FROM entry WHERE message = ?", arguments: [key])
            _ = try writer.append(
                MessageKey(rawValue: key), revision: revision ?? 1,
                accounts.map { Writer.Copy(account: $0, flags: .uncounted, peer: .none) })
        }
    }

    func revoke(_ id: String) async throws {
        try await write("UPDATE message SET state = 1, content = NULL WHERE key = ?", [try await key(id)])
    }

    /// One receiver burns its copy; others still have theirs.
    func burnCopy(_ id: String, by account: AccountRef) async throws {
        let key = try await key(id)
        try await write("INSERT OR IGNORE INTO burned_copy VALUES (?, ?, 1)", [key, account.key.rawValue])
        try await write(
            """
            UPDATE message SET burned_count = (SELECT count(*) FROM burned_copy WHERE message = ?1) WHERE key = ?1
            """, [key])
    }

    func events(_ type: Int, of account: AccountRef) async throws -> [ArchivedMessage] {
        try await inbox(account).items.map(\.message).filter { $0.type.rawValue == type }
    }
}

/// Builds an index run out of a few entries, and leaves what comes after it in memory.
func mixedIndexing(every entries: Int) -> Indexer.Tuning {
    var tuning = Indexer.Tuning()
    tuning.runEntriesMin = entries
    tuning.idle = .seconds(3600)
    tuning.stepEntriesMin = 3
    tuning.stepEntriesIdle = 7
    return tuning
}

struct QuietChanges: DeviceChanges {
    func devicesChanged() async {}
    func devicesEnded(_ deviceIDs: [String]) async {}
}

final class CountedChanges: DeviceChanges {
    private let calls = Mutex(0)
    var count: Int { calls.withLock { $0 } }
    func devicesChanged() async { calls.withLock { $0 += 1 } }
    func devicesEnded(_ deviceIDs: [String]) async {}
}

/// Random numbers that are the same at every run.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
