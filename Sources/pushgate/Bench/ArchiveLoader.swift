import Foundation
import Logging
import PushCore
import PushGateClient
import PushStorage

/// Fills the database of a gateway that does not run, through the store's own operations and as durably as the gateway
/// does it, but many at once: what a measurement begins with, and no part of it.
struct ArchiveLoader {
    private let storage: Storage
    private let identity: AppIdentity
    private let limits = Limits()
    private let ids = IDGenerator()
    private let progress: @Sendable (String) -> Void

    private static let tasks = 16
    private static let pageMessages = 100
    /// The index of the inboxes is built when nothing else happened for three seconds.
    private static let quiet: Duration = .seconds(5)

    /// Stops the stage's gateway, lets `body` load, and starts it again.
    /// - Returns: how long the start took.
    @discardableResult
    static func load(into stage: BenchStage, _ body: (ArchiveLoader) async throws -> Void) async throws -> Duration {
        try await stage.gateway.restart {
            let directory = stage.gateway.directory
            let storage = try Storage(
                path: directory.databasePath, masterKey: directory.masterKey(create: false).storage,
                logger: Logger(label: "pushgate.bench") { _ in SwiftLogNoOpLogHandler() })
            defer { storage.close() }
            guard let app = storage.app(id: stage.app.id), let tenant = storage.tenant(key: app.tenantKey) else {
                throw BenchGateway.Fault(description: "the app of the measurement is not in the database")
            }
            let identity = AppIdentity(app: app, tenant: tenant, scopes: app.scopes)
            try await body(ArchiveLoader(storage: storage, identity: identity, progress: stage.progress))
        }
    }

    private init(storage: Storage, identity: AppIdentity, progress: @escaping @Sendable (String) -> Void) {
        self.storage = storage
        self.identity = identity
        self.progress = progress
    }

    /// Users 0, 1 … with a device each.
    /// - Parameter token: its FCM token, of the user with that number.
    func devices(_ count: Int, token: (@Sendable (Int) -> String)? = nil) async throws {
        try await inParts(count, "devices") { number in
            var body: JSONValue = [
                "uniqueCode": .string(BenchDevices.uniqueCode(number)), "userId": .string(BenchDevices.user(number)),
                "osType": 2,
            ]
            if let token, case .object(let members) = body {
                let tokens: JSONValue = [["vendor": "fcm", "token": .string(token(number))]]
                body = .object(members + [.init("pushTokens", tokens)])
            }
            _ = try await storage.register(
                Registration(
                    tenant: identity.tenant, app: identity.app.key, isSigned: true, signedAt: nil,
                    userID: BenchDevices.user(number), uniqueCode: BenchDevices.uniqueCode(number),
                    draft: DeviceDraft(parsing: RawJSON(parsing: body.bytes), limits: limits)),
                at: WallClock.system.now)
        }
    }

    /// Users 0, 1 … with an account each.
    func accounts(_ count: Int) async throws {
        for first in stride(from: 0, to: count, by: limits.usersPerCallMax) {
            let users = (first..<min(count, first + limits.usersPerCallMax)).map(BenchDevices.user)
            _ = try await storage.ensureAccounts(tenant: identity.tenant.key, userIDs: users, at: WallClock.system.now)
        }
    }

    /// Messages with these numbers from the app, each to one of the first `accounts` users in turn.
    func messages(_ numbers: Range<Int>, prefix: String, accounts: Int, textBytes: Int) async throws {
        let text = String(repeating: "x", count: textBytes)
        let pages = (numbers.count + Self.pageMessages - 1) / Self.pageMessages
        try await inParts(pages, "pages of \(Self.pageMessages) messages") { page in
            let first = numbers.lowerBound + page * Self.pageMessages
            let messages = try (first..<min(first + Self.pageMessages, numbers.upperBound)).map { number in
                let body =
                    #"{"id":"\#(prefix)\#(number)","to":"user:\#(BenchDevices.user(number % accounts))","type":0,"#
                    + #""content":{"text":"\#(text)"}}"#
                return try Message(
                    parsing: RawJSON(parsing: Array(body.utf8)), as: .app(identity), limits: limits, ids: ids,
                    now: WallClock.system.now)
            }
            for outcome in try await storage.accept(messages, from: .app(identity)) { _ = try outcome.get() }
        }
    }

    /// Until the index of the inboxes is built.
    func settle() async throws {
        var (last, since) = (-1, ContinuousClock.now)
        while ContinuousClock.now - since < Self.quiet {
            let transactions = try await storage.statistics().writer.transactions
            if transactions != last { (last, since) = (transactions, .now) }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// Everything there is counts as delivered.
    func markDelivered() async throws {
        let head = try await storage.statistics().entries
        try await storage.advance(DeliveryMarks(dispatched: head, decided: head), at: WallClock.system.now)
    }

    private func inParts(
        _ count: Int, _ what: String, _ body: @escaping @Sendable (Int) async throws -> Void
    ) async throws {
        progress("loading \(count) \(what)")
        let began = ContinuousClock.now
        // Each task takes every n-th, so that the log's order is nearly the numbers' order.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<min(Self.tasks * 8, count) {
                group.addTask {
                    for number in stride(from: task, to: count, by: Self.tasks * 8) { try await body(number) }
                }
            }
            try await group.waitForAll()
        }
        progress("loaded in \((ContinuousClock.now - began).formatted(.units(allowed: [.seconds, .milliseconds])))")
    }
}
