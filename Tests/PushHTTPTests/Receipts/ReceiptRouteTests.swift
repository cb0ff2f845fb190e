import PushCore
import Testing

@Suite struct ReceiptRouteTests {
    private func path(_ fixture: Fixture, _ vendor: Vendor, tenant: String = "acme") -> String {
        fixture.receiptAddress.path(vendor, tenantNo: tenant)
    }

    @Test(arguments: [Vendor.huawei, .honor, .xiaomi, .oppo, .vivo, .meizu])
    func `a vendor's report is taken at its secret address, whatever its type`(vendor: Vendor) async throws {
        let fixture = try await Fixture(anonymousPerSecond: 1)
        let path = path(fixture, vendor)
        try await fixture.withClient { call in
            // As often as the vendor has something to say.
            for type in ["application/json", "application/x-www-form-urlencoded", "text/plain", nil] {
                let reply = try await call(.post, path, "token-1", type: type)
                #expect(reply.status == 200 && reply.string("code") == vendor.rawValue)
            }
        }
        #expect(fixture.receiptStore.receipts.map(\.token) == Array(repeating: "token-1", count: 4))
    }

    @Test func `another secret, tenant or vendor is not found, and guesses are limited`() async throws {
        let fixture = try await Fixture()
        let good = path(fixture, .huawei)
        let secret = fixture.receiptAddress.secret(.huawei, tenantNo: "acme")
        let paths = [
            String(good.dropLast()), good + "x", "/v1/receipts/honor/acme/\(secret)",
            "/v1/receipts/huawei/other/\(secret)", path(fixture, .huawei, tenant: "other"), path(fixture, .fcm),
            "/v1/receipts/nobody/acme/\(secret)",
        ]
        try await fixture.withClient { call in
            for path in paths {
                let reply1 = try await call(.post, path, "t")
                #expect(reply1.status == 404, "\(path)")
            }
        }
        #expect(fixture.receiptStore.receipts.isEmpty)
        let limited = try await Fixture(anonymousPerSecond: 2)
        try await limited.withClient(.live) { call in
            var statuses = Set<Int>()
            for _ in 0..<20 { statuses.insert(try await call(.post, "/v1/receipts/huawei/acme/guess", "t").status) }
            #expect(statuses == [404, 429])
        }
    }

    @Test func `a report that is not readable, too large or not signed is refused`() async throws {
        let fixture = try await Fixture()
        let path = path(fixture, .huawei)
        try await fixture.withClient { call in
            let reply2 = try await call(.post, path, "bad")
            #expect(reply2.status == 400)
            let reply3 = try await call(.post, path, String(repeating: "x", count: 1_048_577))
            #expect(reply3.status == 413)
            fixture.receiptStore.set([.emptyObject])
            let reply4 = try await call(.post, path, "t")
            #expect(reply4.status == 401)
            let reply5 = try await call(.post, path, "t", fields: ["X-HUAWEI-CALLBACK-ID": "signed"])
            #expect(reply5.status == 200)
        }
        #expect(fixture.receiptStore.receipts.count == 1)
    }

    @Test func `settings tell where the vendor reports to`() async throws {
        let fixture = try await Fixture()
        let (path, token) = (path(fixture, .xiaomi), fixture.appToken)
        try await fixture.withClient { call in
            let settings = "/v1/settings/push/xiaomi"
            let reply6 = try await call(.get, settings, bearer: token)
            #expect(reply6.string("receiptUrl") == path)
            let reply7 = try await call(.put, settings, #"{"topic":"t"}"#, bearer: token)
            #expect(reply7.string("receiptUrl") == path)
            let reply8 = try await call(.get, "/v1/settings/push/fcm", bearer: token)
            #expect(reply8.string("receiptUrl") == nil)
        }
        #expect(
            ReceiptAddress(key: [1], publicURL: "https://push.example.com/").url(.vivo, tenantNo: "acme")?
                .hasPrefix("https://push.example.com/v1/receipts/vivo/acme/") == true)
    }
}

@Suite struct CredentialCheckRouteTests {
    private static let test = #"{"token":"t","title":"a","body":"b"}"#

    @Test func `a test is for apps, of what is configured, and says what is missing`() async throws {
        let fixture = try await Fixture()
        let (token, device) = (fixture.appToken, fixture.deviceToken)
        try await fixture.withClient { call in
            let path = "/v1/settings/push/fcm/test"
            let reply9 = try await call(.post, path, Self.test, bearer: device)
            #expect(reply9.status == 403)
            let reply10 = try await call(.post, path, Self.test, bearer: token)
            #expect(reply10.code == "not_found")
            let reply11 = try await call(.post, "/v1/settings/push/none/test", Self.test, bearer: token)
            #expect(reply11.status == 404)
            _ = try await call(.put, "/v1/settings/push/fcm", #"{"topic":"t"}"#, bearer: token)
            let reply12 = try await call(.post, "\(path)?app=app_other", Self.test, bearer: token)
            #expect(reply12.status == 404)
            for body in [
                "{}", #"{"token":"","title":"a","body":"b"}"#, #"{"token":"t","title":"a","body":"b","kind":"x"}"#,
            ] {
                let reply13 = try await call(.post, path, body, bearer: token)
                #expect(reply13.code == "invalid_request")
            }
            // Settings that no sender can be made of.
            let reply = try await call(.post, path, Self.test, bearer: token)
            #expect(reply.status == 200 && reply.string("outcome") == "auth")
            #expect(reply.string("vendorCode") == "settings_not_usable")
        }
    }

    @Test func `all credentials are checked for the operator alone`() async throws {
        let fixture = try await Fixture()
        let (token, admin) = (fixture.appToken, fixture.adminToken)
        try await fixture.withClient { call in
            let path = "/v1/admin/push/check"
            let reply14 = try await call(.post, path, bearer: token)
            #expect(reply14.status != 200)
            let reply15 = try await call(.post, path)
            #expect(reply15.status == 401)
            let reply16 = try await call(.post, path, bearer: admin)
            #expect(reply16.json?["items"]?.array?.isEmpty == true)
            _ = try await call(.put, "/v1/settings/push/fcm", #"{"topic":"t"}"#, bearer: token)
            let items = try await call(.post, path, bearer: admin).json?["items"]?.array
            let item = items?.first?.object
            #expect(items?.count == 1 && item?["tenantNo"]?.string == "acme" && item?["vendor"]?.string == "fcm")
            #expect(item?["outcome"]?.string == "auth" && item?["code"]?.string == "settings_not_usable")
            #expect(item?["remedy"]?.string?.isEmpty == false)
        }
    }
}
