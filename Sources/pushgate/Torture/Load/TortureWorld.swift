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
        var accounts: [Account] = []
        var groups: [Group] = []
    }

    static let vendors = [SimulatedVendor.fcm, .huawei, .webhook]

    private(set) var tenants: [Tenant] = []
    var devices: [TortureDevice] { tenants.flatMap { $0.accounts.flatMap(\.devices) } }
    var accounts: [Account] { tenants.flatMap(\.accounts) }

    init(
        _ settings: Settings, seed: UInt64, stage: TortureStage, loops: [ClientLoop], client: HTTPClient,
        ledger: LedgerPipe
    ) async throws {
        var random = SeededRandom(seed: seed, .world, 0)
        let api = GatewayAPI(stage.url, client: client)
        var nextDevice = 0
        var nextAccount = 0
        for number in 0..<settings.tenants {
            let name = "torture-\(number)"
            let admin = try stage.operatorAPI()
            try await admin.createTenant(name, name: "Torture \(number)")
            let app = try await admin.createApp(tenantNo: name, name: "Torture")
            var tenant = Tenant(
                number: name, app: app, api: api.authorized(by: .app(id: app.id, secret: app.secret)))
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
    }

    private static func register(
        index: Int, account: Int, user: String, behaviour: TortureDevice.Behaviour, _ tenant: Tenant,
        _ api: GatewayAPI, seed: UInt64, loop: ClientLoop, ledger: LedgerPipe, _ random: inout SeededRandom
    ) async throws -> TortureDevice {
        let now = Int64(Date().timeIntervalSince1970)
        let signature = try UserSignature.makeJWT(
            appID: tenant.app.id, userID: user, key: tenant.app.signingKey, issuedAt: now, expiresAt: now + 3600)
        let vendor = vendors[Int.random(in: 0..<vendors.count, using: &random)]
        let hasToken = behaviour == .away || random.chance(0.5)
        let token = hasToken ? "\(vendor)-token-\(index)-0123456789abcdef" : nil
        let session = try await api.register(
            DeviceRegistration(
                uniqueCode: "torture-\(tenant.number)-\(index)", userID: user, osType: .android,
                pushTokens: token.map { [.init(vendor: vendor.rawValue, token: $0)] } ?? []),
            signature: signature)
        ledger.tell(
            .device(index: index, account: account, kind: behaviour.connects ? .connects : .away, token: token))
        return TortureDevice(
            index: index, session: session, behaviour: behaviour, loop: loop, ledger: ledger,
            random: SeededRandom(seed: seed, .device, index))
    }

    /// The simulator's credentials for every tenant.
    func putVendorSettings(_ settings: JSONValue) async throws {
        for tenant in tenants {
            for vendor in Self.vendors {
                guard let body = settings[vendor.rawValue] else { continue }
                _ = try await tenant.api.setPush(vendor: vendor.rawValue, body)
            }
        }
    }
}
