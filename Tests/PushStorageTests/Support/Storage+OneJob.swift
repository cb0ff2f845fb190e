import PushCore

@testable import PushStorage

extension Storage {
    /// Claims of one lane, both classes alike.
    func claimJobs(
        lane: Int64, limit: Int, besides held: Set<Int64> = [], now: Milliseconds, leaseUntil: Milliseconds
    ) async throws -> [PushJob] {
        let limits = Dictionary(MessageClass.allCases.map { ($0, limit) }) { first, _ in first }
        return try await claimJobs(
            [JobClaim(lane: lane, limits: limits)], besides: held, now: now, leaseUntil: leaseUntil)
    }

    func subject(of job: PushJob) async throws -> PushSubject? { try await subjects(of: [job])[job.key] }
}
