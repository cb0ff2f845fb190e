import Foundation
import PushSimulators
import Testing

@Suite struct WNSSimulatorTests {
    typealias Client = SimulatorClient

    @Test func `a toast arrives over HTTP 1`() async throws {
        try await Client.run { client async throws in
            let channel = client.simulator.openChannel()
            let token = try await client.wnsToken()
            let reply = try await client.sendWNS(
                channel, token: token,
                headers: ["x-wns-tag": "abc123", "x-wns-requestforstatus": "true", "x-wns-ttl": "60"])
            #expect(reply.status == 200 && reply.version == .http1_1 && reply.body.isEmpty)
            #expect(reply.headers["x-wns-status"] == ["received"])
            #expect(reply.headers["x-wns-deviceconnectionstatus"] == ["connected"])
            let push = try #require(client.simulator.pushes().first)
            #expect(reply.headers["x-wns-msg-id"] == [push.vendorId])
            #expect(push.vendor == .wns && push.token == channel && push.messageId == "m1")
            #expect(push.title == "Hi" && push.body == "There & here" && push.isShown && push.replaceKey == nil)
            // Nobody has shown that a desktop replaces by tag: each toast rings.
            #expect(try await client.sendWNS(channel, token: token, headers: ["x-wns-tag": "abc123"]).status == 200)
            #expect(client.simulator.visible(token: channel).count == 2)
            #expect(client.simulator.alertsRung(token: channel, messageId: "m1") == 2)
        }
    }

    @Test func `raw, badge and tile are silent`() async throws {
        try await Client.run { client async throws in
            let channel = client.simulator.openChannel(plainHTTP: true)
            let token = try await client.wnsToken()
            let raw = try await client.sendWNS(
                channel, token: token,
                headers: ["x-wns-type": "wns/raw", "content-type": "application/octet-stream"],
                payload: #"{"messageId":"m2"}"#)
            let badge = try await client.sendWNS(
                channel, token: token, headers: ["x-wns-type": "wns/badge"], payload: #"<badge value="3"/>"#)
            let tile = try await client.sendWNS(
                channel, token: token, headers: ["x-wns-type": "wns/tile"], payload: "<tile><visual/></tile>")
            #expect([raw, badge, tile].map(\.status) == [200, 200, 200])
            #expect(client.simulator.pushes().map(\.form) == [.silent, .silent, .silent])
            #expect(client.simulator.pushes().first?.messageId == "m2")
        }
    }

    @Test func `logins`() async throws {
        try await Client.run { client async throws in
            let login = try await client.loginWNS()
            #expect(login.status == 200 && login.json["expires_in"] as? String == "86399")
            func refused(_ changed: [String: String?], tenant: String? = nil) async throws -> String? {
                let reply = try await client.loginWNS(changed, tenant: tenant)
                #expect(reply.status == (reply.json["error"] as? String == "invalid_client" ? 401 : 400))
                return reply.json["error"] as? String
            }
            #expect(try await refused(["grant_type": "password"]) == "unsupported_grant_type")
            #expect(try await refused(["client_id": "x"]) == "unauthorized_client")
            #expect(try await refused(["client_secret": "x"]) == "invalid_client")
            #expect(try await refused(["scope": "notify.windows.com"]) == "invalid_scope")
            #expect(try await refused(["scope": nil]) == "invalid_scope")
            #expect(try await refused([:], tenant: "other") == "invalid_request")
        }
    }

    @Test func `wrong requests are refused with the status for it`() async throws {
        try await Client.run { client async throws in
            let channel = client.simulator.openChannel()
            let token = try await client.wnsToken()
            #expect(try await client.sendWNS(channel, token: nil).status == 401)
            #expect(try await client.sendWNS(channel, token: "x").status == 401)
            let chunked = try await client.sendWNS(channel, token: token, chunked: true)
            #expect(
                chunked.status == 400 && chunked.headers["x-wns-error-description"].first?.contains("chunked") == true)
            let wrong: [([String: String?], String)] = [
                (["x-wns-type": nil], Client.toast), (["x-wns-type": "wns/other"], Client.toast),
                (["x-wns-type": "wns/badge"], Client.toast), (["x-wns-type": "wns/raw"], Client.toast),
                (["content-type": "application/json"], Client.toast), (["x-wns-cache-policy": "yes"], Client.toast),
                (["x-wns-ttl": "1h"], Client.toast), (["x-wns-tag": "a-b"], Client.toast),
                (["x-wns-tag": ""], Client.toast),
                (["x-wns-tag": String(repeating: "a", count: 17)], Client.toast),
                (["x-wns-group": "a b"], Client.toast),
                (["x-wns-requestforstatus": "1"], Client.toast), ([:], ""), ([:], "<toast>"), ([:], "<toast/>"),
                ([:], Client.toast.replacingOccurrences(of: "&amp;", with: "&")),
            ]
            for (headers, payload) in wrong {
                let reply = try await client.sendWNS(channel, token: token, headers: headers, payload: payload)
                #expect(reply.status == 400, "\(headers) \(payload)")
                #expect(reply.headers["x-wns-error-description"].count == 1)
            }
            let long = String(repeating: "a", count: 5000 - Client.toast.utf8.count)
            let full = Client.toast.replacingOccurrences(of: "Hi", with: "Hi" + long)
            #expect(try await client.sendWNS(channel, token: token, payload: full + " ").status == 413)
            #expect(client.simulator.pushes().isEmpty)
            #expect(try await client.sendWNS(channel, token: token, payload: full).status == 200)
            let got = try await client.request(.GET, channel)
            #expect(got.status == 405)
        }
    }

    @Test func `channels end, and belong to an app`() async throws {
        let clock = TestClock()
        try await Client.run {
            $0.clock = { clock.milliseconds }
        } _: { client async throws in
            let token = try await client.wnsToken()
            let channel = client.simulator.openChannel()
            let closed = client.simulator.openChannel()
            client.simulator.closeChannel(closed)
            #expect(try await client.sendWNS(closed, token: token).status == 410)
            #expect(try await client.sendWNS(client.simulator.openChannel(otherApp: true), token: token).status == 403)
            #expect(try await client.sendWNS(channel + "x", token: token).status == 404)
            #expect(try await client.sendWNS(channel, token: token).status == 200)
            clock.advance(seconds: 86_400)
            #expect(try await client.sendWNS(channel, token: token).status == 401)
            clock.advance(seconds: 30 * 86_400)
            #expect(try await client.sendWNS(channel, token: client.wnsToken()).status == 410)
        }
    }

    @Test func `every row of the table can be asked for`() async throws {
        try await Client.run { client async throws in
            let channel = client.simulator.openChannel()
            let token = try await client.wnsToken()
            for status in [400, 401, 403, 404, 405, 406, 410, 413, 500, 503] {
                try client.simulator.inject(.code(String(status)), into: .wns, requests: 1)
                #expect(try await client.sendWNS(channel, token: token).status == status)
            }
            for state in ["dropped", "channelthrottled"] {
                try client.simulator.inject(.code(state), into: .wns, requests: 1)
                let reply = try await client.sendWNS(channel, token: token)
                #expect(reply.status == 200 && reply.headers["x-wns-status"] == [state])
            }
            try client.simulator.inject(.tooManyRequests(retryAfter: .seconds(9)), into: .wns, requests: 1)
            let throttled = try await client.sendWNS(channel, token: token)
            #expect(throttled.status == 406 && throttled.headers["x-wns-continue-after"] == ["9"])
            try client.simulator.inject(.expiredAuthorization, into: .wns, requests: 1)
            #expect(try await client.sendWNS(channel, token: token).status == 401)
            try client.simulator.inject(.deadTokens([channel], code: nil, timestamp: nil), into: .wns, requests: 1)
            #expect(try await client.sendWNS(channel, token: token).status == 410)
            try client.simulator.inject(.deadTokens(nil, code: "404", timestamp: nil), into: .wns, requests: 1)
            #expect(try await client.sendWNS(channel, token: token).status == 404)
            try client.simulator.inject(.code("invalid_client"), into: .wns, on: .login, requests: 1)
            try client.simulator.inject(.tooManyRequests(retryAfter: .seconds(4)), into: .wns, on: .login, requests: 1)
            #expect(try await client.loginWNS().status == 401)
            let limited = try await client.loginWNS()
            #expect(limited.status == 429 && limited.headers["retry-after"] == ["4"])
            #expect(client.simulator.pushes().isEmpty)
        }
    }
}
