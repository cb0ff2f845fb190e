import Foundation
import PushSimulators
import Testing

/// Every fault, on each of the vendors with batches.
@Suite struct BatchVendorFaultTests {
    typealias Client = SimulatorClient
    static let vendors = [SimulatedVendor.huawei, .honor, .xiaomi, .meizu]

    /// A good request.
    static func send(_ vendor: SimulatedVendor, _ client: Client, access: String) async throws -> Client.Reply {
        switch vendor {
        case .huawei: try await client.sendHuawei(access: access)
        case .honor: try await client.sendHonor(access: access)
        case .xiaomi: try await client.sendXiaomi()
        default: try await client.sendMeizu()
        }
    }

    static func access(_ vendor: SimulatedVendor, _ client: Client) async throws -> String {
        switch vendor {
        case .huawei: try await client.huaweiToken()
        case .honor: try await client.honorToken()
        default: ""
        }
    }

    static func code(_ reply: Client.Reply) -> String? {
        (reply.json["code"] as? Int).map { "\($0)" } ?? reply.json["code"] as? String
    }

    @Test(arguments: vendors) func `rate limits and server errors carry Retry-After`(
        _ vendor: SimulatedVendor
    ) async throws {
        try await Client.run { client async throws in
            try client.simulator.inject(.tooManyRequests(retryAfter: .seconds(7)), into: vendor, requests: 1)
            let limited = try await Self.send(vendor, client, access: "")
            #expect(limited.status == 429 && limited.headers["retry-after"] == ["7"])
            for status in [500, 502, 503] {
                try client.simulator.inject(
                    .serverError(status: status, retryAfter: .date(secondsAhead: 5)), into: vendor, requests: 1)
                let failed = try await Self.send(vendor, client, access: "")
                #expect(failed.status == status)
                #expect(failed.headers.first(name: "retry-after")?.hasSuffix("GMT") == true)
            }
            #expect(client.simulator.counters(vendor) == VendorCounters(requests: 4, disturbed: 4))
        }
    }

    /// Sends until there is an answer: a client may take a connection that has just been closed for a living one.
    static func answered(
        _ vendor: SimulatedVendor, _ client: Client, access: String
    ) async throws -> Client.Reply {
        for _ in 0..<5 {
            if let reply = try? await send(vendor, client, access: access) { return reply }
        }
        return try await send(vendor, client, access: access)
    }

    @Test(arguments: vendors) func `broken connections, silence and garbage`(_ vendor: SimulatedVendor) async throws {
        try await Client.run { client async throws in
            let simulator = client.simulator
            let access = try await Self.access(vendor, client)
            try simulator.inject(.reset(afterAccepting: true), into: vendor, requests: 1)
            await #expect(throws: (any Error).self) { try await Self.send(vendor, client, access: access) }
            #expect(simulator.counters(vendor).accepted == 1)
            #expect(try await Self.answered(vendor, client, access: access).status == 200)
            try simulator.inject(.reset(afterAccepting: false), into: vendor, requests: 1)
            await #expect(throws: (any Error).self) { try await Self.send(vendor, client, access: access) }
            #expect(simulator.counters(vendor).accepted == 2 && simulator.activeFaults.isEmpty)
            try simulator.inject(.garbage, into: vendor, requests: 1)
            let garbage = try await Self.answered(vendor, client, access: access)
            #expect(garbage.status == 200 && garbage.json.isEmpty && !garbage.body.isEmpty)
            try simulator.inject(.slow(milliseconds: 50), into: vendor, requests: 1)
            let start = ContinuousClock.now
            #expect(try await Self.send(vendor, client, access: access).status == 200)
            #expect(ContinuousClock.now - start >= .milliseconds(50))
            try simulator.inject(.goAway(afterRequests: 1), into: vendor, requests: 1)
            #expect(try await Self.send(vendor, client, access: access).status == 200)
            #expect(try await Self.answered(vendor, client, access: access).status == 200)
            try simulator.inject(.refuseStream, into: vendor, requests: 1)
            await #expect(throws: (any Error).self) { try await Self.send(vendor, client, access: access) }
            #expect(simulator.counters(vendor).accepted == 5 && simulator.activeFaults.isEmpty)
        }
    }

    @Test(arguments: vendors) func `a vendor can hang after accepting`(_ vendor: SimulatedVendor) async throws {
        try await Client.run { client async throws in
            let access = try await Self.access(vendor, client)
            try client.simulator.inject(.hang(afterAccepting: true), into: vendor, requests: 1)
            let request = Task { try await Self.send(vendor, client, access: access) }
            let push = try await client.simulator.waitForPush(within: .seconds(5)) { $0.vendor == vendor }
            #expect(push.messageId == "m1")
            request.cancel()
            _ = try? await request.value
        }
    }

    @Test func `an authorization that has run out is told in the vendor's words`() async throws {
        let expected: [SimulatedVendor: (Int, String)] = [
            .huawei: (401, "80200003"), .honor: (401, "80200003"), .xiaomi: (200, "21301"), .meizu: (200, "1006"),
        ]
        try await Client.run { client async throws in
            for (vendor, answer) in expected {
                try client.simulator.inject(.expiredAuthorization, into: vendor, requests: 1)
                let reply = try await Self.send(vendor, client, access: "")
                #expect(reply.status == answer.0 && Self.code(reply) == answer.1)
            }
        }
    }

    @Test func `logins fail on their own`() async throws {
        try await Client.run { client async throws in
            for vendor in [SimulatedVendor.huawei, .honor] {
                let access = try await Self.access(vendor, client)
                func login() async throws -> Client.Reply {
                    vendor == .huawei ? try await client.huaweiLogin() : try await client.honorLogin()
                }
                try client.simulator.inject(.expiredAuthorization, into: vendor, on: .login, requests: 1)
                #expect(try await login().status == 401)
                try client.simulator.inject(.garbage, into: vendor, on: .login, requests: 1)
                #expect(try await login().json.isEmpty)
                try client.simulator.inject(.serverError(status: 503, retryAfter: nil), into: vendor, on: .login)
                #expect(try await login().status == 503)
                #expect(try await Self.send(vendor, client, access: access).status == 200)
            }
        }
    }

    @Test func `a partial batch is set over HTTP`() async throws {
        try await Client.run { client async throws in
            let faults = "http://127.0.0.1:\(client.simulator.httpPort)/faults"
            let body = #"{"vendor":"honor","fault":"partialBatch","every":3,"requests":2}"#
            let answer = try await client.request(.POST, faults, body: body)
            #expect(answer.status == 200)
            #expect(client.simulator.activeFaults.map(\.fault) == [.partialBatch(every: 3)])
            let listed = try await client.request(.GET, faults).json["items"] as? [[String: any Sendable]]
            #expect(listed?.first?["every"] as? Int == 3)
            let zero = #"{"vendor":"honor","fault":"partialBatch","every":0}"#
            #expect(try await client.request(.POST, faults, body: zero).status == 400)
            #expect(throws: VendorSimulatorError.self) {
                try client.simulator.inject(.partialBatch(every: 0), into: .honor)
            }
        }
    }

    @Test func `each vendor's settings lead to the simulator`() async throws {
        try await Client.run { client async throws in
            let names: [SimulatedVendor: Set<String>] = [
                .huawei: ["projectId", "clientId", "clientSecret", "appId", "endpoint"],
                .honor: ["appId", "clientId", "clientSecret", "endpoint"],
                .xiaomi: ["packageName", "appSecret", "region", "endpoint"],
                .meizu: ["appId", "appSecret", "endpoint"],
            ]
            for (vendor, expected) in names {
                let text = client.simulator.credentials.settings(for: vendor)
                let settings = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String]
                #expect(settings.map { Set($0.keys) } == expected)
                #expect(settings?["endpoint"] == client.base)
            }
            let page = try await client.request(.GET, "http://127.0.0.1:\(client.simulator.httpPort)/")
            for vendor in Self.vendors { #expect(page.body.contains("<td>\(vendor.rawValue)</td>")) }
        }
    }
}
