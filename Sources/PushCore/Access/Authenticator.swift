import PushCredentials
import Synchronization

/// Tells who is behind a credential. The only place where a principal comes from.
public final class Authenticator: Sendable {
    let access: any AccessStore
    let devices: any DeviceStore
    private let deviceVerifier: DeviceCredentialVerifier
    private let tokens: AccessTokenKey
    private let instance: String
    let clock: WallClock
    /// Device credentials whose signature was checked once: a verification costs 50 µs, a look-up less than one.
    private let verified = VerifiedTokens<DeviceCredential>(countMax: 20_000)
    private let verifiedAccess = VerifiedTokens<AccessToken>(countMax: 10_000)

    public init(
        access: any AccessStore, devices: any DeviceStore, deviceVerifier: DeviceCredentialVerifier,
        tokens: AccessTokenKey, instance: String, clock: WallClock
    ) {
        self.access = access
        self.devices = devices
        self.deviceVerifier = deviceVerifier
        self.tokens = tokens
        self.instance = instance
        self.clock = clock
    }

    /// The principal of a bearer token: a device's credential or an app's access token.
    public func principal(bearer token: String) async throws -> Principal {
        // A known access token need not be taken for a device's credential first.
        if let claims = verifiedAccess.claims(of: token) { return .app(try app(try unexpired(claims))) }
        if let credential = try deviceCredential(token) {
            return .device(try await activeDevice(credential.device, account: credential.account))
        }
        return .app(try app(bearer: token))
    }

    /// The device of an uplink. The broker's plugin has bound the client id to the credential and the topic to the
    /// client id, so the topic says who it is; here only whether it is still active is asked.
    public func device(id: String) async throws -> DeviceIdentity { try await activeDevice(id, account: nil) }

    private func activeDevice(_ id: String, account: String?) async throws -> DeviceIdentity {
        switch try await devices.lookUp(deviceID: id) {
        case .active(let identity):
            guard identity.tenant.isEnabled, account == nil || account == identity.account.id else {
                throw GatewayError(.tokenRevoked, "The device was moved or its tenant is disabled.")
            }
            return identity
        case .ended, .unknown: throw GatewayError(.tokenRevoked, "The device was deregistered or moved.")
        }
    }

    /// nil when the token is not a device's at all.
    private func deviceCredential(_ token: String) throws(GatewayError) -> DeviceCredential? {
        let now = clock.now / 1000
        if let known = verified.claims(of: token) {
            guard known.expiresAt > now else {
                throw GatewayError(.tokenExpired, "The device's credential is past its exp.")
            }
            return known
        }
        do throws(CredentialFault) {
            let credential = try deviceVerifier.verify(token, now: now, audience: DeviceCredential.httpAudience)
            verified.insert(credential, for: token)
            return credential
        } catch {
            switch error {
            case .expired: throw GatewayError(.tokenExpired, "The device's credential is past its exp.")
            case .wrongAlgorithm: return nil
            default: throw Self.unauthenticated
            }
        }
    }

    private func app(bearer token: String) throws(GatewayError) -> AppIdentity { try app(try accessToken(token)) }

    private func app(_ claims: AccessToken) throws(GatewayError) -> AppIdentity {
        guard claims.kind == .app else { throw Self.unauthenticated }
        guard let app = access.app(id: claims.subject), let tenant = access.tenant(key: app.tenantKey) else {
            throw GatewayError(.tokenRevoked, "The app is gone.")
        }
        guard app.isEnabled, tenant.isEnabled, Int64(claims.generation) == app.secretGeneration else {
            throw GatewayError(.tokenRevoked, "The app was disabled or its secret rotated.")
        }
        return AppIdentity(app: app, tenant: tenant, scopes: Self.scopes(claims.scope, of: app))
    }

    /// Most tokens carry every scope: that text need not be taken apart for each request.
    private static func scopes(_ text: String, of app: App) -> Set<Scope> {
        if text == everyScopeText { return app.scopes }
        return Set(text.split(separator: " ").compactMap { Scope(rawValue: String($0)) }).intersection(app.scopes)
    }

    private static let everyScopeText = Scope.allCases.map(\.rawValue).sorted().joined(separator: " ")

    private func accessToken(_ token: String) throws(GatewayError) -> AccessToken {
        if let known = verifiedAccess.claims(of: token) { return try unexpired(known) }
        let now = clock.now / 1000
        do throws(CredentialFault) {
            let claims = try tokens.verify(token, now: now, audience: instance)
            verifiedAccess.insert(claims, for: token)
            return claims
        } catch {
            if error == .expired { throw GatewayError(.tokenExpired, "The access token is past its exp.") }
            throw Self.unauthenticated
        }
    }

    private func unexpired(_ claims: AccessToken) throws(GatewayError) -> AccessToken {
        guard claims.expiresAt > clock.now / 1000 else {
            throw GatewayError(.tokenExpired, "The access token is past its exp.")
        }
        return claims
    }

    /// Passes for the operator only: the admin token, or a short-lived token made with the master key.
    public func requireOperator(bearer token: String) async throws {
        if let hash = try await access.adminTokenHash(), SecretHash.matches(token, hash: hash) { return }
        guard try accessToken(token).kind == .operator else {
            throw GatewayError(.forbidden, "Only the operator may do this.")
        }
    }

    /// The operator may use app routes in the name of a tenant's first app, or of a named one.
    public func principal(operatorFor tenantNo: String, appID: String?) throws(GatewayError) -> Principal {
        guard let tenant = access.tenant(no: tenantNo) else {
            throw GatewayError(.notFound, "There is no tenant \(tenantNo).")
        }
        let apps = access.apps(of: tenant.key)
        guard let app = appID == nil ? apps.first : apps.first(where: { $0.appID == appID }) else {
            throw GatewayError(.notFound, "The tenant has no such app.")
        }
        return .app(AppIdentity(app: app, tenant: tenant, scopes: Set(Scope.allCases)))
    }

    /// OAuth 2.0 client credentials (RFC 6749, 4.4). nil: the client is not known, disabled or the secret is wrong,
    /// which are not told apart. `scope` nil asks for all the app has.
    public func accessToken(
        appID: String, secret: String, scope: String?, limits: Limits
    ) throws -> AppTokenAnswer {
        // An unknown app costs the same comparison as a known one.
        let app = access.app(id: appID)
        let isRight = SecretHash.matches(secret, hash: app?.secretHash ?? SecretHash.hash(""))
        guard isRight, let app, app.isEnabled, let tenant = access.tenant(key: app.tenantKey), tenant.isEnabled else {
            return .invalidClient
        }
        var scopes = app.scopes
        if let scope {
            let words = scope.split(separator: " ").map(String.init)
            let named = words.compactMap(Scope.init)
            guard named.count == words.count, !named.isEmpty, app.scopes.isSuperset(of: named) else {
                return .invalidScope
            }
            scopes = Set(named)
        }
        let now = clock.now / 1000
        let text = scopes.map(\.rawValue).sorted().joined(separator: " ")
        let token = AccessToken(
            kind: .app, subject: app.appID, tenant: tenant.tenantNo, scope: text,
            generation: Int(app.secretGeneration), audience: instance, issuedAt: now,
            expiresAt: now + limits.accessTokenSeconds)
        return .token(try tokens.sign(token), scope: text, expiresIn: limits.accessTokenSeconds)
    }

    public enum AppTokenAnswer: Sendable {
        case token(String, scope: String, expiresIn: Int64)
        case invalidClient
        case invalidScope
    }

    /// The app and the user behind the signature that a registration carries, or the open app that its body names.
    public func registrant(
        signature: String?, openAppID: String?
    ) throws(GatewayError) -> (app: App, tenant: Tenant, userID: String?, signedAt: Milliseconds?) {
        guard let signature else {
            guard let openAppID, let app = access.app(id: openAppID), app.registration == .open else {
                throw GatewayError(.unauthenticated, "A user signature is required.")
            }
            guard let tenant = enabledTenant(of: app) else {
                throw GatewayError(.unauthenticated, "The app or its tenant is disabled.")
            }
            return (app, tenant, nil, nil)
        }
        do throws(CredentialFault) {
            let app: App?
            let unverified = try UserSignature.Unverified(parsing: signature)
            switch unverified.claimedApp {
            case .appID(let id): app = access.app(id: id)
            case .sdkAppID(let id): app = access.app(sdkAppID: id)
            }
            guard let app, let tenant = enabledTenant(of: app) else { throw .unknownKey }
            let user = try unverified.verify(key: app.signingKey, now: clock.now / 1000)
            return (app, tenant, user.userID, user.issuedAt.map(Self.milliseconds))
        } catch {
            if error == .expired { throw GatewayError(.tokenExpired, "The user signature is past its exp.") }
            throw GatewayError(.unauthenticated, "The user signature is not valid.")
        }
    }

    /// The signer chose the number: it may be any.
    static func milliseconds(seconds: Int64) -> Milliseconds {
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1000)
        return overflow ? (seconds < 0 ? .min : .max) : product
    }

    private func enabledTenant(of app: App) -> Tenant? {
        guard app.isEnabled, let tenant = access.tenant(key: app.tenantKey), tenant.isEnabled else { return nil }
        return tenant
    }

    private static let unauthenticated = GatewayError(.unauthenticated, "The credential is not valid.")
}

/// A bounded memory of checked tokens, by their text. Signatures do not change, so an entry is good until its `exp`;
/// whether the device or app is still active is asked elsewhere, every time.
private final class VerifiedTokens<Claims: Sendable>: Sendable {
    private let entries = Mutex<[String: Claims]>([:])
    private let countMax: Int

    init(countMax: Int) { self.countMax = countMax }

    func claims(of token: String) -> Claims? { entries.withLock { $0[token] } }

    func insert(_ claims: Claims, for token: String) {
        entries.withLock { entries in
            // Full: begin anew. A rare burst of verifications is cheaper than an order of use for every request.
            if entries.count >= countMax { entries.removeAll(keepingCapacity: true) }
            entries[token] = claims
        }
    }
}
