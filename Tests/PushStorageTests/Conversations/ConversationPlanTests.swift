import GRDB
import PushCore
import Testing

@testable import PushStorage

/// What conversations ask of the database costs the same however much is archived.
@Suite struct ConversationPlanTests {
    private static let statements = [
        AccountEntries.pageSQL(isOfPeer: true, .descending), AccountEntries.pageSQL(isOfPeer: true, .ascending),
        AccountEntries.pageSQL(isOfPeer: false, .descending), AccountEntries.pageSQL(isOfPeer: false, .ascending),
        AccountEntries.firstRevisionSQL, AccountEntries.peersSQL, AccountEntries.unreadSQL("count(*)"),
        AccountEntries.unreadSQL("i.message") + " ORDER BY i.seq LIMIT 5",
        AccountEntries.unreadSQL("i.seq") + " ORDER BY i.seq DESC LIMIT 1",
        HistorySQL.imported(isOfPeer: true, .descending), HistorySQL.imported(isOfPeer: true, .ascending),
        HistorySQL.imported(isOfPeer: false, .descending), HistorySQL.imported(isOfPeer: false, .ascending),
        HistorySQL.importedKey, ConversationList.importedPeersSQL, Reading.endPushesSQL, PeerNames.deletedGroupSQL,
        "SELECT seq FROM read_cursor WHERE account = 1 AND peer = 1 ORDER BY seq DESC LIMIT 1",
        "SELECT at FROM read_cursor WHERE account = 1 AND peer = 1 AND seq >= 1 ORDER BY seq LIMIT 1",
    ]

    @Test(arguments: statements)
    func `is a search in an index, not a walk`(_ sql: String) async throws {
        let store = try await TestStore()
        let plan = try await store.read { db in
            let statement = try db.makeStatement(sql: "EXPLAIN QUERY PLAN \(sql)")
            statement.setUncheckedArguments([])
            return try Row.fetchAll(statement).map { $0["detail"] as String }
        }
        #expect(plan.contains { $0.hasPrefix("SEARCH") }, "\(plan)")
        let walks = plan.filter { $0.hasPrefix("SCAN") && $0 != "SCAN found" && $0 != "SCAN CONSTANT ROW" }
        #expect(walks.isEmpty && !plan.contains { $0.hasPrefix("USE TEMP B-TREE") }, "\(plan)")
        if sql.contains("INDEXED BY inbox_of_peer") {
            #expect(plan.contains { $0.contains("inbox_of_peer (account=? AND peer=? AND seq") }, "\(plan)")
        }
        if sql.contains("+peer") { #expect(plan.contains { $0.contains("PRIMARY KEY (account=? AND seq") }, "\(plan)") }
        if sql.contains("message_withdrawn") { #expect(plan.contains { $0.contains("message_withdrawn") }, "\(plan)") }
    }
}
