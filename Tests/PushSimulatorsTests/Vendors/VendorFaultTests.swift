import Foundation
import PushSimulators
import Testing

@Suite struct VendorFaultTests {
    typealias Client = SimulatorClient

    static let fcmBody = #"{"message":{"token":"t1","data":{"messageId":"m1"},"notification":{"title":"Hi"}}}"#

    @Test func `slow delays the answer`() async throws {
        try await Client.run { client async throws in
            let jwt = try await client.providerToken()
            try client.simulator.inject(.slow(milliseconds: 300), into: .apns, requests: 1)
            let start = ContinuousClock.now
            #expect(try await client.push(jwt: jwt).status == 200)
            #expect(ContinuousClock.now - start >= .milliseconds(300))
            #expect(client.simulator.activeFaults.isEmpty)
        }
    }

    @Test(arguments: [false, true]) func `hang never answers`(_ afterAccepting: Bool) async throws {
        try await Client.run { client async throws in
            try client.simulator.inject(.hang(afterAccepting: afterAccepting), into: .webhook, requests: 1)
            await #expect(throws: (any Error).self) { try await client.sendWebhook(timeout: .milliseconds(400)) }
            #expect(client.simulator.pushes().count == (afterAccepting ? 1 : 0))
            #expect(try await client.sendWebhook(id: "evt_2").status == 200)
        }
    }

    @Test(arguments: [false, true]) func `reset cuts the connection`(_ afterAccepting: Bool) async throws {
        try await Client.run { client async throws in
            let jwt = try await client.providerToken()
            try client.simulator.inject(.reset(afterAccepting: afterAccepting), into: .apns, requests: 1)
            await #expect(throws: (any Error).self) { try await client.push(jwt: jwt) }
            #expect(client.simulator.pushes().count == (afterAccepting ? 1 : 0))
            #expect(try await client.push(jwt: jwt).status == 200)
        }
    }

    @Test func `too many requests carry Retry-After in both spellings`() async throws {
        try await Client.run {
            $0.clock = { 784_111_777_000 }
        } _: { client async throws in
            try client.simulator.inject(.tooManyRequests(retryAfter: .seconds(7)), into: .apns, requests: 1)
            try client.simulator.inject(
                .tooManyRequests(retryAfter: .date(secondsAhead: 60)), into: .webhook, requests: 1)
            try client.simulator.inject(.tooManyRequests(retryAfter: nil), into: .fcm, requests: 1)
            let apns = try await client.push(jwt: nil)
            #expect(apns.status == 429 && apns.reason == "TooManyRequests" && apns.headers["retry-after"] == ["7"])
            let webhook = try await client.sendWebhook()
            #expect(webhook.status == 429 && webhook.headers["retry-after"] == ["Sun, 06 Nov 1994 08:50:37 GMT"])
            let fcm = try await client.sendFCM(Self.fcmBody, access: "")
            #expect(fcm.status == 429 && FCMSimulatorTests.errorCode(fcm) == "QUOTA_EXCEEDED")
            #expect(FCMSimulatorTests.canonical(fcm) == "RESOURCE_EXHAUSTED" && fcm.headers["retry-after"].isEmpty)
            #expect(FCMSimulatorTests.details(fcm).count == 2)
        }
    }

    @Test func `server errors speak the vendor's words`() async throws {
        try await Client.run { client async throws in
            for vendor in SimulatedVendor.allCases {
                try client.simulator.inject(
                    .serverError(status: 503, retryAfter: .seconds(3)), into: vendor, requests: 1)
                try client.simulator.inject(.serverError(status: 500, retryAfter: nil), into: vendor, requests: 1)
            }
            let apns = [try await client.push(jwt: nil), try await client.push(jwt: nil)]
            #expect(apns.map(\.status) == [503, 500])
            #expect(apns.map(\.reason) == ["ServiceUnavailable", "InternalServerError"])
            #expect(apns.map { $0.headers["retry-after"] } == [["3"], []])
            let fcm = [
                try await client.sendFCM(Self.fcmBody, access: ""), try await client.sendFCM(Self.fcmBody, access: ""),
            ]
            #expect(fcm.map(\.status) == [503, 500])
            #expect(fcm.map(FCMSimulatorTests.errorCode) == ["UNAVAILABLE", "INTERNAL"])
            let webhook = [try await client.sendWebhook(), try await client.sendWebhook()]
            #expect(webhook.map(\.status) == [503, 500])
            #expect(client.simulator.counters(.webhook) == VendorCounters(requests: 2, disturbed: 2))
        }
    }

    @Test func `dead tokens of APNs`() async throws {
        try await Client.run { client async throws in
            let jwt = try await client.providerToken()
            let other = String(repeating: "cd", count: 32)
            try client.simulator.inject(
                .deadTokens([Client.deviceToken], code: nil, timestamp: 1_700_000_000_123), into: .apns)
            let gone = try await client.push(jwt: jwt)
            #expect(gone.status == 410 && gone.reason == "Unregistered")
            #expect(gone.json["timestamp"] as? Int == 1_700_000_000_123)
            #expect(try await client.push(token: other, jwt: jwt).status == 200)
            client.simulator.clearFaults(.apns)
            #expect(try await client.push(jwt: jwt).status == 200)
            try client.simulator.inject(.deadTokens(nil, code: "BadDeviceToken", timestamp: nil), into: .apns)
            let bad = try await client.push(token: other, jwt: jwt)
            #expect(bad.status == 400 && bad.reason == "BadDeviceToken" && bad.json["timestamp"] == nil)
        }
    }

    @Test func `dead tokens of FCM and of the webhook`() async throws {
        try await Client.run { client async throws in
            let access = try await client.accessToken()
            try client.simulator.inject(.deadTokens(["t1"], code: nil, timestamp: nil), into: .fcm, requests: 1)
            try client.simulator.inject(
                .deadTokens(["t1"], code: "SENDER_ID_MISMATCH", timestamp: nil), into: .fcm, requests: 1)
            let gone = try await client.sendFCM(Self.fcmBody, access: access)
            #expect(gone.status == 404 && FCMSimulatorTests.errorCode(gone) == "UNREGISTERED")
            let foreign = try await client.sendFCM(Self.fcmBody, access: access)
            #expect(foreign.status == 403 && FCMSimulatorTests.errorCode(foreign) == "SENDER_ID_MISMATCH")
            #expect(try await client.sendFCM(Self.fcmBody, access: access).status == 200)
            try client.simulator.inject(.deadTokens(nil, code: nil, timestamp: nil), into: .webhook, requests: 1)
            let rejected = try await client.sendWebhook()
            #expect(rejected.status == 200 && rejected.json["rejected"] as? [String] == ["t1"])
            #expect(try await client.sendWebhook().status == 200)
            #expect(client.simulator.alertsRung(token: "t1", messageId: "m1") == 2)
        }
    }

    @Test func `an expired authorization is told, and a new provider token is then taken at once`() async throws {
        try await Client.run { client async throws in
            #expect(try await client.push(jwt: client.providerToken(age: 60)).status == 200)
            try client.simulator.inject(.expiredAuthorization, into: .apns, requests: 1)
            let refused = try await client.push(jwt: client.providerToken(age: 60))
            #expect(refused.status == 403 && refused.reason == "ExpiredProviderToken")
            #expect(try await client.push(jwt: client.providerToken()).status == 200)
            try client.simulator.inject(.expiredAuthorization, into: .fcm, requests: 1)
            let access = try await client.accessToken()
            #expect(try await client.sendFCM(Self.fcmBody, access: access).status == 401)
            #expect(try await client.sendFCM(Self.fcmBody, access: access).status == 200)
        }
    }

    @Test func `an expired provider token can end the connection's use`() async throws {
        try await Client.run {
            $0.expiredProviderTokenEndsConnection = true
        } _: { client async throws in
            #expect(try await client.push(jwt: client.providerToken(age: 3700)).reason == "ExpiredProviderToken")
            let fresh = try await client.providerToken()
            #expect(try await client.push(jwt: fresh).reason == "ExpiredProviderToken")
            try client.simulator.inject(.goAway(afterRequests: 1), into: .apns, requests: 1)
            #expect(try await client.push(jwt: fresh).reason == "ExpiredProviderToken")
            #expect(try await client.push(jwt: fresh).status == 200)
        }
    }

    @Test func `logins fail on their own`() async throws {
        try await Client.run { client async throws in
            let access = try await client.accessToken()
            try client.simulator.inject(.serverError(status: 503, retryAfter: nil), into: .fcm, on: .login)
            #expect(try await client.login().status == 503)
            #expect(try await client.sendFCM(Self.fcmBody, access: access).status == 200)
        }
    }

    @Test func `garbage comes with 200`() async throws {
        try await Client.run { client async throws in
            for vendor in SimulatedVendor.allCases { try client.simulator.inject(.garbage, into: vendor) }
            for reply in [
                try await client.push(jwt: nil), try await client.sendFCM("", access: ""),
                try await client.sendWebhook(),
            ] {
                #expect(reply.status == 200 && reply.json.isEmpty && !reply.body.isEmpty)
            }
            #expect(client.simulator.pushes().isEmpty)
        }
    }

    @Test func `every row of a vendor's table can be asked for`() async throws {
        try await Client.run { client async throws in
            let expected = [
                ("TopicDisallowed", 400), ("BadEnvironmentKeyIdInToken", 403), ("ExpiredToken", 410),
                ("TooManyProviderTokenUpdates", 429), ("Shutdown", 503), ("DeviceTokenNotForTopic", 400),
            ]
            for (reason, status) in expected {
                try client.simulator.inject(.code(reason), into: .apns, requests: 1)
                let reply = try await client.push(jwt: nil)
                #expect(reply.status == status && reply.reason == reason)
            }
            try client.simulator.inject(.code("THIRD_PARTY_AUTH_ERROR"), into: .fcm, requests: 1)
            #expect(try await client.sendFCM(Self.fcmBody, access: "").status == 401)
            try client.simulator.inject(.code("410"), into: .webhook, requests: 1)
            #expect(try await client.sendWebhook().status == 410)
            #expect(throws: VendorSimulatorError.self) {
                try client.simulator.inject(.code("NoSuchReason"), into: .apns)
            }
        }
    }

    @Test func `what GOAWAY leaves out was not processed`() async throws {
        try await Client.run { client async throws in
            let jwt = try await client.providerToken()
            try client.simulator.inject(.goAway(afterRequests: 3), into: .apns)
            // A request that was on its way when GOAWAY came fails at the client; the simulator must not have taken it.
            var answered = 0
            for _ in 0..<20 where answered < 10 {
                if let reply = try? await client.push(jwt: jwt), reply.status == 200 { answered += 1 }
            }
            #expect(answered == 10)
            #expect(client.simulator.counters(.apns) == VendorCounters(requests: 10, accepted: 10, disturbed: 3))
        }
    }

    @Test func `a refused stream was not processed`() async throws {
        try await Client.run { client async throws in
            let jwt = try await client.providerToken()
            #expect(try await client.push(jwt: jwt).status == 200)
            try client.simulator.inject(.refuseStream, into: .apns, requests: 1)
            await #expect(throws: (any Error).self) { try await client.push(jwt: jwt) }
            #expect(try await client.push(jwt: jwt).status == 200)
            #expect(client.simulator.counters(.apns).accepted == 2)
        }
    }
}
