import PushCore

extension Storage: ImportStore {
    public func importHistory(
        _ messages: [Message], from app: AppIdentity, dryRun: Bool
    ) async throws -> [ImportOutcome] {
        if dryRun {
            return try await file.read { [limits, ids] db in
                try HistoryImport(db: db, limits: limits, app: app, cache: nil, ids: ids).check(messages)
            }
        }
        var outcomes: [ImportOutcome] = []
        outcomes.reserveCapacity(messages.count)
        while outcomes.count < messages.count {
            let rest = messages[outcomes.count...]
            do {
                outcomes += try await commits.run { [limits, ids] writer in
                    try HistoryImport(db: writer.db, limits: limits, app: app, cache: writer.accounts, ids: ids)
                        .run(startOf: rest, on: writer)
                }
            } catch let error as GatewayError where !outcomes.isEmpty {
                outcomes += rest.map { _ in .refused(error) }
            }
        }
        return outcomes
    }
}
