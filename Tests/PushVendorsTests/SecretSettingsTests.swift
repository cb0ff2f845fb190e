import Logging
import PushCore
import Testing

@testable import PushVendors

/// Settings are write-only: what is secret never comes back, whatever the vendor.
@Suite struct SecretSettingsTests {
    /// Settings of every vendor with each secret marked. A vendor that can be configured and is not here fails the test.
    private static func settings(for vendor: Vendor) throws -> String? {
        switch vendor {
        case .apns:
            let key = ExampleKeys.apns.pemRepresentation.replacing("\n", with: "\\n")
            return #"{"keyId":"ABC1234567","teamId":"DEF7654321","topic":"com.example.chat","privateKey":"\#(key)"}"#
        case .fcm:
            let key = try ExampleKeys.fcm.get().pemRepresentation.replacing("\n", with: "\\n")
            return """
                {"serviceAccount":{"project_id":"p","client_email":"a@example.com","private_key_id":"secret-1",
                "private_key":"\(key)"}}
                """
        case .webpush: return #"{"subject":"mailto:a@example.com"}"#
        case .huawei:
            return
                #"{"projectId":"1","clientId":"2","clientSecret":"secret-1","callbackUser":"u","callbackKey":"secret-2"}"#
        case .honor: return #"{"appId":"1","clientId":"2","clientSecret":"secret-1"}"#
        case .xiaomi: return #"{"packageName":"com.example.chat","appSecret":"secret-1","region":"cn"}"#
        case .oppo: return #"{"appKey":"key-1","masterSecret":"secret-1"}"#
        case .vivo: return #"{"appId":"1","appKey":"key-1","appSecret":"secret-1"}"#
        case .meizu: return #"{"appId":"1","appSecret":"secret-1","receiptToken":"secret-2"}"#
        case .wns: return #"{"tenantId":"1","clientId":"2","clientSecret":"secret-1"}"#
        case .webhook:
            return #"{"url":"https://1.1.1.1/in","secret":"whsec_c2VjcmV0LTEtc2VjcmV0LTEtc2VjcmV0LTE="}"#
        }
    }

    /// Texts that must not be seen: those of the settings, and of the keys that were made.
    private static func secrets(in stored: RawJSON) -> [String] {
        let names: Set<String> = [
            "privateKey", "private_key", "private_key_id", "serviceAccount", "secret", "clientSecret", "appSecret",
            "masterSecret", "callbackKey", "receiptToken", "appKey",
        ]
        var found: [String] = []
        func walk(_ value: RawJSON) {
            for member in value.object?.members ?? [] {
                if names.contains(member.key), let text = member.value.string { found.append(text) }
                walk(member.value)
            }
        }
        walk(stored)
        return found
    }

    @Test(arguments: LiveVendors.supported)
    func `what is secret is in no public field, and in no refusal`(vendor: Vendor) throws {
        let vendors = try LiveVendors(logger: Logger(label: "test"))
        let sent = try json(try #require(try Self.settings(for: vendor)))
        let stored = try vendors.validate(sent, for: vendor)
        let secrets = Self.secrets(in: stored)
        #expect(vendor == .webpush || !secrets.isEmpty)
        let shown = vendors.publicFields(of: stored, for: vendor)
        // A refusal quotes nothing of what it refuses.
        let broken = try json(String(sent.text.dropLast()) + #","endpoint":"http://127.0.0.1"}"#)
        var refusal = ""
        do throws(GatewayError) { _ = try vendors.validate(broken, for: vendor) } catch { refusal = "\(error)" }
        #expect(!refusal.isEmpty)
        for secret in secrets {
            for piece in [secret, String(secret.prefix(40).suffix(12))] where piece.utf8.count >= 8 && piece != "key-1"
            {
                #expect(!shown.text.contains(piece), "\(vendor)")
                #expect(!refusal.contains(piece), "\(vendor)")
            }
        }
        #expect(shown.object?["privateKey"] == nil && shown.object?["serviceAccount"] == nil)
        // Stored, they are complete: what was stored reads again.
        #expect(try vendors.validate(stored, for: vendor) == stored)
    }
}
