import Logging
import PushCore
import PushCredentials
import Testing

@testable import PushVendors

@Suite struct LiveVendorsTests {
    private func vendors(allowsPrivate: Bool = false) throws -> LiveVendors {
        try LiveVendors(logger: Logger(label: "test"), allowPrivateEndpoints: allowsPrivate)
    }

    private func pointers(_ settings: String, _ vendor: Vendor) throws -> [String] {
        let vendors = try vendors()
        let raw = try json(settings)
        do throws(GatewayError) {
            _ = try vendors.validate(raw, for: vendor)
            return []
        } catch {
            #expect(error.code == .invalidRequest)
            return error.errors.map(\.pointer)
        }
    }

    @Test func `every fault is pointed at`() throws {
        #expect(try pointers("{}", .apns) == ["/keyId", "/teamId", "/topic", "/privateKey"])
        #expect(
            try pointers(
                #"{"keyId":"short","teamId":1,"topic":"a b","privateKey":"x","environment":"test","endpoint":"http://1.1.1.1"}"#,
                .apns) == ["/keyId", "/teamId", "/topic", "/environment", "/privateKey", "/endpoint"])
        #expect(try pointers("{}", .fcm) == ["/serviceAccount"])
        #expect(try pointers(#"{"serviceAccount":"x"}"#, .fcm) == ["/serviceAccount"])
        #expect(
            try pointers(#"{"serviceAccount":{"token_uri":"https://127.1/t","private_key":"x"}}"#, .fcm) == [
                "/serviceAccount/project_id", "/serviceAccount/client_email", "/serviceAccount/private_key",
                "/serviceAccount/token_uri",
            ])
        #expect(try pointers("{}", .webhook) == ["/url"])
        #expect(try pointers(#"{"url":"https://[::1]/","secret":"x"}"#, .webhook) == ["/url", "/secret"])
        #expect(try pointers("[]", .webhook).first == "")
        #expect(try pointers("{}", .webpush) == ["/subject"])
        #expect(try pointers("{}", .wns) == ["/tenantId", "/clientId", "/clientSecret"])
        #expect(
            try pointers(#"{"legacy":true,"clientId":"x","clientSecret":"s","tagReplaces":1}"#, .wns)
                == ["/clientId", "/tagReplaces"])
        #expect(try pointers(#"{"tenantId":"a/b","clientId":"x","clientSecret":"s"}"#, .wns) == ["/tenantId"])
        #expect(try pointers("{}", .vivo) == ["/appId", "/appKey", "/appSecret"])
        #expect(
            try pointers(
                #"{"appId":"x1","appKey":"k","appSecret":"s","timeToLiveMax":59,"replies":{"0":"drop"}}"#, .vivo)
                == ["/appId", "/timeToLiveMax", "/replies"])
        #expect(try pointers("{}", .meizu) == ["/appId", "/appSecret"])
        #expect(
            try pointers(#"{"appId":1,"appSecret":"s","replies":{"1":"what"},"endpoint":"http://1.1.1.1"}"#, .meizu)
                == ["/replies", "/endpoint"])
    }

    @Test func `a vendor without an adapter names those that have one`() throws {
        let vendors = try vendors()
        let names = LiveVendors.supported.map(\.rawValue).joined(separator: ", ")
        for vendor in Vendor.allCases where !LiveVendors.supported.contains(vendor) {
            let expected = GatewayError(.invalidRequest, "\(vendor.rawValue) is not supported; there are \(names)")
            #expect(throws: expected) { try vendors.validate(.emptyObject, for: vendor) }
            #expect(throws: expected) { try vendors.makeSender(for: vendor, settings: .emptyObject, tenantNo: "acme") }
        }
    }

    @Test func `stored settings read back the same, and public fields hold no secret`() throws {
        let vendors = try vendors()
        let examples: [(Vendor, RawJSON)] = [
            (.apns, apnsSettings { $0.member("category", "CHAT") }), (.fcm, try fcmSettings()),
            (.webhook, try json(#"{"url":"https://hooks.example.com/push?x=1","channel":"c"}"#)),
            (.webpush, try json(#"{"subject":"mailto:push@example.com"}"#)),
            (.wns, try json(#"{"tenantId":"t-1","clientId":"c-1","clientSecret":"hidden","tagReplaces":true}"#)),
            (.wns, try json(#"{"legacy":true,"clientId":"ms-app://s-1","clientSecret":"hidden"}"#)),
            (
                .vivo,
                try json(
                    #"{"appId":"10","appKey":"k","appSecret":"hidden","marketingCategory":"NEWS","timeToLiveMax":604800,"replies":{"10043":"auth"}}"#
                )
            ),
            (.meizu, try json(#"{"appId":"10","appSecret":"hidden","replies":{"9":"slow","8":"drop"}}"#)),
        ]
        for (vendor, settings) in examples {
            let stored = try vendors.validate(settings, for: vendor)
            #expect(try vendors.validate(stored, for: vendor) == stored)
            let shown = vendors.publicFields(of: stored, for: vendor).text
            #expect(!shown.contains("PRIVATE KEY") && !shown.contains("whsec_") && !shown.contains("private_key"))
            #expect(!shown.contains("hidden") && !shown.contains("privateKey"))
            #expect(shown.count > 10)
        }
    }

    @Test func `a webhook secret is made when there is none`() throws {
        let stored = try vendors().validate(json(#"{"url":"https://hooks.example.com/"}"#), for: .webhook)
        let secret = try #require(stored.object?["secret"]?.string)
        #expect(WebhookSecret(secret) != nil)
    }

    @Test func `a private endpoint is for an operator who allows it, and apns never without TLS`() throws {
        let allowing = try vendors(allowsPrivate: true)
        _ = try allowing.validate(fcmSettings(endpoint: "http://127.0.0.1:9"), for: .fcm)
        _ = try allowing.validate(apnsSettings(endpoint: "https://127.0.0.1:9"), for: .apns)
        #expect(throws: GatewayError.self) {
            try allowing.validate(apnsSettings(endpoint: "http://127.0.0.1:9"), for: .apns)
        }
        let strict = try vendors()
        #expect(throws: GatewayError.self) {
            try strict.validate(fcmSettings(endpoint: "https://127.0.0.1:9"), for: .fcm)
        }
    }

    @Test func `the resolved address of a URL is checked when asked for`() async throws {
        let policy = EndpointPolicy(
            allowsPrivate: false,
            resolver: HostResolver { host async throws(HostResolver.Failure) in
                if host == "unknown.example" { throw HostResolver.Failure("no") }
                return [IPAddress(v4: host == "good.example" ? [8, 8, 8, 8] : [192, 168, 0, 1])]
            })
        let vendors = LiveVendors(
            clock: .system, connections: try ConnectionSettings(policy: policy, logger: Logger(label: "test")))
        try await vendors.validateAddresses(of: json(#"{"url":"https://good.example/"}"#), for: .webhook)
        try await vendors.validateAddresses(of: json(#"{"url":"https://unknown.example/"}"#), for: .webhook)
        let bad = try json(#"{"url":"https://bad.example/"}"#)
        await #expect(throws: GatewayError.invalid("/url", EndpointPolicy.privateReason)) {
            try await vendors.validateAddresses(of: bad, for: .webhook)
        }
    }

    @Test func `a webhook goes out signed and its answer is read`() async throws {
        let server = try await StubServer.start { _ in .answer(200, body: #"{"rejected":["tok"]}"#) }
        let vendors = try vendors(allowsPrivate: true)
        let settings = try vendors.validate(
            json(#"{"url":"http://127.0.0.1:\#(server.port)/hook?a=1"}"#), for: .webhook)
        let sender = try vendors.makeSender(for: .webhook, settings: settings, tenantNo: "acme")
        #expect(await sender.send(push(.webhook, token: "tok")) == .dead(VendorReply(code: "rejected")))
        #expect(await sender.send(push(.webhook, token: "other")) == .sent(vendorID: nil))
        #expect(server.requests.map(\.path) == ["/hook?a=1", "/hook?a=1"])
        let request = try #require(server.requests.first)
        let secret = try #require(settings.object?["secret"]?.string.flatMap { WebhookSecret($0) })
        let id = try #require(request.headers.first(name: "webhook-id"))
        let time = try #require(request.headers.first(name: "webhook-timestamp").flatMap { Int64($0) })
        #expect(
            request.headers.first(name: "webhook-signature")
                == secret.signature(id: id, timestampSeconds: time, body: request.body))
        #expect(await sender.check(push(.webhook)) == .sent(vendorID: nil))
        #expect(server.requests.last?.json?.object?["type"]?.string == "push.check")
        await sender.shutdown()
        await server.stop()
    }

    @Test func `a file of certificates that cannot be read is said`() {
        #expect(throws: GatewayError.self) {
            try LiveVendors(logger: Logger(label: "test"), caFile: "/does/not/exist.pem")
        }
    }
}
