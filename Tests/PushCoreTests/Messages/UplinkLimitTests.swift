import Logging
import PushCredentials
import PushTestSupport
import Testing

@testable import PushCore

/// What stops a request over MQTT before it is run.
@Suite struct UplinkLimitTests {
    private struct Door {
        let requests: UplinkRequests
        let deviceID: String

        init(_ change: (inout TenantLimits) -> Void = { _ in }) async throws {
            var tenant = Tenant.sample
            change(&tenant.settings.limits)
            let (devices, archive, clock, limits) = (MemoryDeviceStore(), MemoryArchive(), WallClock { 1 }, Limits())
            let signer = DeviceCredentialSigner()
            let authenticator = Authenticator(
                access: MemoryAccessStore(), devices: devices,
                deviceVerifier: try DeviceCredentialVerifier(jwks: signer.jwks),
                tokens: try #require(AccessTokenKey(bytes: Array(repeating: 7, count: 32))), instance: "test",
                clock: clock)
            let receipts = Receipts(store: archive, acknowledged: { _, _ in })
            let draft = try DeviceDraft(parsing: .json("{}"), limits: limits)
            let outcome = try await devices.register(
                Registration(
                    tenant: tenant, app: App.sample().key, isSigned: true, signedAt: nil, userID: "ann",
                    uniqueCode: "code", draft: draft), at: 1)
            deviceID = outcome.identity.deviceID
            let now = ContinuousClock.Instant.now
            requests = UplinkRequests(
                authenticator: authenticator,
                messaging: Messaging(
                    archive: archive, devices: devices, delivery: QuietDeliveryStore(), publisher: QuietPublisher(),
                    receipts: receipts, expansionWaiting: {}, ids: IDGenerator(), limits: limits, clock: clock),
                conversations: Conversations(
                    store: MemoryConversationStore(devices: devices), changes: NoDeviceChanges(), limits: limits,
                    clock: clock),
                changes: MessageChanges(
                    store: NoOperations(), changes: NoDeviceChanges(), limits: limits, changed: {}),
                receipts: receipts,
                registry: DeviceRegistry(
                    devices: devices, authenticator: authenticator, signer: signer, changes: NoDeviceChanges(),
                    limits: limits, clock: clock),
                presence: PresenceBook(), rates: RateLimits(limits: limits) { now }, limits: limits)
        }

        /// The code of the refusal, nil when it was run.
        func code(_ operation: String, _ members: String = "") async throws -> String? {
            let payload = Array(#"{"requestId":1\#(members)}"#.utf8)
            let reply = await requests.reply(
                to: .init(deviceID: deviceID, operation: operation, payload: payload), isCorrelated: false)
            let json = try RawJSON(parsing: #require(reply.payload)).object
            if json?["ok"]?.bool == true { return nil }
            return json?["error"]?.object?["code"]?.string
        }

        func send(_ id: String, to: String = "acct_b", text: String = "hi") async throws -> String? {
            try await code("send", #","id":"\#(id)","to":"\#(to)","type":0,"content":{"text":"\#(text)"}"#)
        }
    }

    @Test func `requests beyond the device's rate are refused, acknowledgements never`() async throws {
        let door = try await Door { ($0.deviceRequestsPerSecond, $0.deviceBurst) = (1, 3) }
        for number in 0..<3 { #expect(try await door.send("m\(number)") == nil) }
        #expect(try await door.send("m3") == "rate_limited")
        #expect(try await door.code("sync") == "rate_limited")
        for seq in 0..<1000 { #expect(try await door.code("ack", #","seq":\#(seq)"#) == nil) }
        #expect(try await door.code("state", #","app":"background""#) == nil)
        #expect(try await door.send("m4") == "rate_limited")
    }

    @Test func `a full writer is overloaded`() async throws {
        let door = try await Door()
        #expect(try await door.send("m", to: "everyone-busy") == "overloaded")
    }

    @Test func `a tenant's sizes hold`() async throws {
        let door = try await Door { ($0.contentBytes, $0.requestBytes) = (40, 300) }
        #expect(try await door.send("small") == nil)
        #expect(try await door.send("large", text: String(repeating: "x", count: 40)) == "too_large")
        #expect(try await door.code("ack", #","seq":1,"pad":"\#(String(repeating: "x", count: 300))""#) == "too_large")
    }
}
