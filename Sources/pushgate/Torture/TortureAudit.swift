import Foundation
import PushGateClient

/// After the last fault: waits until nothing moves any more, and reads what the archive holds.
struct TortureAudit {
    let stage: TortureStage
    let world: TortureWorld
    let ledger: LedgerPipe
    let progress: @Sendable (String) -> Void

    /// Longer than the deadline of an acknowledgement, and than presence is in doubt after a start.
    private static let quiet = Duration.seconds(20)

    /// - Returns: how long it took until the last thing arrived.
    func settle(within limit: Duration) async throws -> Duration {
        let began = ContinuousClock.now
        var quietSince = began
        var before: [Int64] = []
        while ContinuousClock.now - began < limit {
            let now = movement()
            if now != before { (before, quietSince) = (now, .now) }
            let devices = world.devices.filter(\.behaviour.connects)
            let arePushed = try await stage.pushesWaiting() == 0
            if arePushed, devices.allSatisfy(\.isConnected), ContinuousClock.now - quietSince > Self.quiet {
                return quietSince - began
            }
            try await Task.sleep(for: .milliseconds(250))
        }
        progress("something still moved \(limit) after the last fault, or pushes wait")
        return limit
    }

    /// Where every device is, and how much the vendors got.
    private func movement() -> [Int64] {
        let attributes = try? FileManager.default.attributesOfItem(atPath: stage.pushesFile)  // no push, no file
        return world.devices.flatMap { [$0.last, $0.lastBroadcast] } + [(attributes?[.size] as? Int64) ?? 0]
    }

    /// Tells the ledger every inbox, every tenant's broadcasts and every device's place.
    func readEverything() async throws {
        progress("reading \(world.accounts.count) inboxes")
        let api = stage.api
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (number, account) in world.accounts.enumerated() {
                if number >= 8 { try await group.next() }
                group.addTask { try await readInbox(account, api) }
            }
            for (number, tenant) in world.tenants.enumerated() {
                group.addTask { try await readBroadcasts(number, tenant, api) }
            }
            try await group.waitForAll()
        }
        for device in world.devices where device.behaviour.connects { device.tellPosition() }
    }

    private func readInbox(_ account: TortureWorld.Account, _ api: GatewayAPI) async throws {
        guard let device = account.devices.first else { return }
        let reader = api.authorized(by: .bearer(device.session.credential.value))
        var after: Int64 = 0
        while true {
            let page = try await patiently { try await reader.sync(after: after, limit: 500) }
            after = max(after, tell(page.items, at: .inbox(account: account.index)))
            guard page.more, !page.items.isEmpty else { return }
        }
    }

    private func readBroadcasts(_ number: Int, _ tenant: TortureWorld.Tenant, _ api: GatewayAPI) async throws {
        guard let device = tenant.accounts.first?.devices.first else { return }
        let reader = api.authorized(by: .bearer(device.session.credential.value))
        var after: Int64 = 0
        while true {
            // Behind every inbox's end: only broadcasts are of interest.
            let page = try await patiently {
                try await reader.sync(after: device.last, broadcastAfter: after, limit: 500)
            }
            after = max(after, tell(page.broadcast.items, at: .broadcasts(tenant: number)))
            guard page.broadcast.more, !page.broadcast.items.isEmpty else { return }
        }
    }

    /// - Returns: the last number.
    private func tell(_ entries: [Entry], at place: LedgerLine.Place) -> Int64 {
        for entry in entries {
            ledger.tell(
                .entry(
                    place: place, seq: entry.seq ?? 0, message: Ledger.message(of: entry.id),
                    revision: entry.revision, form: EntryForm(entry)))
        }
        return entries.last?.seq ?? 0
    }

    private func patiently<Value>(_ body: () async throws -> Value) async throws -> Value {
        while true {
            do {
                return try await body()
            } catch let problem as GatewayProblem where problem.code == "rate_limited" || problem.code == "overloaded" {
                try await Task.sleep(for: .milliseconds(300))
            }
        }
    }
}
