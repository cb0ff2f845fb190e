import Foundation
import PushCredentials
import PushGateClient
import PushSimulators
import Synchronization

/// Messages from one app over HTTP to connected devices, counted where they arrive.
struct SingleWorkload {
    let name: String
    /// With devices; without them nothing is published.
    let isDelivered: Bool
    let gateway: BenchGateway
    let seconds: Int
    let connections: Int
    let devices: Int
    let textBytes: Int
    let progress: (String) -> Void

    struct Result {
        let name: String
        let isDelivered: Bool
        let machine: String
        let settings: String
        let accepted: Int
        let refused: Int
        let delivered: Int
        let lost: Int
        let doubled: Int
        let acceptedPerSecond: Double
        let deliveredPerSecond: Double
        let answer: Percentiles
        let endToEnd: Percentiles
        let gatewayCPU: Double
        let brokerCPU: Double
        let gatewayBytes: Int

        var table: String {
            let arrivals = """
                delivered      \(delivered) at the devices, \(Int(deliveredPerSecond))/s; lost \(lost), doubled \(doubled)
                end to end     p50 \(endToEnd.p50) ms, p99 \(endToEnd.p99) ms, max \(endToEnd.max) ms

                """
            return """
                machine        \(machine)
                settings       \(settings)
                accepted       \(accepted) messages, \(Int(acceptedPerSecond))/s, each synced to disk before its answer; \
                refused \(refused)
                answer         p50 \(answer.p50) ms, p99 \(answer.p99) ms, max \(answer.max) ms
                \(isDelivered ? arrivals : "")CPU            gateway \(Self.rounded(gatewayCPU)) s, broker \(Self.rounded(brokerCPU)) s
                memory         gateway \(gatewayBytes / 1_048_576) MB resident
                """
        }

        var json: JSONValue {
            [
                "machine": .string(machine), "settings": .string(settings),
                "workloads": [
                    [
                        "name": .string(name), "rate": .number(Self.rounded(deliveredPerSecond)),
                        "acceptedRate": .number(Self.rounded(acceptedPerSecond)), "p50": .number(endToEnd.p50),
                        "p99": .number(endToEnd.p99), "max": .number(endToEnd.max), "answerP50": .number(answer.p50),
                        "answerP99": .number(answer.p99), "cpuGateway": .number(Self.rounded(gatewayCPU)),
                        "cpuBroker": .number(Self.rounded(brokerCPU)), "memory": JSONValue(gatewayBytes),
                        "delivered": JSONValue(delivered), "lost": JSONValue(lost), "doubled": JSONValue(doubled),
                    ]
                ],
            ]
        }

        private static func rounded(_ value: Double) -> String { String(format: "%.2f", value) }
    }

    /// When each message was sent, answered and received, by its number.
    private final class Record: Sendable {
        struct Times {
            var sent: [Int64] = []
            var answered: [Int64] = []
            var status: [Int16] = []
            var received: [Int64] = []
            var doubled = 0
            var receivedCount = 0
            var acceptedCount = 0
        }

        let times = Mutex(Times())
        private let start = ContinuousClock.now

        var now: Int64 {
            let elapsed = start.duration(to: .now).components
            return elapsed.seconds * 1_000_000_000 + elapsed.attoseconds / 1_000_000_000
        }

        func sent(_ number: Int) {
            let now = now
            times.withLock { times in
                while times.sent.count <= number {
                    times.sent.append(0)
                    times.answered.append(0)
                    times.status.append(0)
                    times.received.append(0)
                }
                times.sent[number] = now
            }
        }

        func answered(_ number: Int, status: Int) {
            let now = now
            times.withLock { times in
                times.answered[number] = now
                times.status[number] = Int16(clamping: status)
                if status == 200 { times.acceptedCount += 1 }
            }
        }

        func received(_ number: Int) {
            let now = now
            times.withLock { times in
                guard times.received.indices.contains(number) else { return }
                if times.received[number] == 0 {
                    times.received[number] = now
                    times.receivedCount += 1
                } else {
                    times.doubled += 1
                }
            }
        }
    }

    func run() async throws -> Result {
        let admin = try gateway.operatorAPI()
        _ = try await admin.call(
            .post, ["v1", "admin", "tenants"], body: ["tenantNo": "bench", "name": "Bench"])
        let app = try await admin.createApp(tenantNo: "bench", name: "Bench")
        let api = GatewayAPI("http://127.0.0.1:\(gateway.httpPort)")
        let token = try await api.token(appID: app.id, secret: app.secret).value
        let record = Record()
        let loop = try ClientLoop()
        let receivers = isDelivered ? try await connectDevices(api, app: app, loop: loop, record: record) : []
        let accounts = isDelivered ? receivers.map(\.account) : try await makeAccounts()
        progress("sending for \(seconds) s with \(connections) connections to \(devices) people")

        let text = String(repeating: "x", count: textBytes)
        let count = devices
        let before = (cpu(gateway.processID), cpu(gateway.brokerProcessID))
        let began = record.now
        _ = try await HTTPLoad(
            .init(host: "127.0.0.1", port: gateway.httpPort, path: "/v1/messages", bearer: token)
        ).run(connections: connections, for: .seconds(seconds)) { number in
            record.sent(number)
            let body =
                #"{"id":"b-\#(number)","to":"\#(accounts[number % count])","type":0,"content":{"text":"\#(text)"}}"#
            return Array(body.utf8)
        } answered: { number, status in
            record.answered(number, status: status)
        }
        let sentFor = record.now - began
        if isDelivered { try await waitForDeliveries(record) }
        let receivedFor = record.times.withLock { $0.received.max() ?? 0 } - began
        let after = (cpu(gateway.processID), cpu(gateway.brokerProcessID))
        let memory = BenchGateway.residentBytes(of: gateway.processID)
        for receiver in receivers { await receiver.disconnect() }
        await loop.shutdown()
        return record.times.withLock { times in
            let accepted = times.status.indices.filter { times.status[$0] == 200 }
            return Result(
                name: name, isDelivered: isDelivered, machine: BenchMachine.description,
                settings: "synchronous=FULL, \(connections) connections, \(devices) devices, "
                    + "\(textBytes) bytes of text, \(seconds) s",
                accepted: accepted.count, refused: times.status.count - accepted.count,
                delivered: times.receivedCount, lost: isDelivered ? accepted.count { times.received[$0] == 0 } : 0,
                doubled: times.doubled, acceptedPerSecond: Double(accepted.count) / (Double(sentFor) / 1e9),
                deliveredPerSecond: Double(times.receivedCount) / (Double(receivedFor) / 1e9),
                answer: Percentiles(accepted.map { times.answered[$0] - times.sent[$0] }),
                endToEnd: Percentiles(
                    accepted.filter { times.received[$0] > 0 }.map { times.received[$0] - times.sent[$0] }),
                gatewayCPU: after.0 - before.0, brokerCPU: after.1 - before.1, gatewayBytes: memory)
        }
    }

    private func makeAccounts() async throws -> [String] {
        var accounts: [String] = []
        let admin = try gateway.operatorAPI()
        for number in 0..<devices { accounts.append(try await admin.createAccount(userID: "user\(number)")) }
        return accounts
    }

    private func connectDevices(
        _ api: GatewayAPI, app: GatewayAPI.NewApp, loop: ClientLoop, record: Record
    ) async throws -> [DeviceClient] {
        var clients: [DeviceClient] = []
        let now = Int64(Date().timeIntervalSince1970)
        for number in 0..<devices {
            let user = "user\(number)"
            let signature = try UserSignature.makeJWT(
                appID: app.id, userID: user, key: app.signingKey, issuedAt: now, expiresAt: now + 3600)
            let session = try await api.register(
                DeviceRegistration(uniqueCode: "bench-\(number)", userID: user, osType: .android), signature: signature)
            let client = DeviceClient(session, loop: loop) { _, event in
                guard case .entry(let entry) = event, entry.id.hasPrefix("b-"),
                    let number = Int(entry.id.dropFirst(2))
                else { return }
                record.received(number)
            }
            try client.connect()
            clients.append(client)
        }
        let deadline = ContinuousClock.now + .seconds(20)
        while !clients.allSatisfy(\.isConnected) {
            guard ContinuousClock.now < deadline else {
                throw BenchGateway.Fault(description: "the devices did not connect within 20 seconds")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        return clients
    }

    /// Until every accepted message is there, or nothing has arrived for five seconds.
    private func waitForDeliveries(_ record: Record) async throws {
        var last = -1
        var quietSince = ContinuousClock.now
        while true {
            let (received, accepted) = record.times.withLock { ($0.receivedCount, $0.acceptedCount) }
            if received >= accepted { return }
            if received != last { (last, quietSince) = (received, .now) }
            if ContinuousClock.now - quietSince > .seconds(5) { return }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    private func cpu(_ processID: Int32?) -> Double { processID.map(BenchGateway.cpuSeconds(of:)) ?? 0 }
}
