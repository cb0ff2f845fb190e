import Crypto
import PushSimulators
import TestWaiting
import Testing

/// The faults that are the same for every vendor, on those that take batches, browsers and Windows.
@Suite struct CommonVendorFaultTests {
    typealias Client = SimulatorClient
    static let vendors: [SimulatedVendor] = [.oppo, .vivo, .webpush, .wns]

    /// Sends one good push to each kind of vendor, again and again, each over a connection of its own.
    struct Sender: Sendable {
        let client: Client
        let vendor: SimulatedVendor
        let token: String
        let subscription: PushSubscription
        let key = P256.Signing.PrivateKey()
        let channel: String

        init(_ client: Client, _ vendor: SimulatedVendor) async throws {
            self.client = client
            self.vendor = vendor
            subscription = try client.simulator.subscribe()
            channel = client.simulator.openChannel()
            switch vendor {
            case .oppo: token = try await client.oppoToken()
            case .vivo: token = try await client.vivoToken()
            case .wns: token = try await client.wnsToken()
            default: token = ""
            }
        }

        func send(_ id: String) async throws -> Client.Reply {
            try await client.apart { client in
                switch vendor {
                case .oppo: try await client.sendOPPO(Client.oppoMessage(id: id), token: token)
                case .vivo: try await client.postVivo("send", client.vivoMessage(["requestId": id]), token: token)
                case .wns: try await client.sendWNS(channel, token: token)
                default: try await client.sendWebPush(subscription, key: key)
                }
            }
        }

        func login() async throws -> Client.Reply {
            try await client.apart { client in
                switch vendor {
                case .oppo: try await client.loginOPPO()
                case .vivo: try await client.loginVivo()
                default: try await client.loginWNS()
                }
            }
        }
    }

    @Test(arguments: vendors) func `slow, limits, server errors and garbage`(_ vendor: SimulatedVendor) async throws {
        try await Client.run { client async throws in
            let sender = try await Sender(client, vendor)
            let simulator = client.simulator
            try simulator.inject(.slow(milliseconds: 200), into: vendor, requests: 1)
            let start = ContinuousClock.now
            #expect(try await sender.send("a").status < 300)
            #expect(ContinuousClock.now - start >= .milliseconds(200))
            try simulator.inject(.tooManyRequests(retryAfter: .date(secondsAhead: 60)), into: vendor, requests: 1)
            let limited = try await sender.send("b")
            #expect(limited.status == (vendor == .wns ? 406 : 429))
            #expect(limited.headers["retry-after"].first?.hasSuffix("GMT") == true)
            for status in [500, 503] {
                try simulator.inject(.serverError(status: status, retryAfter: .seconds(3)), into: vendor, requests: 1)
                let reply = try await sender.send("c")
                #expect(reply.status == status && reply.headers["retry-after"] == ["3"])
            }
            try simulator.inject(.garbage, into: vendor, requests: 1)
            let garbage = try await sender.send("d")
            #expect(garbage.status == 200 && garbage.json.isEmpty)
            #expect(simulator.counters(vendor).accepted == 1 && simulator.counters(vendor).disturbed == 5)
            #expect(simulator.counters(vendor).refused == 0)
        }
    }

    @Test(arguments: vendors, [false, true])
    func `a broken connection, before and after the push was taken`(
        _ vendor: SimulatedVendor, _ afterAccepting: Bool
    ) async throws {
        try await Client.run { client async throws in
            let sender = try await Sender(client, vendor)
            try client.simulator.inject(.reset(afterAccepting: afterAccepting), into: vendor, requests: 1)
            await #expect(throws: (any Error).self) { try await sender.send("a") }
            #expect(client.simulator.counters(vendor).accepted == (afterAccepting ? 1 : 0))
            try client.simulator.inject(.refuseStream, into: vendor, requests: 1)
            await #expect(throws: (any Error).self) { try await sender.send("b") }
            try client.simulator.inject(.goAway(afterRequests: 1), into: vendor, requests: 1)
            #expect(try await sender.send("c").status < 300)
            #expect(client.simulator.counters(vendor).accepted == (afterAccepting ? 2 : 1))
            try client.simulator.inject(.hang(afterAccepting: afterAccepting), into: vendor, requests: 1)
            let hanging = Task { try await sender.send("d") }
            let accepted = afterAccepting ? 3 : 1
            func isTaken() -> Bool {
                let counters = client.simulator.counters(vendor)
                return counters.disturbed == 4 && counters.accepted == accepted
            }
            try await eventually("it is taken", isTaken)
            hanging.cancel()
            await #expect(throws: (any Error).self) { try await hanging.value }
            #expect(isTaken(), "\(client.simulator.counters(vendor))")
        }
    }

    @Test(arguments: [SimulatedVendor.oppo, .vivo, .wns])
    func `logins fail on their own`(_ vendor: SimulatedVendor) async throws {
        try await Client.run { client async throws in
            let sender = try await Sender(client, vendor)
            try client.simulator.inject(
                .serverError(status: 503, retryAfter: nil), into: vendor, on: .login, requests: 1)
            try client.simulator.inject(.garbage, into: vendor, on: .login, requests: 1)
            try client.simulator.inject(.reset(afterAccepting: false), into: vendor, on: .login, requests: 1)
            try client.simulator.inject(.expiredAuthorization, into: vendor, on: .login, requests: 1)
            #expect(try await sender.login().status == 503)
            #expect(try await sender.send("a").status < 300)
            #expect(try await sender.login().json.isEmpty)
            await #expect(throws: (any Error).self) { try await sender.login() }
            let expired = try await sender.login()
            #expect(
                expired.json["authToken"] == nil && expired.json["data"] == nil && expired.json["access_token"] == nil)
            #expect(client.simulator.counters(vendor).accepted == 1)
        }
    }
}
