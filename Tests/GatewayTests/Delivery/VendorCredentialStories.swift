import Crypto
import PushGateClient
import PushSimulators
import TestWaiting
import Testing

extension GatewayStories {
    /// Credentials of every vendor: tried, refused, replaced while the gateway runs, and of several apps.
    @Suite struct VendorCredentialStories {
        /// What makes a credential one that the vendor refuses. A browser has none of its own.
        private func wrong(_ vendor: SimulatedVendor, of simulator: VendorSimulator) throws -> JSONValue? {
            let name: String
            switch vendor {
            case .apns: return try simulator.settings(vendor, changing: ["keyId": "WRONGKEY00"])
            case .fcm:
                let account = try simulator.settings(vendor)["serviceAccount"]?.members ?? []
                let changed = account.map { $0.name == "private_key_id" ? .init($0.name, "unknown") : $0 }
                return try simulator.settings(vendor, changing: ["serviceAccount": .object(changed)])
            case .webhook:
                return try simulator.settings(
                    vendor, changing: ["secret": "whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="])
            case .webpush: return nil
            case .huawei, .honor, .wns: name = "clientSecret"
            case .xiaomi, .vivo, .meizu: name = "appSecret"
            case .oppo: name = "masterSecret"
            }
            return try simulator.settings(vendor, changing: [name: "not-the-secret"])
        }

        private static let refusable = SimulatedVendor.allCases.filter { $0 != .webpush }

        private func test(
            _ vendor: SimulatedVendor, token: String, dryRun: Bool, _ story: Story
        ) async throws -> JSONValue {
            try await story.app.call(
                .post, ["v1", "settings", "push", vendor.rawValue, "test"],
                body: ["token": .string(token), "title": "Test", "body": "It works", "dryRun": .bool(dryRun)]
            ).json()
        }

        @Test func `every credential can be tried, and doctor names those that are refused`() async throws {
            try await withVendors(.init(), SimulatedVendor.allCases) { story, simulator in
                var tokens: [SimulatedVendor: String] = [:]
                for vendor in SimulatedVendor.allCases {
                    let token = try simulator.token(vendor, "test-\(vendor)").token
                    tokens[vendor] = token
                    let dry = try await test(vendor, token: token, dryRun: true, story)
                    #expect(dry["outcome"]?.string == "sent", "\(vendor): \(dry)")
                }
                // A dry run reaches nobody.
                #expect(simulator.pushes { tokens.values.contains($0.token) && $0.isShown }.isEmpty)
                for (vendor, token) in tokens {
                    let real = try await test(vendor, token: token, dryRun: false, story)
                    #expect(real["outcome"]?.string == "sent", "\(vendor): \(real)")
                    let shown = simulator.visible(token: token)
                    #expect(shown.map(\.title) == ["Test"] && shown.map(\.body) == ["It works"], "\(vendor)")
                    if vendor != .webhook { #expect(real["vendorId"]?.string == shown.first?.vendorId) }
                }
                let good = try await DoctorRun(story.gateway)
                #expect(good.ending == .exited(0), "\(good.output)")
                for vendor in SimulatedVendor.allCases {
                    #expect(good.state("credential acme \(vendor)") == "ok", "\(good.output)")
                }
                #expect(simulator.refusals.map(\.reason) == [])

                for vendor in Self.refusable {
                    guard let settings = try wrong(vendor, of: simulator) else { continue }
                    try await story.app.setPush(vendor: vendor.rawValue, settings)
                    for isDry in [true, false] {
                        let refused = try await test(vendor, token: tokens[vendor] ?? "", dryRun: isDry, story)
                        // A webhook's receiver has no words for a wrong signature; it answers 401.
                        let expected = vendor == .webhook ? "retry" : "auth"
                        #expect(refused["outcome"]?.string == expected, "\(vendor): \(refused)")
                        #expect(refused["vendorCode"]?.string?.isEmpty == false, "\(vendor): \(refused)")
                    }
                    #expect(simulator.visible(token: tokens[vendor] ?? "").count == 1, "\(vendor)")
                }
                let bad = try await DoctorRun(story.gateway)
                #expect(bad.ending == .exited(1))
                for vendor in Self.refusable {
                    let check = "credential acme \(vendor)"
                    #expect(bad.state(check) == "wrong", "\(bad.output)")
                    #expect(bad.checks[check]?["remedy"]?.string?.isEmpty == false, "\(bad.output)")
                }
                #expect(bad.state("credential acme webpush") == "ok")
                // Refused for what was wrong on purpose.
                simulator.clearRecord()
            }
        }

        @Test func `a subscription made with another key is told from one of this gateway`() async throws {
            try await withVendors(.init(), [.webpush]) { story, simulator in
                let key = try #require(try await story.app.push(vendor: "webpush")["publicKey"]?.string)
                let own = try simulator.subscribe(applicationServerKey: key).token
                let foreign = P256.Signing.PrivateKey().publicKey.x963Representation.base64EncodedString()
                    .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
                let other = try simulator.subscribe(applicationServerKey: foreign).token
                #expect(try await test(.webpush, token: own, dryRun: false, story)["outcome"]?.string == "sent")
                let refused = try await test(.webpush, token: other, dryRun: false, story)
                #expect(refused["outcome"]?.string == "dead", "\(refused)")
                // A PUT keeps the key that every subscription is bound to.
                try await story.usePush([.webpush], of: simulator)
                #expect(try await story.app.push(vendor: "webpush")["publicKey"]?.string == key)
                #expect(try await test(.webpush, token: own, dryRun: false, story)["outcome"]?.string == "sent")
                simulator.clearRecord()
            }
        }

        @Test func `what waits for a refused credential goes out with the right one, once`() async throws {
            try await withVendors(.init(), SimulatedVendor.allCases) { story, simulator in
                try await story.knowsWhoIsAway(simulator)
                for vendor in Self.refusable {
                    guard let settings = try wrong(vendor, of: simulator) else { continue }
                    try await story.app.setPush(vendor: vendor.rawValue, settings)
                    _ = try await story.register("\(vendor)", tokens: [simulator.token(vendor, "\(vendor)")])
                    for number in 1...3 {
                        try await story.app.send(
                            OutgoingMessage(id: "\(vendor)-\(number)", to: "user:\(vendor)", text: "hello?"))
                    }
                }
                for vendor in Self.refusable where vendor != .webhook {
                    try await eventually("\(vendor)'s credential is stopped") {
                        let settings = try await story.app.push(vendor: vendor.rawValue)
                        return settings["state"]?.string == "stopped"
                    }
                    let trace = try await story.trace("\(vendor)-3", user: "\(vendor)")
                    #expect(trace["outcome"]?.string == "waiting", "\(trace)")
                    #expect(trace["remedy"]?.string?.isEmpty == false, "\(trace)")
                }
                #expect(simulator.pushes().map(\.messageId) == ["probe"])
                try await story.usePush(Self.refusable, of: simulator)
                for vendor in Self.refusable {
                    for number in 1...3 {
                        let id = "\(vendor)-\(number)"
                        try await story.trace(id, user: "\(vendor)") { $0["outcome"]?.string == "pushed" }
                        #expect(simulator.pushes { $0.messageId == id && $0.isShown }.count == 1, "\(id)")
                    }
                    #expect(try await story.app.push(vendor: vendor.rawValue)["state"]?.string == "running")
                }
                simulator.clearRecord()
            }
        }

        @Test func `two apps of a tenant send with their own credentials`() async throws {
            try await withVendors(.init(), [.apns, .huawei]) { story, simulator in
                let other = try await story.admin.createApp(tenantNo: story.tenant, name: "Support")
                let key = P256.Signing.PrivateKey()
                try simulator.register(
                    APNsTeam(
                        teamId: "OTHERTEAM1", keyId: "OTHERKEY01", topics: ["com.example.support"],
                        publicKeyPEM: key.publicKey.pemRepresentation))
                let apns = try simulator.settings(
                    .apns,
                    changing: [
                        "teamId": "OTHERTEAM1", "keyId": "OTHERKEY01", "topic": "com.example.support",
                        "privateKey": .string(key.pemRepresentation),
                    ])
                let app = simulator.credentials.huaweiOther
                let huawei = try simulator.settings(
                    .huawei,
                    changing: [
                        "appId": .string(app.appId), "clientId": .string(app.appId),
                        "projectId": .string(app.projectId), "clientSecret": .string(app.clientSecret),
                    ])
                for (vendor, settings) in ["apns": apns, "huawei": huawei] {
                    _ = try await story.app.call(
                        .put, ["v1", "settings", "push", vendor], query: ["app": other.id], body: settings)
                }
                // The device belongs to the app that it was registered with.
                for vendor in [SimulatedVendor.apns, .huawei] {
                    for (name, info) in [("shop", story.appInfo), ("support", other)] {
                        let user = "\(name)-\(vendor)"
                        _ = try await story.api.register(
                            DeviceRegistration(
                                uniqueCode: "code-\(user)", userID: user, osType: .android,
                                pushTokens: [simulator.token(vendor, user)]),
                            signature: Signatures.jwt(app: info.id, key: info.signingKey, user: user))
                        try await story.app.send(OutgoingMessage(id: user, to: "user:\(user)", text: "hello?"))
                        let push = try await simulator.waitForPush(within: .seconds(10)) { $0.messageId == user }
                        if vendor == .apns {
                            let topic = name == "shop" ? simulator.credentials.apnsTopic : "com.example.support"
                            #expect(push.header("apns-topic") == topic)
                        }
                    }
                }
                #expect(simulator.refusals.map(\.reason) == [])
                // One app's trouble is not the other's.
                let wrong = try simulator.settings(.huawei, changing: ["clientSecret": "not-the-secret"])
                try await story.app.setPush(vendor: "huawei", wrong)
                for (name, outcome) in [("shop", "waiting"), ("support", "pushed")] {
                    let id = "again-\(name)"
                    try await story.app.send(OutgoingMessage(id: id, to: "user:\(name)-huawei", text: "still there?"))
                    try await story.trace(id, user: "\(name)-huawei") { $0["outcome"]?.string == outcome }
                }
                try await eventually("the tenant's credential is stopped") {
                    try await story.app.push(vendor: "huawei")["state"]?.string == "stopped"
                }
                let own = try await story.app.call(
                    .get, ["v1", "settings", "push", "huawei"], query: ["app": other.id]
                ).json()
                #expect(own["state"]?.string == "running", "\(own)")
                simulator.clearRecord()
            }
        }
    }
}
