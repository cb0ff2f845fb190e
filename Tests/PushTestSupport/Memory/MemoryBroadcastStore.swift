import PushCore
import Synchronization

/// One running job, of the message `b-1`; nothing is published or walked.
public final class MemoryBroadcastStore: BroadcastStore {
    private let state = Mutex(JobState.running)

    public init() {}

    public func onBroadcast(_ listener: @escaping @Sendable () -> Void) {}
    public func unpublishedBroadcasts(limit: Int) async throws -> [UnpublishedBroadcast] { [] }
    public func published(_ broadcasts: [UnpublishedBroadcast], at now: Milliseconds) async throws {}
    public func dueJobs(at now: Milliseconds, limit: Int) async throws -> [MessageKey] { [] }

    public func advanceJob(
        _ message: MessageKey, at now: Milliseconds, startedAt: Milliseconds,
        isConnected: @escaping @Sendable (String) -> Bool
    ) async throws -> JobStep { JobStep(walked: 0, hasPushes: false) }

    public func job(of id: String, tenant: Tenant) async throws -> JobStatus? {
        guard id == "b-1", tenant.tenantNo == "acme" else { return nil }
        return JobStatus(
            id: id, state: state.withLock { $0 }, audience: 3, published: 3, acknowledged: 1, pushed: 1, failed: 0,
            skipped: ["no_token": 1], startedAt: 1000, finishedAt: nil)
    }

    public func change(_ action: JobAction, jobOf id: String, tenant: Tenant, at now: Milliseconds) async throws {
        guard id == "b-1", tenant.tenantNo == "acme" else {
            throw GatewayError(.notFound, "There is no such broadcast.")
        }
        try state.withLock { state in
            guard let next = action.next(from: state) else { throw GatewayError(.conflict, "It cannot be changed so.") }
            state = next
        }
    }
}
