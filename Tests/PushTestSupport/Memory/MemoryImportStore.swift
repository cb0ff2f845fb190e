import PushCore
import Synchronization

/// Imports that are remembered by their ids. A message from `user:ghost` is refused.
public final class MemoryImportStore: ImportStore {
    private let ids = Mutex<Set<String>>([])

    public init() {}

    public func importHistory(
        _ messages: [Message], from app: AppIdentity, dryRun: Bool
    ) async throws -> [ImportOutcome] {
        ids.withLock { ids in
            let before = ids
            defer { if dryRun { ids = before } }
            return messages.map { message in
                if message.from == "user:ghost" {
                    return .refused(GatewayError(.recipientNotFound, "Nobody is known by the name user:ghost."))
                }
                return ids.insert(message.id).inserted ? .imported : .exists
            }
        }
    }
}
