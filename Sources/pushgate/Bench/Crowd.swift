import Foundation
import PushCredentials
import PushGateClient
import PushSimulators

extension GatewayAPI {
    /// Puts the simulator's credential for this vendor.
    func setSimulated(_ vendor: SimulatedVendor, _ simulator: VendorSimulator) async throws {
        let settings = try JSONValue(parsing: Array(simulator.credentials.settings(for: vendor).utf8))
        _ = try await setPush(vendor: vendor.rawValue, settings)
    }
}

/// People with one phone each that never connects.
struct Crowd {
    struct People {
        let group: String
        let users: [String]
        let tokens: [String]
    }

    let api: GatewayAPI
    let app: GatewayAPI.NewApp
    let progress: (String) -> Void

    /// - Parameter inGroup: so many of them, from the first, are in the group; nil: all.
    func register(_ vendor: SimulatedVendor, count: Int, inGroup: Int? = nil) async throws -> People {
        progress("registering \(count) phones with \(vendor)")
        let numbers = 0..<count
        let users = numbers.map { "\(vendor)-\($0)" }
        let tokens = numbers.map { Self.token(vendor, $0) }
        let now = Int64(Date().timeIntervalSince1970)
        let open = GatewayAPI(api.baseURL)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in numbers {
                if number >= 32 { try await group.next() }
                let signature = try UserSignature.makeJWT(
                    appID: app.id, userID: users[number], key: app.signingKey, issuedAt: now, expiresAt: now + 3600)
                group.addTask {
                    _ = try await open.register(
                        DeviceRegistration(
                            uniqueCode: users[number], userID: users[number], osType: .android,
                            pushTokens: [.init(vendor: vendor.rawValue, token: tokens[number])]),
                        signature: signature)
                }
            }
            try await group.waitForAll()
        }
        let members = min(count, inGroup ?? count)
        let group = try await api.createGroup(
            id: "phones-\(vendor)", name: "Phones", users: Array(users.prefix(min(500, members))))
        for page in stride(from: 500, to: members, by: 500) {
            try await api.addMembers(Array(users[page..<min(page + 500, members)]), toGroup: group)
        }
        return People(group: group, users: users, tokens: tokens)
    }

    /// APNs wants hexadecimal digits.
    private static func token(_ vendor: SimulatedVendor, _ number: Int) -> String {
        vendor == .apns ? String(format: "%064x", number + 1) : "\(vendor)-token-\(number)-0123456789abcdef"
    }
}
