import PushGateClient
import PushSimulators

/// Phones that are away, in a tenant of their own: a group for each vendor, so that one message is a push to all of its
/// phones.
struct VendorCrowd: Sendable {
    static let members = 50
    /// So many phones of FCM have tokens that turn out dead; FCM's phones have a second token.
    static let deadTokens = 5

    private(set) var tenant: TortureWorld.Tenant
    /// Of the vendor's phones, in the order of the group.
    private(set) var tokens: [SimulatedVendor: [String]] = [:]
    private var accounts: [SimulatedVendor: [Int]] = [:]

    init(
        nextDevice: Int, nextAccount: Int, stage: TortureStage, api: GatewayAPI, loop: ClientLoop, ledger: LedgerPipe,
        seed: UInt64
    ) async throws {
        // Beside the load: while a vendor goes wrong, its messages do not wait for a connection.
        let owner = try await TortureWorld.Tenant("torture-vendors", stage: stage, api: stage.api)
        tenant = owner
        for (number, vendor) in TortureWorld.vendors.enumerated() {
            let offset = number * Self.members
            let people = try await withThrowingTaskGroup(of: (Int, TortureWorld.Account).self) { group in
                for member in offset..<offset + Self.members {
                    let (index, account) = (nextDevice + member, nextAccount + member)
                    let vendors = vendor == .fcm ? [vendor, .webhook] : [vendor]
                    let tokens = vendors.map {
                        DeviceRegistration.PushToken(vendor: $0.rawValue, token: TortureWorld.token($0, index))
                    }
                    group.addTask {
                        let user = "phone\(member)"
                        let session = try await owner.register("vendors-\(member)", user: user, tokens: tokens, api)
                        ledger.tell(
                            .device(index: index, account: account, kind: .away, tokens: tokens.map(\.token)))
                        let device = TortureDevice(
                            index: index, session: session, behaviour: .away, loop: loop, ledger: ledger,
                            random: SeededRandom(seed: seed, .device, index))
                        return (
                            member,
                            .init(index: account, id: session.account, userID: user, devices: [device])
                        )
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
            }
            _ = try await owner.control.createGroup(
                id: Self.group(vendor), name: "Phones of \(vendor)", users: people.map(\.userID))
            tenant.accounts += people
            accounts[vendor] = people.map(\.index)
            tokens[vendor] = people.flatMap(\.devices).map { TortureWorld.token(vendor, $0.index) }
        }
    }

    private static func group(_ vendor: SimulatedVendor) -> String { "phones-\(vendor.rawValue)" }

    /// From the app to all phones of a vendor. Its numbers begin where those of the load do not come.
    func message(_ number: Int, to vendor: SimulatedVendor) -> TortureMessage {
        TortureMessage(
            1_000_000_000 + number, of: tenant, toGroup: Self.group(vendor), accounts: accounts[vendor] ?? [])
    }
}
