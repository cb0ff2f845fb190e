import Foundation
import PushCredentials

/// What a tenant's own server does when one of its users starts the app.
enum Signatures {
    private static var now: Int64 { Int64(Date().timeIntervalSince1970) }

    static func jwt(app: String, key: String, user: String, secondsLeft: Int64 = 600) throws -> String {
        try UserSignature.makeJWT(
            appID: app, userID: user, key: key, issuedAt: now - 1000, expiresAt: now + secondsLeft)
    }

    static func userSig(sdkAppID: Int64, key: String, user: String) throws -> String {
        try UserSignature.makeUserSig(sdkAppID: sdkAppID, userID: user, key: key, issuedAt: now, lifetime: 600)
    }

    /// A credential as the gateway makes it, signed by somebody else.
    static func foreignCredential(account: String, device: String, tenant: String) throws -> String {
        try DeviceCredentialSigner().sign(
            DeviceCredential(account: account, device: device, tenant: tenant, issuedAt: now, expiresAt: now + 600))
    }

    /// A real credential with its header changed and its signature left out or kept.
    static func withHeader(_ header: String, credential: String, signature: String? = nil) -> String {
        let parts = credential.split(separator: ".", omittingEmptySubsequences: false)
        let encoded = Data(header.utf8).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        return "\(encoded).\(parts[1]).\(signature ?? String(parts[2]))"
    }

    /// The gateway's own key in the data directory signs a credential that ended a minute ago.
    static func expiredCredential(
        dataDirectory: String, account: String, device: String, tenant: String
    ) throws -> String {
        let pem = try String(contentsOfFile: "\(dataDirectory)/private/device-key.pem", encoding: .utf8)
        return try DeviceCredentialSigner(pem: pem).sign(
            DeviceCredential(account: account, device: device, tenant: tenant, issuedAt: now - 120, expiresAt: now - 60)
        )
    }
}
