import Synchronization

/// The faults that are set now. Looked at for every request, so the empty board costs one atomic load.
final class FaultBoard: Sendable {
    /// What the faults make of one request.
    struct Plan {
        var delayMilliseconds = 0
        /// The first fault that decides about the answer.
        var fault: VendorFault?

        var isUndisturbed: Bool { delayMilliseconds == 0 && fault == nil }
    }

    private let faults = Mutex<[ActiveFault]>([])
    private let isEmpty = Atomic(true)

    var active: [ActiveFault] { faults.withLock { $0 } }

    /// - Throws: ``VendorSimulatorError/invalid(_:)`` when the vendor has no such code.
    func add(_ fault: ActiveFault, checkedBy services: [any VendorService]) throws {
        let code: String? =
            switch fault.fault {
            case .code(let code): code
            case .deadTokens(_, let code, _): code
            default: nil
            }
        if case .partialBatch(let every) = fault.fault, every < 1 {
            throw VendorSimulatorError.invalid("every must be at least 1")
        }
        if let code, let service = services.first(where: { $0.vendor == fault.vendor }),
            service.refusal(code: code) == nil
        {
            throw VendorSimulatorError.invalid("\(fault.vendor.rawValue) has no code \(code)")
        }
        faults.withLock {
            $0.append(fault)
            isEmpty.store(false, ordering: .releasing)
        }
    }

    func clear(_ vendor: SimulatedVendor?) {
        faults.withLock { faults in
            faults.removeAll { vendor == nil || $0.vendor == vendor }
            isEmpty.store(faults.isEmpty, ordering: .releasing)
        }
    }

    /// Decides about one request and counts it. What befalls single tokens is decided later, by ``deadToken(_:token:)``
    /// and ``batch(_:tokens:)``.
    func plan(_ vendor: SimulatedVendor, _ purpose: RequestPurpose) -> Plan {
        guard !isEmpty.load(ordering: .acquiring) else { return Plan() }
        return faults.withLock { faults in
            var plan = Plan()
            for index in faults.indices where faults[index].vendor == vendor && faults[index].purpose == purpose {
                switch faults[index].fault {
                case .slow(let milliseconds):
                    plan.delayMilliseconds += milliseconds
                    use(index, &faults)
                case .deadTokens, .partialBatch: break
                case .goAway(let afterRequests):
                    guard plan.fault == nil else { break }
                    faults[index].counted += 1
                    guard faults[index].counted >= afterRequests else { break }
                    faults[index].counted = 0
                    plan.fault = faults[index].fault
                    use(index, &faults)
                default:
                    guard plan.fault == nil else { break }
                    plan.fault = faults[index].fault
                    use(index, &faults)
                }
            }
            removeUsed(&faults)
            return plan
        }
    }

    /// The fault that makes this token dead, if there is one; counts it.
    func deadToken(_ vendor: SimulatedVendor, token: String) -> (code: String?, timestamp: Int64?)? {
        guard !isEmpty.load(ordering: .acquiring) else { return nil }
        return faults.withLock { faults in
            for index in faults.indices where faults[index].vendor == vendor {
                guard case .deadTokens(let tokens, let code, let timestamp) = faults[index].fault,
                    tokens?.contains(token) ?? true
                else { continue }
                use(index, &faults)
                removeUsed(&faults)
                return (code, timestamp)
            }
            return nil
        }
    }

    /// What befalls the tokens of one batch. A fault that hits any of them is counted once.
    struct Batch {
        struct Dead {
            let code: String?
            let timestamp: Int64?
        }

        /// By position in the batch.
        var dead: [Int: Dead] = [:]
        /// Positions that a partial batch leaves out; never one that is dead.
        var failed: Set<Int> = []

        /// Positions at which the push is taken.
        func taken(of count: Int) -> [Int] {
            guard !dead.isEmpty || !failed.isEmpty else { return Array(0..<count) }
            return (0..<count).filter { dead[$0] == nil && !failed.contains($0) }
        }
    }

    func batch(_ vendor: SimulatedVendor, tokens: [String]) -> Batch {
        guard !isEmpty.load(ordering: .acquiring) else { return Batch() }
        return faults.withLock { faults in
            var batch = Batch()
            for index in faults.indices where faults[index].vendor == vendor && faults[index].purpose == .send {
                let before = batch.dead.count + batch.failed.count
                switch faults[index].fault {
                case .deadTokens(let named, let code, let timestamp):
                    for (position, token) in tokens.enumerated()
                    where batch.dead[position] == nil && named?.contains(token) ?? true {
                        batch.dead[position] = Batch.Dead(code: code, timestamp: timestamp)
                        batch.failed.remove(position)
                    }
                case .partialBatch(let every):
                    for position in stride(from: every - 1, to: tokens.count, by: every)
                    where batch.dead[position] == nil { batch.failed.insert(position) }
                default: continue
                }
                if batch.dead.count + batch.failed.count > before { use(index, &faults) }
            }
            removeUsed(&faults)
            return batch
        }
    }

    private func use(_ index: Int, _ faults: inout [ActiveFault]) {
        if let remaining = faults[index].remaining { faults[index].remaining = remaining - 1 }
    }

    private func removeUsed(_ faults: inout [ActiveFault]) {
        faults.removeAll { ($0.remaining ?? 1) <= 0 }
        isEmpty.store(faults.isEmpty, ordering: .releasing)
    }
}
