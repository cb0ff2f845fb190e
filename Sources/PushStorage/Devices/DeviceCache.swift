import PushCore
import Synchronization

/// Devices that were asked for lately. An entry is removed after the COMMIT that changed it; a fill that began before
/// such a commit is thrown away, so that nothing stale stays.
final class DeviceCache: Sendable {
    /// A device as every request needs it; the tenant is added when asked, since it may change.
    struct Known: Sendable {
        let key: DeviceKey
        let account: AccountRef
        let userID: String
        let tenantKey: TenantKey
        let isActive: Bool
    }

    private struct State {
        var byID: [String: Known] = [:]
        var byAccount: [AccountKey: AccountDevices] = [:]
        /// Fills under way with the number of the newest.
        var idFills: [String: UInt64] = [:]
        var accountFills: [AccountKey: UInt64] = [:]
        var fills: UInt64 = 0
    }

    private let state = Mutex(State())
    private static let entriesMax = 300_000

    func device(id: String) -> Known? { state.withLock { $0.byID[id] } }

    func devices(of account: AccountKey) -> AccountDevices? { state.withLock { $0.byAccount[account] } }

    func beginFill(id: String) -> UInt64 {
        state.withLock { state in
            state.fills += 1
            state.idFills[id] = state.fills
            return state.fills
        }
    }

    func endFill(_ fill: UInt64, id: String, _ known: Known?) {
        state.withLock { state in
            guard state.idFills[id] == fill else { return }
            state.idFills[id] = nil
            guard let known else { return }
            if state.byID.count >= Self.entriesMax { state.byID.removeAll() }
            state.byID[id] = known
        }
    }

    func beginFill(accounts: [AccountKey]) -> UInt64 {
        state.withLock { state in
            state.fills += 1
            for account in accounts { state.accountFills[account] = state.fills }
            return state.fills
        }
    }

    func endFill(_ fill: UInt64, accounts: [AccountKey], _ found: [AccountKey: AccountDevices]) {
        state.withLock { state in
            if state.byAccount.count + found.count > Self.entriesMax { state.byAccount.removeAll() }
            for account in accounts where state.accountFills[account] == fill {
                state.accountFills[account] = nil
                if let devices = found[account] { state.byAccount[account] = devices }
            }
        }
    }

    func invalidate(deviceIDs: [String], accounts: [AccountKey]) {
        state.withLock { state in
            for id in deviceIDs {
                state.byID[id] = nil
                state.idFills[id] = nil
            }
            for account in accounts {
                state.byAccount[account] = nil
                state.accountFills[account] = nil
            }
        }
    }

    func removeAll() {
        state.withLock { state in
            let fills = state.fills
            state = State()
            state.fills = fills
        }
    }
}
