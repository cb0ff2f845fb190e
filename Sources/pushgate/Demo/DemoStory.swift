import Foundation
import Glibc
import PushCredentials
import PushGateClient
import PushSimulators

/// What happens in the demo. Each step says what it does, and throws ``DemoFault`` where it did not come as promised.
struct DemoStory {
    private static let tenant = "demo"

    let stage: DemoStage
    private let app: GatewayAPI.NewApp
    let appAPI: GatewayAPI
    let devices: SimulatedDevices
    let ann: SimulatedDevice
    let bob: SimulatedDevice
    let cleo: SimulatedDevice
    /// Makes the ids of each run its own: the data directory may be an old one.
    private let run = String(UInt32.random(in: .min ... .max), radix: 36)

    init(_ stage: DemoStage) async throws {
        self.stage = stage
        do {
            try await stage.operatorAPI().createTenant(Self.tenant, name: "Demo")
        } catch let problem as GatewayProblem where problem.status == 409 {
            // The data directory is that of an earlier demo.
        }
        app = try await stage.operatorAPI().createApp(tenantNo: Self.tenant, name: "Demo")
        appAPI = stage.api.authorized(by: .app(id: app.id, secret: app.secret))
        for vendor in SimulatedVendor.allCases.map(\.rawValue) {
            try await appAPI.setPush(vendor: vendor, stage.simulatorSettings[vendor] ?? .null)
        }
        say(
            "tenant \(Self.tenant)       app \(app.id); all \(SimulatedVendor.allCases.count) vendors lead to the simulator"
        )

        var options = SimulatedDevices.Options()
        options.client.startsAtHead = true
        devices = try SimulatedDevices(api: nil, options: options)
        ann = devices.add(try await Self.register("ann", .windows, vendors: [.webhook], app, stage))
        bob = devices.add(
            try await Self.register("bob", .iOS, vendors: [.apns], app, stage),
            behaviour: DeviceBehaviour(acknowledgement: .manual))
        cleo = devices.add(try await Self.register("cleo", .android, vendors: [.huawei, .fcm], app, stage))
        for device in [ann, bob] {
            try device.comeOnline()
            try await expecting("\(device.userID)'s device connects", within: .seconds(20)) {
                device.client.isConnected ? true : nil
            }
        }
        say("devices           ann's computer and bob's iPhone are connected, cleo's phone is switched off")
    }

    private static func register(
        _ userID: String, _ os: DeviceRegistration.OSType, vendors: [SimulatedVendor], _ app: GatewayAPI.NewApp,
        _ stage: DemoStage
    ) async throws -> DeviceSession {
        let now = Int64(Date().timeIntervalSince1970)
        let signature = try UserSignature.makeJWT(
            appID: app.id, userID: userID, key: app.signingKey, issuedAt: now, expiresAt: now + 600)
        var registration = DeviceRegistration(uniqueCode: "demo-\(userID)", userID: userID, osType: os)
        // In the form of an APNs token; the others take anything.
        let token = Data("demo-\(userID)-0123456789abcdefghijklmnop".utf8).prefix(32)
        let digits = token.map { String(format: "%02x", $0) }.joined()
        registration.pushTokens = vendors.map { .init(vendor: $0.rawValue, token: digits) }
        return try await stage.api.register(registration, signature: signature)
    }

    // MARK: The story

    func play() async throws {
        try await sendToTheOffline()
        try await sendSingle()
        try await sendToGroup()
        try await keepSilent()
        try await killBroker()
        try await seeThePush()
        try await switchOn()
        try await read()
        try await edit()
        try await revoke()
        try await tellEverybody()
    }

    func id(_ name: String) -> String { "\(name)-\(run)" }

    private func sendToTheOffline() async throws {
        say("\n1. A message for cleo, whose phone is off. It has tokens of Huawei and of FCM; Huawei's is dead by now")
        try await stage.inject(["vendor": "huawei", "fault": "deadTokens"])
        let message = OutgoingMessage(id: id("offline"), to: cleo.account, text: "The train leaves at 17:05")
        _ = try await ann.client.send(message)
        say("   ann's device sent \(message.id) over MQTT; it is archived.")
        say(
            "   A gateway that has just started trusts nobody to be offline: for 15 s every device counts as connected,"
        )
        say("   so this push goes out when the 10 s for an acknowledgement are over. Meanwhile:")
    }

    private func sendSingle() async throws {
        say("\n2. A single message, ann to bob")
        let start = ContinuousClock.now
        let message = OutgoingMessage(id: id("single"), to: bob.account, text: "Coffee?")
        _ = try await ann.client.send(message)
        let entry = try await receive(message.id, at: bob)
        let time = start.duration(to: .now)
        guard entry.from == ann.account, entry.to == bob.account else { throw wrong("the copy", entry) }
        bob.client.acknowledge(seq: entry.seq ?? 0)
        say("   bob's iPhone has it, \(milliseconds(time)) after ann began to send: #\(entry.seq ?? 0) of his inbox,")
        say("   \"\(entry.content?["text"]?.string ?? "")\". It acknowledged.")
    }

    private func sendToGroup() async throws {
        let group = try await appAPI.createGroup(id: id("team"), name: "Team", users: ["ann", "bob", "cleo"])
        say("\n3. A group message: ann writes to \(group), in which are ann, bob and cleo")
        let message = OutgoingMessage(id: id("group"), to: group, text: "Meeting moved to 10")
        _ = try await ann.client.send(message)
        let copies = [
            try await receive(message.id, at: bob), try await synchronized(message.id, by: cleo),
        ]
        let original = try await appAPI.message(message.id)["message"] ?? .null
        say("   archived once   \(addressing(original))")
        for (device, copy) in zip([bob, cleo], copies) {
            guard copy.from == group, copy.to == device.account, copy.target == ann.account, copy.id == message.id
            else {
                throw wrong("\(device.userID)'s copy", copy)
            }
            say("   \(device.userID)'s copy".padding(toLength: 19, withPad: " ", startingAt: 0) + addressing(copy.json))
        }
        bob.client.acknowledge(seq: copies[0].seq ?? 0)
        say(
            "   Each is the same message with the same id: from the group, to the member, target is who wrote it. Whole:"
        )
        say("   \(copies[0].json)")
    }

    private func keepSilent() async throws {
        say("\n4. bob's iPhone gets a message and does not acknowledge it")
        var message = OutgoingMessage(id: id("silent"), to: "user:bob", text: "Sign here, please")
        message.from = "user:ann"
        message.push = ["title": "To be signed", "after": 2]
        _ = try await appAPI.send(message)
        let entry = try await receive(message.id, at: bob)
        say(
            "   Received as #\(entry.seq ?? 0), and silence. The sender said to push after 2 s instead of the usual 10."
        )
        let push = try await expecting("the push to bob", within: .seconds(30)) {
            try await stage.push(of: message.id, vendor: .apns)
        }
        let wait = (push["receivedAt"]?.integer ?? 0) - (entry.serverTime ?? 0)
        guard wait >= 1750 else { throw DemoFault("the push to bob came \(wait) ms after the send, before its time") }
        say("   APNs got it \(wait) ms after it was archived: \(notification(push))")
        bob.client.acknowledge(seq: entry.seq ?? 0)
    }

    private func killBroker() async throws {
        guard let broker = stage.brokerProcessID else { throw DemoFault("the broker's process id is not known") }
        say("\n5. The broker dies (kill -9, process \(broker)), and the app sends ann three messages")
        guard kill(broker, SIGKILL) == 0 else { throw DemoFault("kill: \(String(cString: strerror(errno)))") }
        let start = ContinuousClock.now
        let ids = (1...3).map { id("outage\($0)") }
        for (index, id) in ids.enumerated() {
            _ = try await appAPI.send(OutgoingMessage(id: id, to: "user:ann", text: "Number \(index + 1)"))
        }
        say("   All three were accepted: they are on disk.")
        var places: [Int64] = []
        for id in ids { places.append(try await receive(id, at: ann).seq ?? 0) }
        let time = start.duration(to: .now)
        let next = try await expecting("the new broker", within: .seconds(20)) {
            stage.brokerProcessID.flatMap { $0 == broker ? nil : $0 }
        }
        guard zip(places, places.dropFirst()).allSatisfy({ $1 == $0 + 1 }),
            ids.allSatisfy({ devices.deliveries(of: $0, to: ann.account) == 1 }), devices.counters.missing == 0
        else { throw DemoFault("ann's device got \(places), not each message once and in order") }
        say(
            "   \(milliseconds(time)) later ann's device has all of them, once and in order: "
                + places.map { "#\($0)" }.joined(separator: " ") + ". The broker is process \(next) now.")
    }

    private func seeThePush() async throws {
        say("\n6. Back to cleo, whose phone is still off")
        let push = try await expecting("the push to cleo", within: .seconds(40)) {
            try await stage.push(of: id("offline"), vendor: .fcm)
        }
        guard push["title"]?.string == "ann", push["body"]?.string == "The train leaves at 17:05" else {
            throw DemoFault("the push to cleo is another one: \(push)")
        }
        let trace = try await appAPI.message(id("offline"))["trace"]?.array?.first { $0["userId"]?.string == "cleo" }
        guard let failure = trace?["stages"]?.array?.first(where: { $0["stage"]?.string == "push_failed" }) else {
            throw DemoFault("the push to cleo did not fail at Huawei first: \(trace ?? .null)")
        }
        say("   Huawei refused the token (\(failure["detail"]?.string ?? "?")): the push went on to the next one.")
        say("   FCM got the push: \(notification(push))")
    }

    private func switchOn() async throws {
        say("\n7. cleo switches the phone on")
        try cleo.comeOnline()
        let names = [id("offline"), id("group")]
        var seq: Int64 = 0
        for name in names { seq = max(seq, try await receive(name, at: cleo).seq ?? 0) }
        try await expecting("cleo's acknowledgement", within: .seconds(20)) {
            cleo.client.acknowledgedSeq >= seq ? true : nil
        }
        for name in names {
            let count = try await stage.pushes(of: name).filter { $0["vendor"]?.string == "fcm" }.count
            guard count <= 1 else { throw DemoFault("cleo was pushed \(count) times for \(name)") }
        }
        say("   It fetched what it had missed and acknowledged up to #\(seq). Nothing was pushed twice.")
    }

    // MARK: Afterwards

    func printTraces() async throws {
        say("\nWhat became of each message (pushgate trace):")
        for name in ["offline", "single", "group", "silent", "outage1", "outage2", "outage3", "regret"] {
            let answer = try await expecting("the trace of \(id(name))", within: .seconds(30)) { () -> JSONValue? in
                let answer = try await appAPI.message(id(name))
                let open = answer["trace"]?.array?.contains { $0["outcome"]?.string == "waiting" } ?? true
                return open ? nil : answer
            }
            for line in TraceText(answer).lines { say("  " + line) }
        }
    }

    /// What a person can type next. Makes a device that is not connected: theirs.
    func inviteToGoOn() async throws {
        let guest = try await Self.register("guest", .android, vendors: [], app, stage)
        let command = CommandLine.arguments.first.map(Self.quoted) ?? "pushgate"
        let gateway = "--url \(stage.url) --data-dir \(Self.quoted(stage.directory.path)) --tenant \(Self.tenant)"
        say(
            """

            Serving until Ctrl-C.
              HTTP API        \(stage.url)
              MQTT            \(stage.mqtt)
              Pushes so far   \(stage.simulatorPage)/
              Data            \(stage.directory.path)

            Three commands to go on with, each in another terminal or after the other:

            mosquitto_sub -V 5 -h \(stage.mqtt.host) -p \(stage.mqtt.port) -q 1 -i \(guest.deviceID) -u \(guest.account) -t \(guest.topics.inbox) -P \(guest.credential.value)

            \(command) send \(gateway) --to user:guest --text 'Hello from the command line'

            \(command) trace \(gateway) \(id("offline"))
            """)
    }

    func end() async { await devices.shutdown() }

    private static func quoted(_ text: String) -> String {
        let plain = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "/._-".utf8.contains(byte)
            }
        }
        return plain ? text : "'" + text.replacing("'", with: "'\\''") + "'"
    }

    // MARK: Looking

    @discardableResult
    func expecting<Answer: Sendable>(
        _ what: String, within limit: Duration, _ look: () async throws -> Answer?
    ) async throws -> Answer {
        try await stage.waitFor(what, within: limit, look)
    }

    func receive(_ messageID: String, at device: SimulatedDevice) async throws -> Entry {
        do {
            return try await devices.waitForEntry(within: .seconds(30)) { arrival in
                arrival.device == device.index && arrival.entry.id == messageID
            }.entry
        } catch is WaitedTooLong {
            throw DemoFault("\(messageID) did not reach \(device.userID)'s device within 30 s")
        }
    }

    /// Fetches over HTTP, without acknowledging anything new.
    private func synchronized(_ messageID: String, by device: SimulatedDevice) async throws -> Entry {
        let api = stage.api.authorized(by: .bearer(device.client.credential.value))
        return try await expecting("\(messageID) in \(device.userID)'s inbox", within: .seconds(10)) {
            try await api.sync(after: device.session.seq).items.first { $0.id == messageID }
        }
    }

    private func wrong(_ what: String, _ entry: Entry) -> DemoFault {
        DemoFault("\(what) is not addressed as it should be: \(entry.json)")
    }

    // MARK: Words

    private func addressing(_ message: JSONValue) -> String {
        let fields = ["from", "to", "target"].map { "\"\($0)\":\(message[$0]?.description ?? "(none)")" }
        return fields.joined(separator: " ")
    }

    private func notification(_ push: JSONValue) -> String {
        "title \"\(push["title"]?.string ?? "")\", body \"\(push["body"]?.string ?? "")\", "
            + "messageId \(push["messageId"]?.string ?? "")"
    }

    private func milliseconds(_ duration: Duration) -> String {
        let milliseconds = duration / .milliseconds(1)
        return milliseconds < 1000 ? "\(Int(milliseconds)) ms" : "\((milliseconds / 100).rounded() / 10) s"
    }
}
