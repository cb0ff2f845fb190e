import Foundation
import Logging
import PushCore
import Synchronization
import Testing

@testable import PushStorage

/// A store on a real file in a folder of its own, with a clock that stands until it is moved.
final class TestStore: Sendable {
    let directory: URL
    let storage: Storage
    let tenant: Tenant
    let app: App
    let clock: TestClock
    let limits: Limits

    static let masterKey = [UInt8](repeating: 7, count: 32)

    var path: String { directory.appendingPathComponent("gateway.db").path }

    init(
        limits: Limits = Limits(), indexing: Indexer.Tuning = Indexer.Tuning(), clock: TestClock = TestClock()
    ) async throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("pushgate-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        self.limits = limits
        self.clock = clock
        storage = try Self.open(
            directory.appendingPathComponent("gateway.db").path, limits: limits, indexing: indexing, clock: clock)
        tenant = try await storage.createTenant(no: "acme", name: "Acme", at: clock.now)
        app = try await storage.createApp(
            NewApp(
                appID: "app_one", tenantKey: tenant.key, name: "Chat", scopes: Set(Scope.allCases),
                registration: .signed,
                sdkAppID: nil, secretHash: "hash", signingKey: "signing-key-in-clear"), at: clock.now)
    }

    deinit {
        storage.close()
        try? FileManager.default.removeItem(at: directory)
    }

    static func open(
        _ path: String, limits: Limits = Limits(), indexing: Indexer.Tuning = Indexer.Tuning(),
        clock: TestClock = TestClock(), masterKey: [UInt8] = masterKey
    ) throws -> Storage {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let read = clock
        return try Storage(
            path: path, masterKey: masterKey, ids: IDGenerator(), limits: limits, logger: logger,
            wallClock: WallClock { read.now }, indexing: indexing)
    }

    var appIdentity: AppIdentity { AppIdentity(app: app, tenant: tenant, scopes: app.scopes) }
    var appPrincipal: Principal { .app(appIdentity) }

    func draft(_ json: String) throws -> DeviceDraft {
        try DeviceDraft(parsing: RawJSON(parsing: Array(json.utf8)), limits: limits)
    }

    @discardableResult
    func register(
        _ user: String, code: String, _ json: String = "{}", app: App? = nil, isSigned: Bool = true,
        signedAt: Milliseconds? = nil
    ) async throws -> RegistrationOutcome {
        try await storage.register(
            Registration(
                tenant: tenant, app: (app ?? self.app).key, isSigned: isSigned, signedAt: signedAt ?? clock.now,
                userID: user, uniqueCode: code, draft: draft(json)), at: clock.now)
    }

    @discardableResult
    func account(_ user: String) async throws -> AccountRef {
        try await storage.ensureAccount(tenant: tenant.key, userID: user, at: clock.now).account
    }

    func message(_ json: String, as principal: Principal? = nil) throws -> Message {
        try Message(
            parsing: RawJSON(parsing: Array(json.utf8)), as: principal ?? appPrincipal, limits: limits,
            ids: IDGenerator(), now: clock.now)
    }

    /// Sends a text; `more` is further members of the body.
    @discardableResult
    func send(
        _ id: String, to: String? = nil, text: String = "hello", _ more: String = "", as principal: Principal? = nil
    ) async throws -> Acceptance {
        let address = to.map { #""to":"\#($0)","# } ?? ""
        let body = #"{"id":"\#(id)",\#(address)"type":0,"content":{"text":"\#(text)"}\#(more)}"#
        return try await storage.accept(message(body, as: principal), from: principal ?? appPrincipal)
    }

    func inbox(_ account: AccountRef, after seq: Int64 = 0, limit: Int = 500) async throws -> InboxPage {
        try await storage.inbox(of: account.key, after: seq, limit: limit)
    }

    /// The code of the refusal of `body`; nil when it was not refused.
    func refusal<Value>(_ body: () async throws -> Value) async -> GatewayError? {
        do {
            _ = try await body()
            return nil
        } catch {
            return error as? GatewayError
        }
    }
}

/// Calendar time under the test's control.
final class TestClock: Sendable {
    private let value = Mutex<Milliseconds>(1_700_000_000_000)

    var now: Milliseconds { value.withLock { $0 } }

    func advance(_ milliseconds: Milliseconds) { value.withLock { $0 += milliseconds } }
}
