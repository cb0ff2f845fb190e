import AsyncHTTPClient
import Foundation
import PushCredentials
import PushGateClient
import PushSimulators

/// Tenants, people, devices and groups of a run, and the calls that made them.
struct TortureWorld: Sendable {
    struct Settings: Sendable {
        var tenants = 5
        var devices = 300
        var groups = 4
        var groupMembers = 10
    }

    struct Account: Sendable {
        let index: Int
        let id: String
        let userID: String
        /// Those that may send: they connect.
        var senders: [TortureDevice] = []
        /// Any of them, to read the inbox with at the end.
        var devices: [TortureDevice] = []
    }

    struct Group: Sendable {
        let id: String
        /// Positions in the tenant's accounts.
        let members: [Int]
    }

    struct Tenant: Sendable {
        let number: String
        let app: GatewayAPI.NewApp
        /// As that app.
        let api: GatewayAPI
        /// The same, beside the load: it does not wait for a connection.
        let control: GatewayAPI
        var accounts: [Account] = []
        var groups: [Group] = []
    }

    /// Those that need no certificate, which would be another one after each start of the simulator.
    static let vendors = [SimulatedVendor.fcm, .huawei, .honor, .webhook]

    /// Those that write to one another.
    private(set) var tenants: [Tenant] = []
    /// The phones that vendors go wrong for.
    let crowd: VendorCrowd
    private let stage: TortureStage
    var devices: [TortureDevice] { tenants.flatMap { $0.accounts.flatMap(\.devices) } }
    /// All of them, the crowd's too.
    var accounts: [Account] { (tenants + [crowd.tenant]).flatMap(\.accounts) }

    init(
        _ settings: Settings, seed: UInt64, stage: TortureStage, loops: [ClientLoop], client: HTTPClient,
        ledger: LedgerPipe
    ) async throws {
        var random = SeededRandom(seed: seed, .world, 0)
        let api = GatewayAPI(stage.url, client: client)
        var nextDevice = 0
        var nextAccount = 0
        for number in 0..<settings.tenants {
            var tenant = try await Tenant("torture-\(number)", stage: stage, api: api)
            let count = settings.devices / settings.tenants
            // Every fifth person has two devices.
            for person in 0..<(count * 5 / 6) {
                let behaviours = TortureDevice.Behaviour.choose(person.isMultiple(of: 5) ? 2 : 1, &random)
                var account: Account?
                for behaviour in behaviours {
                    let device = try await Self.register(
                        index: nextDevice, account: nextAccount, user: "user\(person)", behaviour: behaviour, tenant,
                        api, seed: seed, loop: loops[nextDevice % loops.count], ledger: ledger, &random)
                    nextDevice += 1
                    var known =
                        account ?? Account(index: nextAccount, id: device.session.account, userID: "user\(person)")
                    known.devices.append(device)
                    if behaviour.connects { known.senders.append(device) }
                    account = known
                }
                if let account { tenant.accounts.append(account) }
                nextAccount += 1
            }
            for group in 0..<settings.groups {
                let members = Array(tenant.accounts.indices.shuffled(using: &random).prefix(settings.groupMembers))
                let id = try await tenant.api.createGroup(
                    id: "group-\(group)", name: "Group \(group)", users: members.map { tenant.accounts[$0].userID })
                tenant.groups.append(Group(id: id, members: members))
            }
            tenants.append(tenant)
        }
        self.stage = stage
        crowd = try await VendorCrowd(
            nextDevice: nextDevice, nextAccount: nextAccount, stage: stage, api: api, loop: loops[0], ledger: ledger,
            seed: seed)
    }

    private static func register(
        index: Int, account: Int, user: String, behaviour: TortureDevice.Behaviour, _ tenant: Tenant,
        _ api: GatewayAPI, seed: UInt64, loop: ClientLoop, ledger: LedgerPipe, _ random: inout SeededRandom
    ) async throws -> TortureDevice {
        let vendor = vendors[Int.random(in: 0..<vendors.count, using: &random)]
        let hasToken = behaviour == .away || random.chance(0.5)
        let session = try await tenant.register(
            "torture-\(tenant.number)-\(index)", user: user,
            tokens: hasToken ? [.init(vendor: vendor.rawValue, token: Self.token(vendor, index))] : [], api)
        ledger.tell(
            .device(
                index: index, account: account, kind: behaviour.connects ? .connects : .away,
                tokens: hasToken ? [Self.token(vendor, index)] : []))
        return TortureDevice(
            index: index, session: session, behaviour: behaviour, loop: loop, ledger: ledger,
            random: SeededRandom(seed: seed, .device, index))
    }

    static func token(_ vendor: SimulatedVendor, _ index: Int) -> String { "\(vendor)-token-\(index)-0123456789abcdef" }

    /// The simulator's credentials for every tenant, as often as it takes: whatever else goes wrong, they have to be
    /// those of the simulator that runs now.
    func putVendorSettings() async throws {
        while true {
            let settings = stage.simulatorSettings
            try await withThrowingTaskGroup(of: Void.self) { group in
                for tenant in tenants + [crowd.tenant] {
                    for vendor in Self.vendors {
                        guard let body = settings[vendor.rawValue] else { continue }
                        group.addTask {
                            try await stage.patiently("the settings of \(vendor)") {
                                _ = try await tenant.control.setPush(vendor: vendor.rawValue, body)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            if settings == stage.simulatorSettings { return }
        }
    }
}

extension TortureWorld.Tenant {
    init(_ name: String, stage: TortureStage, api: GatewayAPI) async throws {
        let admin = try stage.operatorAPI()
        try await admin.createTenant(name, name: name.capitalized)
        let app = try await admin.createApp(tenantNo: name, name: "Torture")
        self.init(
            number: name, app: app, api: api.authorized(by: .app(id: app.id, secret: app.secret)),
            control: stage.api.authorized(by: .app(id: app.id, secret: app.secret)))
    }

    func register(
        _ code: String, user: String, tokens: [DeviceRegistration.PushToken], _ api: GatewayAPI
    ) async throws -> DeviceSession {
        let now = Int64(Date().timeIntervalSince1970)
        let signature = try UserSignature.makeJWT(
            appID: app.id, userID: user, key: app.signingKey, issuedAt: now, expiresAt: now + 3600)
        return try await api.register(
            DeviceRegistration(uniqueCode: code, userID: user, osType: .android, pushTokens: tokens),
            signature: signature)
    }
}
