import PushCore
import Testing

@testable import PushStorage

@Suite struct HotStatementTests {
    private func read<Value: Sendable>(
        _ sql: String, _ bind: @escaping @Sendable (HotStatement) -> Void = { _ in },
        _ value: @escaping @Sendable (HotStatement) -> Value
    ) async throws -> Value? {
        let store = try await TestStore()
        return try await store.storage.file.read { db in
            let statement = try HotStatement(cached: sql, db)
            bind(statement)
            return try statement.first(value)
        }
    }

    @Test func `an empty text or value is not the same as none`() async throws {
        let found = try await read("SELECT '', NULL, x'', NULL, 0, NULL") { row in
            [
                row.optionalText(0) == "", row.optionalText(1) == nil, row.optionalBytes(2) == [],
                row.optionalBytes(3) == nil, row.optionalInteger(4) == 0, row.optionalInteger(5) == nil,
            ]
        }
        #expect(found == [Bool](repeating: true, count: 6))
    }

    @Test func `texts and bytes come out as they went in`() async throws {
        let text = "é\u{0}😀" + String(repeating: "x", count: 10_000)
        let bytes = (0..<5_000).map { UInt8(truncatingIfNeeded: $0) }
        let found = try await read("SELECT ?, ?, ?, ?") { statement in
            statement.bind(1, text)
            statement.bind(2, bytes[...])
            statement.bind(3, Int64.min)
            statement.bind(4, String?.none)
        } _: { row in
            row.text(0) == text && row.bytes(1) == bytes && row.integer(2) == .min && row.optionalText(3) == nil
        }
        #expect(found == true)
    }

    @Test func `a cached statement begins anew each time, also after one that was not read to its end`() async throws {
        let store = try await TestStore()
        let found = try await store.storage.file.read { db in
            var found: [Int64] = []
            for limit: Int64 in [3, 1, 2] {
                let statement = try HotStatement(
                    cached: "SELECT value FROM json_each('[1,2,3]') ORDER BY value LIMIT ?", db)
                statement.bind(1, limit)
                if limit == 3 {
                    found.append(try statement.first { $0.integer(0) } ?? 0)
                } else {
                    try statement.forEachRow { found.append($0.integer(0)) }
                }
            }
            return found
        }
        #expect(found == [1, 1, 1, 2])
    }
}
