import ArgumentParser
import Crypto
import Foundation
import PushCredentials
import PushGateClient
import Synchronization
import UnixSignals

/// `pushgate device simulate`
struct DeviceSimulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Register a device, connect it, print and acknowledge what it receives.",
        discussion: """
            It begins with the first message of its account and runs until SIGTERM or Ctrl-C. It stays registered: what \
            is sent afterwards is pushed.

            pushgate device simulate --app-id app_… --signing-key KEY --user ann
            pushgate device simulate --app-id app_… --signing-key KEY --user bob --vendor fcm --token abc --ack never
            pushgate device simulate --app-id app_… --signing-key KEY --user load --count 500 --quiet
            """)

    enum OS: String, CaseIterable, ExpressibleByArgument {
        case ios, android, web, windows, unknown

        var type: DeviceRegistration.OSType {
            switch self {
            case .ios: .iOS
            case .android: .android
            case .web: .web
            case .windows: .windows
            case .unknown: .unknown
            }
        }
    }

    enum Acknowledging: String, CaseIterable, ExpressibleByArgument { case auto, never }

    @Option(help: "Where the gateway's HTTP API is (PUSHGATE_URL). (default: http://127.0.0.1:8080)")
    var url: String?
    @Option(help: "The user. With --count: USER-1, USER-2 …")
    var user: String
    @Option(help: "What names this installation, and stays the same. (default: simulated-USER)")
    var code: String?
    @Option(help: "The app that it registers with (PUSHGATE_APP_ID).")
    var appId: String?
    @Option(help: "The app's signing key, to sign as the tenant's server would (PUSHGATE_SIGNING_KEY).")
    var signingKey: String?
    @Option(help: "A signature for the user that somebody else made, instead of --signing-key.")
    var signature: String?
    @Option(help: "The push service that reaches it: apns, fcm, webhook …  (default: none)")
    var vendor: String?
    @Option(help: "Its push token. (default: one made from the code)")
    var token: String?
    @Option(help: "\(OS.allCases.map(\.rawValue).joined(separator: ", ")). (default: ios with apns, else android)")
    var os: OS?
    @Option(help: "So many devices, each of a user of its own.")
    var count = 1
    @Option(help: "auto: acknowledge what was printed. never: let the deadline pass, so that it is pushed.")
    var ack = Acknowledging.auto
    @Option(name: .customLong("protocol"), help: "MQTT 3 (3.1.1) or 5.")
    var protocolVersion = 5
    @Option(help: "PEM file with the certificates to trust on MQTT over TLS. (default: the system's)")
    var caFile: String?
    @Flag(help: "Only what comes from now on, not what the account has already.")
    var onlyNew = false
    @Flag(help: "Print no messages, only how many there were.")
    var quiet = false
    @Flag(help: "Deregister at the end.")
    var deregisterAtEnd = false
    @Flag(help: "Print JSON, an object a line.")
    var json = false

    func validate() throws {
        guard count >= 1, count <= 60_000 else { throw ValidationError("count: expected 1 to 60000, got \(count).") }
        guard [3, 5].contains(protocolVersion) else {
            throw ValidationError("protocol: expected 3 or 5, got \(protocolVersion).")
        }
        guard token == nil || vendor != nil else { throw ValidationError("token: --vendor says whose it is.") }
        guard signature == nil || count == 1 else {
            throw ValidationError("signature is one user's: with --count give --signing-key.")
        }
        guard signature == nil || signingKey == nil else {
            throw ValidationError("Give either --signature or --signing-key.")
        }
    }

    func run() async throws {
        try await reportingFaults {
            let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
            let environment = ProcessInfo.processInfo.environment
            let api = GatewayAPI(
                url ?? environment["PUSHGATE_URL"] ?? "http://127.0.0.1:8080", client: CommandLineClient.shared)
            let app = try registeringApp(environment)
            let report = DeviceReport(isJSON: json, isQuiet: quiet)
            let loop = try ClientLoop()
            let devices = try await Stopping.first(of: signals) { try await start(api, app, loop: loop, report) }
            guard let devices else { return await loop.shutdown(drain: .zero) }
            for await _ in signals { break }
            await stop(devices, api)
            await loop.shutdown()
            report.summary()
        }
    }

    private struct RegisteringApp: Sendable {
        var id: String?
        var signingKey: String?
    }

    private func registeringApp(_ environment: [String: String]) throws -> RegisteringApp {
        let app = RegisteringApp(
            id: appId ?? environment["PUSHGATE_APP_ID"],
            signingKey: signature == nil ? signingKey ?? environment["PUSHGATE_SIGNING_KEY"] : nil)
        guard signature != nil || app.id != nil else {
            throw ValidationError("Give --app-id and --signing-key, or --signature.")
        }
        return app
    }

    // MARK: Devices

    /// At most so many register at the same time.
    private static let registeringMax = 16

    private func start(
        _ api: GatewayAPI, _ app: RegisteringApp, loop: ClientLoop, _ report: DeviceReport
    ) async throws -> [DeviceClient] {
        try await withThrowingTaskGroup(of: DeviceClient.self) { group in
            var next = 1
            var devices: [DeviceClient] = []
            while next <= min(count, Self.registeringMax) {
                let number = next
                group.addTask { try await startOne(number, api, app, loop: loop, report) }
                next += 1
            }
            while let device = try await group.next() {
                devices.append(device)
                guard next <= count else { continue }
                let number = next
                group.addTask { try await startOne(number, api, app, loop: loop, report) }
                next += 1
            }
            return devices
        }
    }

    private func startOne(
        _ number: Int, _ api: GatewayAPI, _ app: RegisteringApp, loop: ClientLoop, _ report: DeviceReport
    ) async throws -> DeviceClient {
        let suffix = count == 1 ? "" : "-\(number)"
        let userID = user + suffix
        let code = (code ?? "simulated-\(user)") + suffix
        var registration = DeviceRegistration(
            uniqueCode: code, userID: userID, osType: os?.type ?? (vendor == "apns" ? .iOS : .android))
        if let vendor {
            let made = SHA256.hash(data: Data("\(vendor) \(code)".utf8)).map { String(format: "%02x", $0) }.joined()
            registration.pushTokens = [.init(vendor: vendor, token: token.map { $0 + suffix } ?? made)]
        }
        var signature = signature
        if let id = app.id {
            if let key = app.signingKey {
                let now = Int64(Date().timeIntervalSince1970)
                signature = try UserSignature.makeJWT(
                    appID: id, userID: userID, key: key, issuedAt: now, expiresAt: now + 600)
            } else if signature == nil {
                registration.appID = id
            }
        }
        let session = try await api.register(registration, signature: signature)
        report.registered(session)
        var options = DeviceClient.Options()
        options.protocolVersion = protocolVersion == 3 ? .mqtt311 : .mqtt5
        options.acknowledgement = ack == .auto ? .automatic : .never
        options.startsAtHead = onlyNew
        options.caFile = caFile
        options.renewCredential = { try await api.authorized(by: .bearer($0.value)).newCredential() }
        let device = DeviceClient(session, loop: loop, options: options) { _, event in report.event(event, at: userID) }
        try device.connect()
        return device
    }

    private func stop(_ devices: [DeviceClient], _ api: GatewayAPI) async {
        for device in devices {
            await device.disconnect()
            guard deregisterAtEnd else { continue }
            do {
                try await api.authorized(by: .bearer(device.credential.value)).deregisterThisDevice()
            } catch {
                _ = fail("\(device.deviceID) was not deregistered: \(FaultText.of(error))")
            }
        }
    }
}

/// Work that a signal ends.
enum Stopping {
    /// - Returns: the work's result, or nil when a signal came first; the work is then cancelled.
    static func first<Result: Sendable>(
        of signals: UnixSignalsSequence, _ work: @escaping @Sendable () async throws -> Result
    ) async throws -> Result? {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await work() }
            group.addTask {
                for await _ in signals { return nil }
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }
}
