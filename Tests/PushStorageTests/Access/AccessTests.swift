import Foundation
import PushCore
import Testing

@testable import PushStorage

@Suite struct AccessTests {
    @Test func `numbers and ids that are taken are a conflict`() async throws {
        let store = try await TestStore()
        #expect(
            await store.refusal { try await store.storage.createTenant(no: "acme", name: "", at: 1) }?.code == .conflict
        )
        let same = NewApp(
            appID: "app_two", tenantKey: store.tenant.key, name: "", scopes: [.groups], registration: .open,
            sdkAppID: store.app.sdkAppID, secretHash: "h", signingKey: "k")
        #expect(await store.refusal { try await store.storage.createApp(same, at: 1) }?.code == .conflict)
        #expect(store.storage.app(sdkAppID: store.app.sdkAppID)?.appID == "app_one")
    }

    @Test func `a change is seen at once and after a restart`() async throws {
        let store = try await TestStore()
        var change = AppChange()
        change.isEnabled = false
        change.secretHash = "second"
        change.tencentAdmins = ["boss", "o\"x"]
        change.scopes = [.groups]
        let changed = try await store.storage.updateApp(store.app.key, change)
        #expect(changed.secretGeneration == store.app.secretGeneration + 1 && changed.name == "Chat")
        _ = try await store.storage.updateTenant(store.tenant.key, name: nil, isEnabled: false)
        _ = try await store.storage.setTenantSettings(store.tenant.key) { settings in
            settings.readReceipts = false
            settings.retentionSeconds = 60
            settings.limits.appRequestsPerSecond = 7
        }
        try await store.storage.setAdminTokenHash("admin-hash")
        try await store.storage.audit(actor: "operator", action: "disable", subject: "acme", at: 1)
        store.storage.close()
        let storage = try TestStore.open(store.path)
        defer { storage.close() }
        for app in [changed, try #require(storage.app(id: "app_one"))] {
            #expect(!app.isEnabled && app.secretHash == "second" && app.scopes == [.groups])
            #expect(app.tencentAdmins == ["boss", "o\"x"] && app.signingKey == "signing-key-in-clear")
        }
        #expect(storage.tenant(no: "acme")?.isEnabled == false)
        let kept = try #require(storage.tenant(no: "acme")?.settings)
        #expect(!kept.readReceipts && kept.retentionSeconds == 60 && kept.limits.appRequestsPerSecond == 7)
        #expect(kept.retentionBytes == nil && kept.limits.deviceBurst == 200)
        #expect(try await storage.adminTokenHash() == "admin-hash")
    }

    @Test func `notification texts are seen at once and after a restart`() async throws {
        let store = try await TestStore()
        func languages(_ text: String) throws -> NotificationTemplates.Languages {
            try NotificationTemplates.Languages(checking: RawJSON(parsing: Array(text.utf8)))
        }
        let (first, second) = (#"{"en":{"body":"one"}}"#, #"{"zh":{"body":"{{text}}"}}"#)
        let key = store.tenant.key
        for text in [first, second] {
            _ = try await store.storage.setTemplates(try languages(text), for: .text, of: key, at: 1)
            #expect(store.storage.tenant(key: key)?.templates.sent(for: .text)?.text == text)
        }
        _ = try await store.storage.setTemplates(try languages(first), for: .call, of: key, at: 1)
        _ = try await store.storage.setTemplates(try languages(first), for: .image, of: key, at: 1)
        _ = try await store.storage.setTemplates(nil, for: .image, of: key, at: 1)
        let other = try await store.storage.createTenant(no: "other", name: "Other", at: 1)
        // Another change of the tenant keeps them.
        let renamed = try await store.storage.updateTenant(key, name: "New", isEnabled: nil)
        _ = try await store.storage.setTenantSettings(key) { settings in
            settings.pushPreviews = .hidden
            settings.language = "zh"
        }
        #expect(renamed.templates.sent(for: .text)?.text == second)
        store.storage.close()
        let storage = try TestStore.open(store.path)
        defer { storage.close() }
        let kept = try #require(storage.tenant(key: key))
        #expect(kept.templates.sent(for: .text)?.text == second && kept.templates.sent(for: .call)?.text == first)
        #expect(kept.templates.sent(for: .image) == nil)
        #expect(kept.settings.pushPreviews == .hidden && kept.settings.language == "zh")
        #expect(storage.tenant(key: other.key)?.templates.sent(for: .text) == nil)
    }

    @Test func `secrets are not in the file in clear`() async throws {
        let store = try await TestStore()
        let settings = try RawJSON(parsing: Array(#"{"privateKey":"vendor-secret-in-clear"}"#.utf8))
        try await store.storage.setVendorSettings(settings, tenant: store.tenant.key, app: nil, vendor: .apns, at: 1)
        let read = try await store.storage.vendorSettings(tenant: store.tenant.key, app: nil, vendor: .apns)
        #expect(read?.settings.text == settings.text)
        store.storage.close()
        for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: store.path + suffix) {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: store.path + suffix))
            for secret in ["vendor-secret-in-clear", "signing-key-in-clear"] {
                #expect(bytes.range(of: Data(secret.utf8)) == nil)
            }
            if suffix.isEmpty { #expect(bytes.range(of: Data("app_one".utf8)) != nil) }
        }
    }
}
