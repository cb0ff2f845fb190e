import BrokerControl
import Foundation
import PushCredentials
import Testing

@testable import BrokerPolicy

/// The rules without a broker.
struct PolicyTests {
    private static let now: Int64 = 1_700_000_000_000
    private static let gateway: BrokerPolicy.Client = 1
    private static let password = "a password of the gateway"
    private let signer = DeviceCredentialSigner()

    private func policy(ended devices: [String]? = []) throws -> BrokerPolicy {
        var policy = BrokerPolicy(
            verifier: try DeviceCredentialVerifier(jwks: signer.jwks),
            gatewayPasswordHash: SecretHash.hash(Self.password),
            boot: "boot")
        let request = BrokerPolicy.ConnectRequest(
            client: Self.gateway, clientID: "gateway-presence", username: "pushgate", password: Self.password)
        #expect(policy.authenticate(request, at: Self.now) == .accepted)
        if let devices {
            try command(.endedDevices(page: 0, isLast: true, devices: devices), to: &policy)
        }
        _ = policy.tick(at: Self.now, monotonic: 0)
        return policy
    }

    private func command(_ command: BrokerCommand, to policy: inout BrokerPolicy, at now: Int64 = now) throws {
        let text = Array(try JSONEncoder().encode(command))
        #expect(policy.receive(text, from: Self.gateway, at: now) == .done)
    }

    private func request(
        _ client: BrokerPolicy.Client, _ name: String, lifetime: Int64 = 3600, tenant: String = "t1"
    ) throws -> BrokerPolicy.ConnectRequest {
        let seconds = Self.now / 1000
        let credential = DeviceCredential(
            account: "acct_\(name)", device: "dev_\(name)", tenant: tenant, issuedAt: seconds,
            expiresAt: seconds + lifetime)
        return BrokerPolicy.ConnectRequest(
            client: client, clientID: "dev_\(name)", username: "acct_\(name)", password: try signer.sign(credential))
    }

    private func decode(_ reports: [[UInt8]]) throws -> [BrokerReport] {
        try reports.map { try JSONDecoder().decode(BrokerReport.self, from: Data($0)) }
    }

    @Test func `missing fields are refused`() throws {
        var policy = try policy()
        for (clientID, username, password) in [
            (nil, "acct_a", "p"), ("dev_a", nil, "p"), ("dev_a", "acct_a", nil), (nil, nil, nil),
            ("", "acct_a", "p"), ("dev_a", "", "p"), (String(repeating: "a", count: 129), "acct_a", "p"),
            ("dev_a\u{212A}", "acct_a", "p"), ("dev a", "acct_a", "p"), ("dev_a", "acct/+", "p"),
        ] as [(String?, String?, String?)] {
            let request = BrokerPolicy.ConnectRequest(
                client: 2, clientID: clientID, username: username, password: password)
            #expect(policy.authenticate(request, at: Self.now) == .refused(.identity))
        }
        policy.disconnected(2, at: Self.now)
        #expect(policy.tick(at: Self.now, monotonic: 1000).reports.isEmpty)
    }

    @Test func `a tenant that would change a topic's meaning is refused`() throws {
        var policy = try policy()
        for tenant in ["+", "#", "a/b", ""] {
            #expect(
                policy.authenticate(try request(2, "a", tenant: tenant), at: Self.now) == .refused(.notItsOwner))
        }
    }

    @Test func `an unknown client may do nothing`() throws {
        var policy = try policy()
        #expect(policy.receive([], from: 99, at: Self.now) == .notAllowed)
        for access in TopicAccess.allCases {
            for topic in ["up/dev_a/send", "account/acct_a", ""] {
                #expect(!policy.allows(access, topic: topic, isRetained: false, client: 99, at: Self.now))
            }
        }
    }

    @Test func `a client has no rights after its disconnection, but for its will`() throws {
        var policy = try policy()
        #expect(policy.authenticate(try request(2, "a"), at: Self.now) == .accepted)
        policy.disconnected(2, at: Self.now)
        #expect(policy.allows(.write, topic: "up/dev_a/state", isRetained: false, client: 2, at: Self.now))
        #expect(!policy.allows(.write, topic: "up/dev_b/state", isRetained: false, client: 2, at: Self.now))
        #expect(!policy.allows(.read, topic: "account/acct_a", isRetained: false, client: 2, at: Self.now))
        policy.disconnected(3, at: Self.now)
        #expect(!policy.allows(.write, topic: "up/dev_a/state", isRetained: false, client: 2, at: Self.now))
    }

    @Test func `a credential's end takes the rights at once`() throws {
        var policy = try policy()
        #expect(policy.authenticate(try request(2, "a", lifetime: 10), at: Self.now) == .accepted)
        for (topic, access) in [("account/acct_a", TopicAccess.read), ("up/dev_a/send", .write)] {
            #expect(policy.allows(access, topic: topic, isRetained: false, client: 2, at: Self.now + 9999))
            #expect(!policy.allows(access, topic: topic, isRetained: false, client: 2, at: Self.now + 10_000))
        }
        #expect(policy.tick(at: Self.now + 9999, monotonic: 20_000).disconnect.isEmpty)
        #expect(policy.tick(at: Self.now + 10_000, monotonic: 40_000).disconnect == ["dev_a"])
    }

    @Test func `the end of an old connection's credential does not close the newer one`() throws {
        var policy = try policy()
        #expect(policy.authenticate(try request(2, "a", lifetime: 10), at: Self.now) == .accepted)
        #expect(policy.authenticate(try request(3, "a"), at: Self.now) == .accepted)
        #expect(policy.tick(at: Self.now + 20_000, monotonic: 20_000).disconnect.isEmpty)
    }

    @Test func `an ended device loses its rights before its session`() throws {
        var policy = try policy()
        #expect(policy.authenticate(try request(2, "a"), at: Self.now) == .accepted)
        try command(.endDevices(["dev_a"]), to: &policy)
        #expect(!policy.allows(.write, topic: "up/dev_a/send", isRetained: false, client: 2, at: Self.now))
        #expect(!policy.allows(.read, topic: "account/acct_a", isRetained: false, client: 2, at: Self.now))
        #expect(policy.tick(at: Self.now, monotonic: 1).disconnect == ["dev_a"])
        #expect(policy.authenticate(try request(3, "a"), at: Self.now) == .refused(.ended))
    }

    @Test func `a device that ended just now survives an older list, not a later one`() throws {
        var policy = try policy()
        try command(.endDevices(["dev_a"]), to: &policy)
        try command(.endedDevices(page: 0, isLast: true, devices: []), to: &policy)
        #expect(policy.authenticate(try request(2, "a"), at: Self.now) == .refused(.ended))
        let later = Self.now + EndedDevices.recentKept + 1
        try command(.endedDevices(page: 0, isLast: true, devices: []), to: &policy, at: later)
        #expect(policy.authenticate(try request(2, "a", lifetime: 8000), at: later) == .accepted)
    }

    @Test func `altered commands never do harm`() throws {
        var policy = try policy()
        let text = Array(
            #"{"endedDevices":{"page":0,"isLast":false,"devices":["dev_a","dev_b"]},"endDevices":{"_0":[]}}"#.utf8)
        var notUnderstood = 0
        var state: UInt64 = 1
        func random(below limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        for _ in 0..<20_000 {
            var altered = text
            for _ in 0...random(below: 4) {
                switch random(below: 4) {
                case 0: altered[random(below: altered.count)] = UInt8(random(below: 256))
                case 1: altered.insert(contentsOf: Array("[{\":9e,-".utf8), at: random(below: altered.count))
                case 2: altered.removeSubrange(random(below: altered.count)...)
                default: altered.append(UInt8(random(below: 256)))
                }
                if altered.isEmpty { altered = text }
            }
            if policy.receive(altered, from: Self.gateway, at: Self.now) == .notUnderstood { notUnderstood += 1 }
        }
        #expect(notUnderstood > 10_000)
        #expect(policy.authenticate(try request(2, "c"), at: Self.now) == .accepted)
    }

    @Test func `a device is closed once for all commands that end it, and again while it stays`() throws {
        var policy = try policy()
        #expect(policy.authenticate(try request(2, "a"), at: Self.now) == .accepted)
        try command(.endDevices(["dev_a", "dev_a"]), to: &policy)
        try command(.endDevices(["dev_a"]), to: &policy)
        #expect(policy.tick(at: Self.now, monotonic: 1).disconnect == ["dev_a"])
        #expect(policy.tick(at: Self.now, monotonic: 2).disconnect.isEmpty)
        #expect(policy.tick(at: Self.now, monotonic: 10_000).disconnect == ["dev_a"])
        policy.disconnected(2, at: Self.now)
        #expect(policy.tick(at: Self.now, monotonic: 20_000).disconnect.isEmpty)
    }

    @Test func `more ended devices than there is room for close the door until the next list`() {
        var ended = EndedDevices()
        #expect(ended.receive(page: 0, isLast: true, devices: ["dev_a"], at: Self.now) == .complete)
        ended.insert(["dev_b"], at: Self.now)
        #expect(ended.isKnown && ended.contains("dev_a") && ended.contains("dev_b"))
        let many = [String](repeating: "dev_c", count: EndedDevices.devicesMax)
        ended.insert(many, at: Self.now)
        #expect(!ended.isKnown)
        #expect(ended.receive(page: 0, isLast: true, devices: many + ["dev_d"], at: Self.now) == .outOfOrder)
        #expect(!ended.isKnown)
        #expect(ended.receive(page: 0, isLast: true, devices: ["dev_a"], at: Self.now) == .complete)
        #expect(ended.isKnown)
    }

    @Test func `a page out of order leaves the list as it was`() throws {
        var policy = try policy(ended: nil)
        for page in [1, -1, Int.max, Int.min] {
            let text = Array(
                try JSONEncoder().encode(BrokerCommand.endedDevices(page: page, isLast: true, devices: [])))
            #expect(policy.receive(text, from: Self.gateway, at: Self.now) == .notUnderstood)
            #expect(policy.authenticate(try request(2, "a"), at: Self.now) == .refused(.notReady))
        }
    }

    @Test func `a reload asks for the same sessions again and nobody has connected`() throws {
        var policy = try policy()
        let live = try request(2, "live")
        #expect(policy.authenticate(live, at: Self.now) == .accepted)
        #expect(try decode(policy.tick(at: Self.now, monotonic: 100).reports).count == 1)
        policy.reloadBegan()
        #expect(policy.authenticate(live, at: Self.now) == .accepted)
        #expect(policy.authenticate(try request(3, "stored"), at: Self.now) == .accepted)
        #expect(policy.tick(at: Self.now, monotonic: 200).reports.isEmpty)
        #expect(!policy.allows(.read, topic: "account/acct_stored", isRetained: false, client: 3, at: Self.now))
        policy.reloadBegan()
        #expect(policy.authenticate(live, at: Self.now + 3_600_000) == .refused(.credential(.expired)))
    }

    private func open(
        _ bytes: [UInt8], from client: BrokerPolicy.Client, _ policy: BrokerPolicy
    ) -> Result<[String], BrokerPolicy.EnvelopeFault> {
        var found: [String] = []
        return bytes.withUnsafeBytes { bytes in
            do throws(BrokerPolicy.EnvelopeFault) {
                try policy.open(bytes, from: client) { publish in
                    found.append(
                        "\(String(decoding: publish.topic, as: UTF8.self)) \(String(decoding: publish.payload, as: UTF8.self)) "
                            + "\(publish.expirySeconds.map { "\($0)" } ?? "never")"
                            + (publish.correlationData.map { " of " + String(decoding: $0, as: UTF8.self) } ?? ""))
                }
                return .success(found)
            } catch {
                return found.isEmpty ? .failure(error) : .success(found)
            }
        }
    }

    @Test func `an envelope is opened for the gateway, whole or not at all`() throws {
        var policy = try policy()
        #expect(policy.authenticate(try request(2, "a"), at: Self.now) == .accepted)
        var envelope = PublishEnvelope()
        envelope.append(topic: "account/acct_a", payload: Array("one".utf8), expirySeconds: nil)
        envelope.append(topic: "tenant/t1/broadcast", payload: [], expirySeconds: 0)
        envelope.append(
            topic: "device/dev_a", payload: Array("three".utf8), expirySeconds: 60, correlationData: Array("7".utf8))
        #expect(envelope.count == 3)
        let all = ["account/acct_a one never", "tenant/t1/broadcast  0", "device/dev_a three 60 of 7"]
        #expect(open(envelope.bytes, from: Self.gateway, policy) == .success(all))
        #expect(open(envelope.bytes, from: 2, policy) == .failure(.notAllowed))
        #expect(open(envelope.bytes, from: 3, policy) == .failure(.notAllowed))
        var ends: [Int] = []
        for length in 0..<envelope.bytes.count {
            let prefix = Array(envelope.bytes.prefix(length))
            switch open(prefix, from: Self.gateway, policy) {
            case .failure(let fault): #expect(fault == .notUnderstood)
            case .success(let found):
                ends.append(length)
                #expect(found == Array(all.prefix(found.count)) && found.count == ends.count - 1)
            }
        }
        #expect(ends.count == 3, "after the version and after each publish but the last")
        for topic in ["up/dev_a/send", "presence/report", BrokerTopic.control, "account/+", "account/#", "$SYS/x"] {
            var wrong = envelope
            wrong.append(topic: topic, payload: [], expirySeconds: nil)
            #expect(open(wrong.bytes, from: Self.gateway, policy) == .failure(.wrongTopic), "\(topic)")
        }
        for topic in ["", "account/\u{0}"] {
            var wrong = envelope
            wrong.append(topic: topic, payload: [], expirySeconds: nil)
            #expect(open(wrong.bytes, from: Self.gateway, policy) == .failure(.notUnderstood))
        }
    }

    @Test func `an address that is used again is a new connection`() throws {
        var policy = try policy()
        #expect(policy.authenticate(try request(2, "a"), at: Self.now) == .accepted)
        #expect(policy.authenticate(try request(2, "b"), at: Self.now) == .accepted)
        let reports = try decode(policy.tick(at: Self.now, monotonic: 100).reports)
        guard case .changes(let changes)? = reports.first?.body else {
            Issue.record("no changes")
            return
        }
        #expect(
            changes.map { change in
                switch change {
                case .connected(let connection): "+\(connection.device)"
                case .disconnected(let connection): "-\(connection.device)"
                }
            } == ["+dev_a", "-dev_a", "+dev_b"])
    }

    private func gather(
        _ topic: String, _ payload: [UInt8] = [], from client: BrokerPolicy.Client, _ policy: inout BrokerPolicy
    ) -> [UInt8]? {
        Array(topic.utf8).withUnsafeBytes { topic in
            payload.withUnsafeBytes { policy.gather(EnvelopedPublish(topic: topic, payload: $0), from: client) }
        }
    }

    private func topics(_ envelope: [UInt8]?) throws -> [String] {
        try (envelope ?? [PublishEnvelope.version]).withUnsafeBytes { bytes in
            var (reader, topics) = (try PublishEnvelopeReader(bytes), [String]())
            while let publish = try reader.next() { topics.append(String(decoding: publish.topic, as: UTF8.self)) }
            return topics
        }
    }

    @Test func `requests are gathered for the uplink connection alone, until the next tick`() throws {
        var policy = try policy()
        #expect(policy.authenticate(try request(2, "a"), at: Self.now) == .accepted)
        func isRead(_ topic: String, by client: BrokerPolicy.Client) -> Bool {
            !policy.isGathered(topic, for: client)
                && policy.allows(.read, topic: topic, isRetained: false, client: client, at: Self.now)
        }
        // Nobody is there to get an envelope: the broker routes it.
        #expect(gather("up/dev_a/send", from: 2, &policy) == nil)
        #expect(isRead("up/dev_a/send", by: Self.gateway))
        #expect(policy.tick(at: Self.now, monotonic: 1).requests == nil)

        let uplink = BrokerPolicy.ConnectRequest(
            client: 7, clientID: BrokerIdentity.uplinkClientID, username: BrokerIdentity.gatewayUsername,
            password: Self.password)
        #expect(policy.authenticate(uplink, at: Self.now) == .accepted)
        #expect(gather("up/dev_a/send", from: 2, &policy) == nil)
        #expect(isRead("up/dev_a/send", by: Self.gateway), "another connection of the gateway still sees it")
        #expect(!isRead("up/dev_a/send", by: 7), "it comes in the envelope")
        #expect(isRead("up/dev_a/send", by: 7), "asked for once: this is another message")
        #expect(gather("up/dev_a/ack", from: 2, &policy) == nil)
        #expect(isRead("up/dev_a/state", by: 7), "another topic is another message")
        for other in ["account/acct_a", "up", ""] { #expect(gather(other, from: 2, &policy) == nil) }
        #expect(gather("up/dev_a/send", from: 99, &policy) == nil, "nobody the broker knows")
        #expect(gather("up/dev_a/state", from: 2, &policy) == nil)
        policy.disconnected(2, at: Self.now)
        #expect(isRead("up/dev_a/state", by: 7), "the will of the device that left is no request")
        let requests = policy.tick(at: Self.now, monotonic: 2).requests
        #expect(try topics(requests) == ["up/dev_a/send", "up/dev_a/ack", "up/dev_a/state"])
        #expect(policy.tick(at: Self.now, monotonic: 3).requests == nil)

        #expect(policy.authenticate(try request(3, "a"), at: Self.now) == .accepted)
        policy.disconnected(7, at: Self.now)
        #expect(gather("up/dev_a/send", from: 3, &policy) == nil)
        #expect(policy.tick(at: Self.now, monotonic: 4).requests == nil, "it has gone")
    }

    @Test func `a full envelope goes before the tick, a large request alone`() throws {
        var policy = try policy()
        let uplink = BrokerPolicy.ConnectRequest(
            client: 7, clientID: BrokerIdentity.uplinkClientID, username: BrokerIdentity.gatewayUsername,
            password: Self.password)
        #expect(policy.authenticate(uplink, at: Self.now) == .accepted)
        #expect(policy.authenticate(try request(2, "a"), at: Self.now) == .accepted)
        let large = [UInt8](repeating: 1, count: 40 * 1024)
        #expect(gather("up/dev_a/send", large, from: 2, &policy) == nil)
        #expect(try topics(gather("up/dev_a/import", large, from: 2, &policy)) == ["up/dev_a/send"])
        let larger = large + large
        #expect(try topics(gather("up/dev_a/last", larger, from: 2, &policy)) == ["up/dev_a/import"])
        #expect(try topics(gather("up/dev_a/ack", from: 2, &policy)) == ["up/dev_a/last"])
        #expect(try topics(policy.tick(at: Self.now, monotonic: 2).requests) == ["up/dev_a/ack"])
    }
}
