import AsyncHTTPClient
import Crypto
import Foundation
import PushSimulators
import Synchronization
import Testing

@Suite struct APNsSimulatorTests {
    typealias Client = SimulatorClient

    @Test func `a right push is accepted over HTTP 2 and recorded`() async throws {
        try await Client.run { client async throws in
            let id = "0b5c8e9a-1111-4222-8333-444455556666"
            let jwt = try await client.providerToken()
            let reply = try await client.push(
                headers: ["apns-id": id, "apns-collapse-id": "c1", "apns-expiration": "0"], jwt: jwt)
            #expect(reply.status == 200)
            #expect(reply.version == .http2)
            #expect(reply.body.isEmpty)
            #expect(reply.headers["apns-id"] == [id])
            let push = try #require(client.simulator.pushes().first)
            #expect(push.vendor == .apns && push.token == Client.deviceToken && push.messageId == "m1")
            #expect(push.title == "Hi" && push.body == "There" && push.form == .visible && push.replaceKey == "c1")
            #expect(push.vendorId == id && push.discarded == nil && push.payload == Client.alertPayload)
            #expect(push.header("apns-priority") == "10")
            #expect(!push.headers.contains { $0.name == "authorization" })
        }
    }

    @Test func `without an apns-id a lower case UUID is made`() async throws {
        try await Client.run { client async throws in
            let reply = try await client.push(jwt: try await client.providerToken())
            let id = try #require(reply.headers.first(name: "apns-id"))
            #expect(UUID(uuidString: id) != nil && id == id.lowercased())
        }
    }

    struct Wrong: Sendable, CustomTestStringConvertible {
        let name: String
        let status: Int
        let reason: String
        var headers: [String: String?] = [:]
        var path: String?
        var payload = Client.alertPayload
        var isGet = false
        var twice: String?

        var testDescription: String { "\(reason): \(name)" }
    }

    static let wrongRequests = [
        Wrong(name: "not a UUID", status: 400, reason: "BadMessageId", headers: ["apns-id": "1"]),
        Wrong(
            name: "upper case", status: 400, reason: "BadMessageId",
            headers: ["apns-id": "0B5C8E9A-1111-4222-8333-444455556666"]),
        Wrong(name: "GET", status: 405, reason: "MethodNotAllowed", payload: "", isGet: true),
        Wrong(name: "no topic", status: 400, reason: "MissingTopic", headers: ["apns-topic": nil]),
        Wrong(name: "spaces", status: 400, reason: "BadTopic", headers: ["apns-topic": "com example"]),
        Wrong(name: "another app", status: 400, reason: "TopicDisallowed", headers: ["apns-topic": "com.other.app"]),
        Wrong(
            name: "65 bytes", status: 400, reason: "BadCollapseId",
            headers: ["apns-collapse-id": String(repeating: "x", count: 65)]),
        Wrong(name: "7", status: 400, reason: "BadPriority", headers: ["apns-priority": "7"]),
        Wrong(name: "a word", status: 400, reason: "BadExpirationDate", headers: ["apns-expiration": "soon"]),
        Wrong(
            name: "milliseconds", status: 400, reason: "BadExpirationDate",
            headers: ["apns-expiration": "1767323045000"]),
        Wrong(name: "absent", status: 400, reason: "InvalidPushType", headers: ["apns-push-type": nil]),
        Wrong(name: "unknown", status: 400, reason: "InvalidPushType", headers: ["apns-push-type": "shout"]),
        Wrong(
            name: "alert without alert", status: 400, reason: "InvalidPushType",
            payload: #"{"aps":{"content-available":1}}"#),
        Wrong(
            name: "background with an alert", status: 400, reason: "InvalidPushType",
            headers: ["apns-push-type": "background", "apns-priority": "5"]),
        Wrong(
            name: "background with priority 10", status: 400, reason: "BadPriority",
            headers: ["apns-push-type": "background"], payload: #"{"aps":{"content-available":1}}"#),
        Wrong(name: "voip without suffix", status: 400, reason: "BadTopic", headers: ["apns-push-type": "voip"]),
        Wrong(name: "another path", status: 404, reason: "BadPath", path: "/2/device/abc"),
        Wrong(name: "no token", status: 400, reason: "MissingDeviceToken", path: "/3/device/"),
        Wrong(name: "not hexadecimal", status: 400, reason: "BadDeviceToken", path: "/3/device/zz"),
        Wrong(name: "none", status: 403, reason: "MissingProviderToken", headers: ["authorization": nil]),
        Wrong(name: "not a JWT", status: 403, reason: "InvalidProviderToken", headers: ["authorization": "bearer x"]),
        Wrong(name: "Basic", status: 403, reason: "InvalidProviderToken", headers: ["authorization": "Basic eA=="]),
        Wrong(name: "no body", status: 400, reason: "PayloadEmpty", payload: ""),
        Wrong(name: "not JSON", status: 400, reason: "PayloadEmpty", payload: #"{"aps":"#),
        Wrong(
            name: "4097 bytes", status: 413, reason: "PayloadTooLarge",
            payload: #"{"aps":{"alert":"\#(String(repeating: "a", count: 4077))"}}"#),
        Wrong(
            name: "beyond the stream window", status: 413, reason: "PayloadTooLarge",
            payload: #"{"aps":{"alert":"\#(String(repeating: "a", count: 80_000))"}}"#),
        Wrong(name: "a priority twice", status: 400, reason: "DuplicateHeaders", twice: "apns-priority"),
    ]

    @Test(arguments: wrongRequests) func `a wrong request gets its reason`(_ wrong: Wrong) async throws {
        try await Client.run { client async throws in
            let jwt = try await client.providerToken()
            let reply = try await client.push(
                path: wrong.path, method: wrong.isGet ? .GET : .POST, headers: wrong.headers, jwt: jwt,
                payload: wrong.payload, twice: wrong.twice)
            #expect(reply.status == wrong.status)
            #expect(reply.reason == wrong.reason)
            #expect(reply.json.count == 1)
            #expect(reply.headers.first(name: "apns-id") != nil)
            #expect(client.simulator.pushes().isEmpty)
            let refusal = try #require(client.simulator.refusals.first)
            #expect(refusal.status == wrong.status && refusal.reason.hasPrefix(wrong.reason))
            #expect(client.simulator.counters(.apns) == VendorCounters(requests: 1, accepted: 0, refused: 1))
        }
    }

    @Test func `a payload of exactly 4096 bytes is accepted`() async throws {
        try await Client.run { client async throws in
            let payload = #"{"aps":{"alert":"\#(String(repeating: "a", count: 4076))"}}"#
            #expect(payload.utf8.count == 4096)
            let reply = try await client.push(jwt: try await client.providerToken(), payload: payload)
            #expect(reply.status == 200)
        }
    }

    @Test func `a call takes 5120 bytes on the voip topic`() async throws {
        try await Client.run { client async throws in
            let headers: [String: String?] = [
                "apns-topic": client.simulator.credentials.apnsTopic + ".voip", "apns-push-type": "voip",
            ]
            let jwt = try await client.providerToken()
            let payload = #"{"aps":{},"messageId":"m1","x":""#
            let right = payload + String(repeating: "a", count: 5120 - payload.utf8.count - 2) + #""}"#
            #expect(try await client.push(headers: headers, jwt: jwt, payload: right).status == 200)
            #expect(client.simulator.alertsRung(token: Client.deviceToken, messageId: "m1") == 1)
            let tooLong = try await client.push(headers: headers, jwt: jwt, payload: right + " ")
            #expect(tooLong.reason == "PayloadTooLarge")
        }
    }

    @Test func `a background push is silent`() async throws {
        try await Client.run { client async throws in
            let reply = try await client.push(
                headers: ["apns-push-type": "background", "apns-priority": "5"], jwt: try await client.providerToken(),
                payload: #"{"aps":{"content-available":1},"messageId":"m1"}"#)
            #expect(reply.status == 200)
            #expect(client.simulator.pushes().first?.form == .silent)
            #expect(client.simulator.alertsRung(token: Client.deviceToken, messageId: "m1") == 0)
        }
    }

    @Test func `an expiration in the past is accepted and never shown`() async throws {
        try await Client.run { client async throws in
            let reply = try await client.push(headers: ["apns-expiration": "300"], jwt: client.providerToken())
            #expect(reply.status == 200)
            #expect(client.simulator.pushes().first?.discarded == .expired)
            #expect(client.simulator.visible(token: Client.deviceToken).isEmpty)
        }
    }

    @Test func `an old, a future, a foreign and a forged provider token are refused`() async throws {
        try await Client.run { client async throws in
            let stranger = P256.Signing.PrivateKey().pemRepresentation
            #expect(try await client.push(jwt: client.providerToken(age: 3700)).reason == "ExpiredProviderToken")
            #expect(try await client.push(jwt: client.providerToken(age: -120)).reason == "InvalidProviderToken")
            #expect(try await client.push(jwt: client.providerToken(pem: stranger)).reason == "InvalidProviderToken")
            let otherTeam = try await client.providerToken(teamId: "OTHERTEAM1")
            #expect(try await client.push(jwt: otherTeam).reason == "InvalidProviderToken")
            #expect(try await client.push(jwt: client.providerToken()).status == 200)
        }
    }

    @Test func `a provider token that changes too often is refused until the interval has passed`() async throws {
        let now = Atomic(Int64(Date().timeIntervalSince1970 * 1000))
        try await Client.run {
            $0.clock = { now.load(ordering: .relaxed) }
        } _: { client async throws in
            let first = try await client.providerToken(age: 100)
            let second = try await client.providerToken(age: 10)
            #expect(try await client.push(jwt: first).status == 200)
            let refused = try await client.push(jwt: second)
            #expect(refused.status == 429 && refused.reason == "TooManyProviderTokenUpdates")
            #expect(try await client.push(jwt: first).status == 200)
            now.add(20 * 60_000, ordering: .relaxed)
            #expect(try await client.push(jwt: second).status == 200)
        }
    }

    @Test func `a connection serves one key of one team`() async throws {
        try await Client.run { client async throws in
            let (key, otherKey) = (P256.Signing.PrivateKey(), P256.Signing.PrivateKey())
            let credentials = client.simulator.credentials
            try client.simulator.register(
                APNsTeam(
                    teamId: credentials.apnsTeamId, keyId: "SECONDKEY1", topics: [credentials.apnsTopic],
                    publicKeyPEM: key.publicKey.pemRepresentation))
            try client.simulator.register(
                APNsTeam(
                    teamId: "OTHERTEAM1", keyId: "OTHERKEY01", topics: [credentials.apnsTopic],
                    publicKeyPEM: otherKey.publicKey.pemRepresentation))
            #expect(try await client.push(jwt: client.providerToken()).status == 200)
            let secondKey = try await client.providerToken(keyId: "SECONDKEY1", pem: key.pemRepresentation)
            #expect(try await client.push(jwt: secondKey).reason == "UnrelatedKeyIdInToken")
            let otherTeam = try await client.providerToken(
                keyId: "OTHERKEY01", teamId: "OTHERTEAM1", pem: otherKey.pemRepresentation)
            #expect(try await client.push(jwt: otherTeam).reason == "InvalidProviderToken")
        }
    }

    @Test func `a client without HTTP 2 is disconnected`() async throws {
        try await Client.run(http1Only: true) { client async throws in
            let jwt = try await client.providerToken()
            await #expect(throws: (any Error).self) { try await client.push(jwt: jwt, timeout: .seconds(3)) }
            #expect(client.simulator.counters(.apns).requests == 0)
        }
    }

    @Test func `a connection takes one stream at first and many after its first valid token`() async throws {
        try await Client.run { client async throws in
            let jwt = try await client.providerToken()
            try await withThrowingTaskGroup { group in
                for _ in 0..<200 { group.addTask { try await client.push(jwt: jwt).status } }
                for try await status in group { #expect(status == 200) }
            }
            #expect(client.simulator.counters(.apns).accepted == 200)
        }
    }
}
