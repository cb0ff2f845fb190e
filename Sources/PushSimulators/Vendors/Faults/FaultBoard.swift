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

    /// Decides about one request and counts it. Dead tokens are decided later, by ``deadToken(_:token:)``.
    func plan(_ vendor: SimulatedVendor, _ purpose: RequestPurpose) -> Plan {
        guard !isEmpty.load(ordering: .acquiring) else { return Plan() }
        return faults.withLock { faults in
            var plan = Plan()
            for index in faults.indices where faults[index].vendor == vendor && faults[index].purpose == purpose {
                switch faults[index].fault {
                case .slow(let milliseconds):
                    plan.delayMilliseconds += milliseconds
                    use(index, &faults)
                case .deadTokens: break
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

    private func use(_ index: Int, _ faults: inout [ActiveFault]) {
        if let remaining = faults[index].remaining { faults[index].remaining = remaining - 1 }
    }

    private func removeUsed(_ faults: inout [ActiveFault]) {
        faults.removeAll { ($0.remaining ?? 1) <= 0 }
        isEmpty.store(faults.isEmpty, ordering: .releasing)
    }
}
