import PushCore

/// What a vendor does for a while.
enum VendorMood: CaseIterable {
    case well, slow, failing, failingWithPause, pacing, refusing, silent, hanging, burying, dropping, mixed
}

/// One vendor's side, which outlives the gateway's processes.
struct SimulatedVendor {
    let vendor: Vendor
    let form: BatchForm
    let concurrentMax: Int
    let budget: PushBudget
    var mood = VendorMood.well
    var underWay = 0
    /// The whole credential was asked to wait until then, in steady milliseconds; and when.
    var pausedUntil: Int64 = 0
    var pausedAt: Int64 = 0
}

struct SimulatedCatalog: VendorCatalog, @unchecked Sendable {
    let world: World
    let sleeps: SteppedSleeps

    func validate(_ settings: RawJSON, for vendor: Vendor) throws(GatewayError) -> RawJSON { settings }
    func validateAddresses(of settings: RawJSON, for vendor: Vendor) async throws(GatewayError) {}
    func publicFields(of settings: RawJSON, for vendor: Vendor) -> RawJSON { settings }
    func makeSender(
        for vendor: Vendor, settings: RawJSON, tenantNo: String
    ) throws(GatewayError) -> any VendorSender {
        guard let index = world.vendors.firstIndex(where: { $0.vendor == vendor }) else {
            throw GatewayError(.invalidRequest, "There is no such vendor.")
        }
        let lane = settings.object?["lane"]?.integer ?? 0
        return SimulatedSender(world: world, sleeps: sleeps, index: index, lane: lane)
    }
}

final class SimulatedSender: VendorSender, @unchecked Sendable {
    private let world: World
    private let sleeps: SteppedSleeps
    private let index: Int
    private let lane: Int64
    /// Of this lane alone: a credential that is put anew has its own.
    private var underWay = 0

    init(world: World, sleeps: SteppedSleeps, index: Int, lane: Int64) {
        (self.world, self.sleeps, self.index, self.lane) = (world, sleeps, index, lane)
    }

    var vendor: Vendor { world.vendors[index].vendor }
    var concurrentMax: Int { world.vendors[index].concurrentMax }
    var canSendSilently: Bool { true }
    var batchForm: BatchForm { world.vendors[index].form }
    var budget: PushBudget { world.vendors[index].budget }

    func repeatReplaces(_ push: VendorPush) -> Bool { push.token.kind == .alert }

    func check(_ push: VendorPush) async -> VendorAnswer { .sent(vendorID: nil) }
    func shutdown() async {}

    func send(_ batch: [VendorPush]) async -> [VendorAnswer] {
        guard !sleeps.isOver else { return [] }
        // It may have to log in first.
        if world.random.chance(10) { await sleeps.sleep(until: world.steady + world.random.number(1, 3000)) }
        RequestStart.current?.report()
        guard !sleeps.isOver else { return [] }
        underWay += 1
        world.began(batch, vendor: index, underWay: underWay)
        let answers = await answers(batch)
        underWay -= 1
        guard !sleeps.isOver else { return [] }
        // A credential that was replaced meanwhile holds nobody back.
        world.answered(batch, answers, vendor: index, isInUse: world.disk.lane(of: vendor) == lane)
        return answers
    }

    private func answers(_ batch: [VendorPush]) async -> [VendorAnswer] {
        let mood = world.vendors[index].mood
        let time: Int64 =
            switch mood {
            case .hanging: 10_000
            case .slow: world.random.number(500, 9000)
            default: world.random.chance(30) ? 0 : world.random.number(1, 400)
            }
        if time > 0 { await sleeps.sleep(until: world.steady + time) }
        var answers: [VendorAnswer] = []
        // Within one request the whole credential's troubles are one answer.
        for _ in batch { answers.append(answer(mood)) }
        if mood == .mixed, batch.count > 1, world.random.chance(30) { answers.removeLast() }
        return answers
    }

    private static let moods = VendorMood.allCases.filter { $0 != .mixed && $0 != .hanging && $0 != .slow }

    private func answer(_ mood: VendorMood) -> VendorAnswer {
        let reply = VendorReply(code: "E")
        switch mood {
        case .well, .slow: return .sent(vendorID: "v")
        case .failing: return .retry(reply, triesMax: world.random.chance(20) ? 3 : nil)
        case .failingWithPause: return .retry(reply, after: .milliseconds(world.random.number(500, 20_000)))
        case .pacing:
            let scope = world.random.pick([VendorAnswer.PaceScope.credential, .messageClass, .device])
            let after = world.random.chance(70) ? Duration.milliseconds(world.random.number(500, 60_000)) : nil
            return .slow(reply, scope: scope, after: after)
        case .refusing: return .auth(reply)
        case .silent, .hanging: return .unknown(reply)
        case .burying: return .dead(reply)
        case .dropping: return .drop(reply)
        case .mixed: return answer(world.random.pick(Self.moods))
        }
    }
}
