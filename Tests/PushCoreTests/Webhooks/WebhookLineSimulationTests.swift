import PushCore
import Testing

@testable import PushCore

/// Many random lives of a webhook: receivers that fail, hang, are away and come back, gateways that are killed. Whatever
/// happens, every event arrives, those of an account in their order.
struct WebhookLineSimulationTests {
    private struct Source: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var value = state
            value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
            value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
            return value ^ (value >> 31)
        }
    }

    /// Shared by the closures of one life.
    private final class Receiver {
        enum Mode: CaseIterable { case well, refusing, hanging, flaky, paused }

        var mode = Mode.well
        var source: Source

        init(_ seed: UInt64) { source = Source(state: seed) }

        func answer() -> WebhookLine.Outcome? {
            switch mode {
            case .well: return .delivered
            case .refusing: return .failed(status: 500, reason: nil, retryAfter: nil)
            case .hanging: return nil
            case .paused: return .failed(status: 503, reason: nil, retryAfter: 3000)
            case .flaky:
                switch Int.random(in: 0..<10, using: &source) {
                case 0..<5: return .delivered
                case 5: return nil
                case 6: return .unread
                default: return .failed(status: 502, reason: nil, retryAfter: nil)
                }
            }
        }
    }

    /// - Parameter isFlaky: with a receiver that takes some and refuses others, three failures let an account go on;
    ///   otherwise the order is kept in everything.
    private func life(seed: UInt64, isFlaky: Bool) {
        let receiver = Receiver(seed)
        var source = Source(state: seed &* 31 &+ 7)
        var pace = WebhookPace()
        pace.itemsMax = [20, 60, 200].randomElement(using: &source) ?? 60
        pace.pageMax = pace.itemsMax / 2
        pace.requestsMax = Int.random(in: 1...16, using: &source)
        let accounts = Int64.random(in: 1...12, using: &source)
        var model = WebhookLineModel(pace: pace, eventsMax: [1, 1, 7, 50].randomElement(using: &source) ?? 1) { _, _ in
            receiver.answer()
        }
        model.answerTime = { Int64.random(in: 1...40, using: &receiver.source) }
        for _ in 0..<60 {
            for _ in 0..<Int.random(in: 0...15, using: &source) {
                model.happen(
                    Int64.random(in: 0...accounts, using: &source),
                    isWanted: Int.random(in: 0..<10, using: &source) > 0)
            }
            switch Int.random(in: 0..<12, using: &source) {
            case 0: model.crash()
            case 1: model.rest()
            case 2, 3:
                let modes = Receiver.Mode.allCases.filter { isFlaky || $0 != .flaky }
                receiver.mode = modes.randomElement(using: &source) ?? .well
            default: break
            }
            model.pass([1, 10, 300, 3000, 30_000].randomElement(using: &source) ?? 10)
        }
        receiver.mode = .well
        model.pass(700_000)
        // What waits alone comes within its own time.
        model.pass(40_000_000)
        #expect(model.isAllSettled, "seed \(seed): \(model.rows.count) rows, cursor \(model.cursor)")
        #expect(Set(model.arrived) == model.wanted, "seed \(seed)")
        #expect(model.mostInMemory <= pace.itemsMax, "seed \(seed)")
        #expect(model.line.isEmpty, "seed \(seed)")
        guard !isFlaky else { return }
        for account in 1...accounts {
            let arrived = model.arrived(of: account)
            #expect(arrived == arrived.sorted(), "seed \(seed), account \(account)")
        }
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `nothing is lost and every account keeps its order`(block: UInt64) {
        for seed in block * 8..<(block + 1) * 8 { life(seed: seed, isFlaky: false) }
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `nothing is lost where some are refused and some are taken`(block: UInt64) {
        for seed in block * 8..<(block + 1) * 8 { life(seed: seed, isFlaky: true) }
    }

    /// A crash repeats what was under way, or arrived in the last moment, and nothing else; also while something hangs.
    @Test(arguments: 0..<8 as Range<UInt64>)
    func `a crash repeats little`(seed: UInt64) {
        let receiver = Receiver(seed)
        var source = Source(state: seed &+ 1000)
        var model = WebhookLineModel(eventsMax: seed.isMultiple(of: 2) ? 1 : 20) { request, _ in
            request.positions.contains { $0 % 97 == 0 } ? nil : .delivered
        }
        model.answerTime = { Int64.random(in: 1...10, using: &receiver.source) }
        for _ in 0..<100 {
            for _ in 0..<5 { model.happen(Int64.random(in: 1...40, using: &source)) }
            model.pass(20)
        }
        let before = model.arrivals
        let late = Set(model.arrivedAt.filter { model.now.steady - $0.value <= 300 }.keys)
        model.crash()
        model.answer = { _, _ in .delivered }
        model.pass(20_000)
        #expect(model.isAllSettled)
        let repeated = Set(before.keys.filter { model.arrivals[$0] != before[$0] })
        #expect(repeated.isSubset(of: late))
        #expect(before.count > late.count)
    }
}
