// ManagedBroker.swift
//
// Starts Mosquitto, watches it and starts it again. What the broker holds is not kept: the archive is the truth, and
// the gateway sends again what was not acknowledged.

import BrokerControl
import Crypto
import Foundation
import Logging
import MosquittoClient
import ServiceLifecycle
import Synchronization

/// The gateway's own Mosquitto. Make it, hand ``gatewayAddress`` and ``gatewayPassword`` to the MQTT sessions, and run
/// it as a service.
public final class ManagedBroker: Service, Sendable {
    private struct State {
        /// Made anew at each start; the configuration holds its hash only.
        var password = ""
        var process: BrokerProcess?
        var isReady = false
        var starts = 0
        /// Set when ``run()`` is over.
        var end: BrokerFault?
        var waiters: [CheckedContinuation<Void, any Error>] = []
    }

    public let settings: BrokerSettings
    private let addresses: BrokerAddresses
    private let logger: Logger
    private let state = Mutex(State())

    private static let restartDelay = ReconnectDelay(initial: .milliseconds(200), maximum: .seconds(10))
    /// After this long a broker counts as healthy, and the next restart is quick again.
    private static let healthyAfter = Duration.seconds(30)
    private static let readinessTimeout = Duration.seconds(15)
    private static let placesTimeout = Duration.seconds(5)

    /// Checks the settings and settles the ports. Starts nothing.
    /// - Throws: ``BrokerFault``.
    public init(settings: BrokerSettings, logger: Logger) throws {
        self.settings = settings
        self.logger = logger
        addresses = try BrokerAddresses(settings: settings)
        _ = try BrokerFolder(path: settings.folder)
    }

    /// Where the gateway's own sessions connect, without TLS. The same over restarts.
    ///
    /// A public listener, if it is plain and on loopback. Otherwise a listener of its own on 127.0.0.1 and a free port:
    /// the gateway then needs neither the certificate nor a route to its public address.
    public var gatewayAddress: BrokerListener {
        BrokerListener(host: addresses.gateway.host, port: addresses.gateway.port)
    }

    /// The gateway's password at the broker that runs now. Ask at each connect: it changes with each start. The user
    /// name is ``BrokerControl/BrokerIdentity/gatewayUsername``.
    public var gatewayPassword: @Sendable () -> String? {
        { [weak self] in self?.state.withLock { $0.password } }
    }

    /// It accepts connections, as far as is known.
    public var isReady: Bool { state.withLock { $0.isReady } }
    /// Process id of the broker that runs now.
    public var processID: Int32? { state.withLock { $0.process?.processID } }
    /// How often it was started.
    public var starts: Int { state.withLock { $0.starts } }

    /// Waits until it accepts connections. To be called while ``run()`` runs or is about to.
    /// - Throws: ``BrokerFault`` when `run` ended instead.
    public func waitUntilReady() async throws {
        try await withCheckedThrowingContinuation { (waiter: CheckedContinuation<Void, any Error>) in
            let result = state.withLock { state -> Result<Void, any Error>? in
                if let end = state.end { return .failure(end) }
                if state.isReady { return .success(()) }
                state.waiters.append(waiter)
                return nil
            }
            if let result { waiter.resume(with: result) }
        }
    }

    /// Runs until graceful shutdown or cancellation, then stops the broker (SIGTERM, after 5 s SIGKILL).
    /// - Throws: ``BrokerFault`` when the broker cannot be started the first time, or listens where it should not.
    ///   Later ends of the broker are logged and answered with a restart.
    public func run() async throws {
        do {
            let executable = try BrokerExecutable.find(settings.executable)
            let folder = try BrokerFolder(path: settings.folder)
            try folder.prepare()
            try await stopOrphan(in: folder)
            raiseFileLimit()
            try await cancelWhenGracefulShutdown {
                try await self.supervise(executable: executable, folder: folder)
            }
            finish(.stopped)
        } catch let fault as BrokerFault {
            finish(fault)
            throw fault
        } catch is CancellationError {
            finish(.stopped)
        }
    }

    // MARK: Supervision

    private func supervise(executable: String, folder: BrokerFolder) async throws {
        var failures = 0
        while !Task.isCancelled {
            let started = ContinuousClock.now
            do {
                let process = try start(executable: executable, folder: folder)
                try await withTaskCancellationHandler {
                    try await attend(process)
                } onCancel: {
                    process.terminate()
                }
            } catch let fault as BrokerFault {
                guard starts > 1, !fault.isWrongPlace else { throw fault }
                logger.error("broker did not start", metadata: ["reason": "\(fault)"])
            }
            if Task.isCancelled { break }
            if ContinuousClock.now - started > Self.healthyAfter { failures = 0 }
            let delay = Self.restartDelay.delay(attempt: failures, chance: Double.random(in: 0..<1))
            failures += 1
            logger.warning("broker is started again", metadata: ["after": "\(delay)", "failures": "\(failures)"])
            try await Task.sleep(for: delay)
        }
    }

    /// Waits for readiness, then for the end.
    private func attend(_ process: BrokerProcess) async throws {
        do {
            try await waitForReadiness(of: process)
            try await checkPlaces(of: process)
        } catch {
            process.terminate()
            _ = await process.ending
            if Task.isCancelled { return }
            throw error
        }
        becomeReady()
        let ending = await process.ending
        state.withLock { state in
            state.isReady = false
            state.process = nil
        }
        if Task.isCancelled {
            logger.info("broker stopped", metadata: ["ending": "\(ending)"])
        } else {
            logger.error("broker ended by itself", metadata: ["ending": "\(ending)"])
        }
    }

    private func start(executable: String, folder: BrokerFolder) throws(BrokerFault) -> BrokerProcess {
        state.withLock { $0.starts += 1 }
        try addresses.checkThatAllAreFree()
        let password = Self.freshPassword()
        try writeFiles(to: folder, gatewayPassword: password)
        state.withLock { $0.password = password }
        let process = try BrokerProcess(executable: executable, arguments: ["-c", folder.configurationFile]) {
            [logger] line in
            // With `log_type error, warning, notice` everything but a notice begins with its kind.
            let isUnusual = line.contains("Error") || line.contains("Warning")
            logger.log(level: isUnusual ? .warning : .debug, "broker says", metadata: ["line": "\(line)"])
        }
        state.withLock { $0.process = process }
        if let identity = ProcessIdentity(processID: process.processID, executable: executable) {
            do throws(BrokerFault) {
                try folder.write(Array(identity.text.utf8), to: "broker.pid")
            } catch {
                process.terminate()
                throw error
            }
        }
        logger.info("broker started", metadata: ["pid": "\(process.processID)"])
        return process
    }

    private func waitForReadiness(of process: BrokerProcess) async throws {
        let deadline = ContinuousClock.now + Self.readinessTimeout
        while !addresses.gateway.accepts() {
            guard process.isRunning else { throw BrokerFault.didNotStart(lastLines: process.lastLines) }
            guard ContinuousClock.now < deadline else {
                throw BrokerFault.didNotStart(lastLines: process.lastLines + ["no answer on \(addresses.gateway)"])
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        // The port could belong to somebody who took it between the check and the start.
        guard process.isRunning else { throw BrokerFault.didNotStart(lastLines: process.lastLines) }
    }

    /// Compares where it listens with where it should. The WebSocket listener opens after the others.
    private func checkPlaces(of process: BrokerProcess) async throws {
        let expected = Set(addresses.all.map(\.description))
        let demanded = Set(addresses.all.filter { !$0.isWildcard }.map(\.description))
        let tolerated = expected.union(
            // A listener on all addresses shows up once per protocol family.
            addresses.all.filter(\.isWildcard).flatMap { ["0.0.0.0:\($0.port)", "[::]:\($0.port)"] })
        let ports = Set(addresses.all.map(\.port))
        let deadline = ContinuousClock.now + Self.placesTimeout
        while true {
            let found = Set(ListeningSockets.of(processID: process.processID, ports: ports).map(\.description))
            let isWrong = !found.isSubset(of: tolerated)
            if !isWrong, demanded.isSubset(of: found) { return }
            guard !isWrong, ContinuousClock.now < deadline else {
                throw BrokerFault.listensElsewhere(expected: expected.sorted(), found: found.sorted())
            }
            guard process.isRunning else { throw BrokerFault.didNotStart(lastLines: process.lastLines) }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    private func becomeReady() {
        let waiters = state.withLock { state in
            state.isReady = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private func finish(_ end: BrokerFault) {
        let waiters = state.withLock { state in
            (state.end, state.isReady, state.process) = (end, false, nil)
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume(throwing: end) }
    }

    // MARK: Preparation

    private func writeFiles(to folder: BrokerFolder, gatewayPassword: String) throws(BrokerFault) {
        var plugin: MosquittoConfiguration.Plugin?
        if let settings = settings.plugin {
            try folder.copy(settings.libraryFile, to: "plugin.so")
            try folder.write(settings.deviceKeySet, to: "keys.json")
            plugin = MosquittoConfiguration.Plugin(
                libraryFile: folder.file("plugin.so"), keysFile: folder.file("keys.json"),
                gatewayPasswordHash: Self.hash(of: gatewayPassword))
        }
        var tls: (certificateFile: String, keyFile: String)?
        if let files = settings.tls {
            try folder.copy(files.certificateFile, to: "certificate.pem")
            try folder.copy(files.keyFile, to: "key.pem")
            tls = (folder.file("certificate.pem"), folder.file("key.pem"))
        }
        var listeners = addresses.mqtt.map { MosquittoConfiguration.Listener(port: $0.port, place: $0.host, tls: tls) }
        if addresses.needsOwnGatewayListener {
            listeners.append(.init(port: addresses.gateway.port, place: addresses.gateway.host))
        }
        if let webSocket = addresses.webSocket {
            let place = try interfaceName(for: webSocket)
            listeners.append(.init(port: webSocket.port, place: place, isWebSocket: true, tls: tls))
        }
        let text = try MosquittoConfiguration(listeners: listeners, plugin: plugin).text()
        try folder.write(Array(text.utf8), to: "mosquitto.conf")
    }

    /// Mosquitto 2.0.11 hands the place of a WebSocket listener to libwebsockets, which takes an interface and ignores
    /// an address.
    private func interfaceName(for address: SocketAddress) throws(BrokerFault) -> String? {
        if address.isWildcard { return nil }
        if address.isLoopback { return "lo" }
        guard let name = NetworkInterface.name(carrying: address) else { throw .noInterface(address: address.host) }
        return name
    }

    private static func freshPassword() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<4).map { _ in hexadecimal(UInt64.random(in: .min ... .max, using: &generator)) }.joined()
    }

    private static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    static func hash(of password: String) -> String {
        SHA256.hash(data: Array(password.utf8)).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    /// The broker inherits the soft limit, and with the usual 1024 it takes about 1000 devices.
    private func raiseFileLimit() {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        if setrlimit(resource, &limit) != 0 {
            logger.warning("the limit on open files could not be raised", metadata: ["limit": "\(limit.rlim_cur)"])
        }
    }

    // MARK: Orphans

    /// A gateway that was killed may have left its broker behind, if the plugin has not ended it yet.
    private func stopOrphan(in folder: BrokerFolder) async throws {
        guard let text = try? String(contentsOfFile: folder.processFile, encoding: .utf8),
            let orphan = ProcessIdentity(text: text), orphan.isAlive
        else { return }
        logger.notice("stopping the broker of an earlier run", metadata: ["pid": "\(orphan.processID)"])
        for (signal, patience) in [(SIGTERM, BrokerProcess.terminationGrace), (SIGKILL, .seconds(2))] {
            kill(orphan.processID, signal)
            let deadline = ContinuousClock.now + patience
            while ContinuousClock.now < deadline {
                if !orphan.isAlive { return }
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        throw BrokerFault.orphanDidNotStop(processID: orphan.processID)
    }
}

extension BrokerFault {
    /// Not cured by another attempt, and not to be left running.
    fileprivate var isWrongPlace: Bool {
        if case .listensElsewhere = self { true } else { false }
    }
}
