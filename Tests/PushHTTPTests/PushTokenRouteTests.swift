import PushCore
import PushTestSupport
import Testing

@testable import PushHTTP

@Suite struct PushTokenRouteTests {
    private func add(_ fixture: Fixture, _ key: Int64, vendor: Vendor = .apns, tenant: Int64 = 1) {
        fixture.quarantine.add(
            QuarantinedToken(
                place: QuarantinePlace(since: 1000 + key, key: key), tenantKey: TenantKey(rawValue: tenant),
                deviceID: "dev_\(key)", userID: "ann",
                token: PushToken(vendor: vendor, token: "very-secret-token-\(key)", environment: .sandbox),
                reason: "BadDeviceToken", isDoubtful: true))
    }

    @Test func `the operator pages through dead tokens and sees none whole`() async throws {
        let fixture = try await Fixture()
        for key in 1...3 { add(fixture, Int64(key)) }
        add(fixture, 4, vendor: .fcm)
        try await fixture.withClient { call in
            let first = try await call(.get, "/v1/admin/push-tokens?limit=2&tenantNo=acme", bearer: fixture.adminToken)
            #expect(first.status == 200)
            let items = first.json?["items"]?.array ?? []
            #expect(items.compactMap { $0.object?["deviceId"]?.string } == ["dev_4", "dev_3"])
            let item = try #require(items.last?.object)
            #expect(
                item.members.map(\.key) == [
                    "tenantNo", "vendor", "deviceId", "userId", "token", "environment", "reason", "since", "doubtful",
                ])
            #expect(item["token"]?.string == "…en-3" && item["since"]?.integer == 1003)
            #expect(item["environment"]?.string == "sandbox" && item["doubtful"]?.bool == true)
            #expect(!first.text.contains("very-secret"))
            let cursor = try #require(first.string("nextCursor"))
            let next = try await call(
                .get, "/v1/admin/push-tokens?limit=2&cursor=\(cursor)", bearer: fixture.adminToken)
            let rest = next.json?["items"]?.array?.compactMap { $0.object?["deviceId"]?.string }
            #expect(rest == ["dev_2", "dev_1"])
            let fcm = try await call(.get, "/v1/admin/push-tokens?vendor=fcm", bearer: fixture.adminToken)
            #expect(fcm.json?["items"]?.array?.count == 1)
        }
    }

    @Test func `bad questions are refused`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { call in
            let path = "/v1/admin/push-tokens"
            #expect(try await call(.get, path).status == 401)
            #expect(try await call(.get, path, bearer: fixture.appToken).status == 403)
            #expect(try await call(.post, path + "/restore", "{}", bearer: fixture.appToken).status == 403)
            for (query, status) in [
                ("tenantNo=nobody", 404), ("vendor=nokia", 400), ("limit=0", 400), ("cursor=MQ", 400),
            ] {
                #expect(try await call(.get, "\(path)?\(query)", bearer: fixture.adminToken).status == status)
            }
            for (body, status) in [
                ("{}", 400), (#"{"tenantNo":"nobody"}"#, 404), (#"{"tenantNo":"acme","vendor":"nokia"}"#, 400),
                (#"{"tenantNo":"acme","since":-1}"#, 400), (#"{"tenantNo":"acme","deviceId":"dev_x"}"#, 404),
            ] {
                let reply = try await call(.post, path + "/restore", body, bearer: fixture.adminToken)
                #expect(reply.status == status, "\(body)")
            }
            #expect(fixture.quarantine.restorations.isEmpty)
        }
    }

    @Test func `a restoration names tenant, vendor, device and time`() async throws {
        let fixture = try await Fixture()
        try await fixture.withClient { call in
            let body = #"{"tenantNo":"acme","vendor":"apns","deviceId":"\#(fixture.deviceID)","since":5}"#
            let reply = try await call(.post, "/v1/admin/push-tokens/restore", body, bearer: fixture.adminToken)
            #expect(reply.status == 200 && reply.json?["restored"]?.integer == 7)
            let filter = try #require(fixture.quarantine.restorations.first)
            #expect(filter.vendor == .apns && filter.since == 5 && filter.device != nil && !filter.isDoubtfulOnly)
            #expect(filter.tenant == fixture.access.tenant(no: "acme")?.key)
            // Another tenant's device is none of this one's.
            _ = try await call(.post, "/v1/admin/tenants", #"{"tenantNo":"other"}"#, bearer: fixture.adminToken)
            let other = #"{"tenantNo":"other","deviceId":"\#(fixture.deviceID)"}"#
            let refused = try await call(.post, "/v1/admin/push-tokens/restore", other, bearer: fixture.adminToken)
            #expect(refused.status == 404)
        }
    }

    @Test func `an app reads what was used of its budget`() async throws {
        let fixture = try await Fixture()
        let tenant = try #require(fixture.access.tenant(no: "acme")?.key)
        let day = BudgetBook.day(of: .xiaomi, at: Fixture.now)
        fixture.usage.add(
            BudgetRow(tenant: tenant, app: nil, vendor: .xiaomi, day: day, messageClass: .marketing, used: 5))
        try await fixture.withClient { call in
            let path = "/v1/settings/push/xiaomi/usage"
            let reply = try await call(.get, path, bearer: fixture.appToken)
            #expect(reply.status == 200)
            #expect(
                reply.text
                    == #"{"vendor":"xiaomi","day":"2027-01-15","used":{"transactional":0,"marketing":5},"left":null,"budget":{}}"#
            )
            _ = try await call(
                .put, "/v1/settings/push/xiaomi", #"{"quota":{"perDay":10,"marketingPerDay":7}}"#,
                bearer: fixture.appToken)
            let bounded = try await call(.get, path, bearer: fixture.appToken)
            let left = bounded.json?["left"]?.object
            #expect(left?["transactional"]?.integer == 5 && left?["marketing"]?.integer == 2)
            #expect(bounded.json?["budget"]?.object?["perDay"]?.integer == 10)
            // Scope and tenant are asked for as for the settings themselves.
            #expect(try await call(.get, path, bearer: fixture.appToken(scope: "groups")).status == 403)
            #expect(try await call(.get, path, bearer: fixture.deviceToken).status == 403)
            #expect(try await call(.get, path + "?app=app_x", bearer: fixture.appToken).status == 404)
            #expect(try await call(.get, "/v1/settings/push/nokia/usage", bearer: fixture.appToken).status == 404)
        }
    }
}
