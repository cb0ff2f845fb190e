import PushCredentials

/// Why a UserSig is not accepted, in Tencent's code.
public struct UserSigRefusal: Error, Sendable, Equatable {
    public let code: Int
    public let info: String

    init(_ fault: UserSig.Fault) {
        code = fault.rawValue
        info =
            switch fault {
            case .expired: "The UserSig is past its life."
            case .empty: "The UserSig is empty."
            case .malformed: "The UserSig cannot be decoded."
            case .badSignature: "The UserSig was made with another key, or changed."
            case .wrongIdentifier: "The UserSig is for another identifier."
            case .wrongApp: "The UserSig is for another SDKAppID."
            }
    }

    init(code: Int, _ info: String) {
        self.code = code
        self.info = info
    }

    /// Whoever made it has the app's key, but its time is over.
    public var isOfGoodSignature: Bool { code == UserSig.Fault.expired.rawValue }

    static let voided = UserSigRefusal(code: 70001, "The UserSig was issued before its user was kicked.")
    static let unknownApp = UserSigRefusal(code: 70020, "This SDKAppID is not known.")
    static let disabledApp = UserSigRefusal(code: 60016, "This SDKAppID is disabled.")
}

extension App {
    /// The administrator that every app has.
    public static let administrator = "administrator"
}

extension Authenticator {
    /// The app that a caller with a UserSig speaks for, whoever in it the caller is. Throws ``UserSigRefusal``.
    public func app(sdkAppID: Int64, identifier: String, userSig: String) async throws -> AppIdentity {
        guard let app = access.app(sdkAppID: sdkAppID), let tenant = access.tenant(key: app.tenantKey) else {
            throw UserSigRefusal.unknownApp
        }
        guard app.isEnabled, tenant.isEnabled else { throw UserSigRefusal.disabledApp }
        let document: UserSig.Document
        do throws(UserSig.Fault) {
            document = try UserSig.verify(
                userSig, sdkAppID: sdkAppID, identifier: identifier, key: app.signingKey, now: clock.now / 1000)
        } catch {
            throw UserSigRefusal(error)
        }
        // As at registration: whole seconds, and one of the second of the kick may be older than it.
        if let notBefore = try await devices.signaturesNotBefore(tenant: tenant.key, userID: identifier),
            Self.milliseconds(seconds: document.issuedAt) < notBefore
        {
            throw UserSigRefusal.voided
        }
        return AppIdentity(app: app, tenant: tenant, scopes: app.scopes)
    }
}
