import Foundation
import PushGateClient
import PushSimulators
import Testing

extension GatewayStories {
    /// `pushgate doctor` beside a gateway that runs, and one that does not.
    @Suite struct DoctorStories {
        @Test func `a gateway that never ran is in order`() async throws {
            let gateway = try GatewayProcess()
            let found = try await DoctorRun(gateway)
            #expect(found.ending == .exited(0), "\(found.output)")
            for name in ["gateway", "store", "broker", "plugin", "port http", "port mqtt", "clock", "rights"] {
                #expect(found.state(name) == "ok", "\(name): \(found.output)")
            }
            #expect(found.state("credentials") == "skipped")
            // It looks and changes nothing.
            #expect(!FileManager.default.fileExists(atPath: gateway.dataDirectory))
            await gateway.end()
        }

        @Test func `a running gateway checks its credentials, and a refused one is named`() async throws {
            try await withVendors { story, simulator in
                let good = try await DoctorRun(story.gateway)
                #expect(good.ending == .exited(0), "\(good.output)")
                for name in [
                    "gateway", "store", "schema", "broker", "port http", "port mqtt", "rights", "credential acme apns",
                    "credential acme fcm", "credential acme webhook",
                ] { #expect(good.state(name) == "ok", "\(name): \(good.output)") }
                #expect(simulator.pushes { $0.isShown }.isEmpty)

                try simulator.inject(.code("InvalidProviderToken"), into: .apns)
                let bad = try await DoctorRun(story.gateway)
                #expect(bad.ending == .exited(1))
                let check = bad.checks["credential acme apns"]
                #expect(check?["state"]?.string == "wrong", "\(bad.output)")
                #expect(check?["text"]?.string?.contains("InvalidProviderToken") == true)
                #expect(check?["remedy"]?.string?.contains("keyId") == true)
                #expect(bad.state("credential acme fcm") == "ok")
                simulator.clearFaults(.apns)
            }
        }

        @Test func `a stopped gateway's files are looked at`() async throws {
            let gateway = try GatewayProcess()
            try await gateway.start()
            #expect(try await gateway.terminate() == .exited(0))
            let good = try await DoctorRun(gateway)
            #expect(good.ending == .exited(0), "\(good.output)")
            #expect(good.state("schema") == "ok" && good.state("rights") == "ok")

            let key = gateway.dataDirectory + "/private/master.key"
            chmod(key, 0o644)
            let open = try await DoctorRun(gateway)
            #expect(open.ending == .exited(1))
            #expect(open.checks["rights"]?["remedy"]?.string == "chmod 600 \(key)", "\(open.output)")
            chmod(key, 0o600)

            let database = gateway.dataDirectory + "/private/pushgate.db"
            try Data(String(repeating: "damaged ", count: 4096).utf8).write(to: URL(fileURLWithPath: database))
            chmod(database, 0o600)
            let damaged = try await DoctorRun(gateway)
            #expect(damaged.ending == .exited(1) && damaged.state("store") == "wrong", "\(damaged.output)")
            await gateway.end()
        }
    }

    /// Credentials that are tried, and what vendors report.
    @Suite struct CredentialTestStories {
        @Test func `a test sends to one token, a dry run to nobody`() async throws {
            try await withVendors { story, simulator in
                func test(_ vendor: SimulatedVendor, _ body: JSONValue, app: String? = nil) async throws -> JSONValue {
                    try await story.app.call(
                        .post, ["v1", "settings", "push", vendor.rawValue, "test"], query: ["app": app], body: body
                    ).json()
                }
                let dry = try await test(.fcm, ["token": "dry-token", "title": "T", "body": "B", "dryRun": true])
                #expect(dry["outcome"]?.string == "sent", "\(dry)")
                #expect(simulator.pushes { $0.token == "dry-token" && $0.isShown }.isEmpty)
                let sent = try await test(.fcm, ["token": "wet-token", "title": "Test", "body": "It works"])
                #expect(sent["outcome"]?.string == "sent" && sent["vendorId"]?.string?.isEmpty == false, "\(sent)")
                let push = try await simulator.waitForPush(within: .seconds(5)) { $0.token == "wet-token" }
                #expect(push.title == "Test" && push.body == "It works")
                // The app has none of its own.
                let missing = try await refusal {
                    try await test(.fcm, ["token": "t", "title": "T", "body": "B"], app: story.appInfo.id)
                }
                #expect(missing.code == "not_found")
                let settings = try await story.app.push(vendor: "fcm")
                #expect(settings["state"]?.string == "running", "\(settings)")
                #expect(!story.gateway.log.contains("wet-token"))
            }
        }

        @Test func `vendors report to the address that the settings tell`() async throws {
            try await withStory { story in
                let url = try #require(try await story.app.push(vendor: "huawei")["receiptUrl"]?.string)
                #expect(url.hasPrefix("/v1/receipts/huawei/acme/"))
                let body = #"{"statuses":[{"token":"t","biTag":"never-sent","status":0}]}"#
                let reply = try await story.raw("POST", url, body: body)
                #expect(reply.status == 200 && reply.json["code"]?.string == "0")
                #expect(try await story.raw("POST", url + "x", body: body).status == 404)
                #expect(try await story.raw("POST", url, body: "{").status == 400)
            }
        }
    }
}
