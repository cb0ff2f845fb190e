import Foundation
import Logging
import MosquittoClient
import ServiceLifecycle
import Synchronization
import TestWaiting
import Testing

@testable import PushMQTT

@Suite(.serialized, .timeLimit(.minutes(2))) struct ManagedBrokerTests {
    @Test func `it starts, serves and stops with the service`() async throws {
        let place = try Place()
        try await place.withBroker { broker in
            #expect(broker.gatewayAddress == BrokerListener(host: "127.0.0.1", port: place.port))
            let loop = try MQTTLoop()
            let session = try loop.makeSession(
                MQTTSession.Options(host: "127.0.0.1", port: broker.gatewayAddress.port, clientID: "one")
            ) { _, _ in }
            #expect(try await session.publish(topic: "t", payload: [1]) == 16)
            await loop.shutdown()
        }
        #expect(!accepts(place.port))
    }

    @Test func `a broker that is killed is started again on the same port with another password`() async throws {
        let place = try Place()
        try await place.withBroker { broker in
            let first = try #require(broker.processID)
            let password = try #require(broker.gatewayPassword())
            #expect(password.count == 64)
            kill(first, SIGKILL)
            try await eventually("the broker is back under another number") {
                broker.isReady && broker.processID != first && broker.starts == 2
            }
            #expect(accepts(place.port))
            #expect(broker.gatewayPassword() != password)
        }
    }

    @Test func `a broker left behind by an earlier gateway is stopped first`() async throws {
        let place = try Place()
        let folder = try BrokerFolder(path: place.folder)
        try folder.prepare()
        try "listener \(place.port) 127.0.0.1\nallow_anonymous true\n".write(
            toFile: place.folder + "/mosquitto.conf", atomically: true, encoding: .utf8)
        let orphan = try BrokerProcess(executable: "/usr/sbin/mosquitto", arguments: ["-c", folder.configurationFile]) {
            _ in
        }
        try await eventually("the orphan accepts") { accepts(place.port) }
        let identity = try #require(
            ProcessIdentity(processID: orphan.processID, executable: "/usr/sbin/mosquitto"))
        try folder.write(Array(identity.text.utf8), to: "broker.pid")
        orphan.abandon()
        try await place.withBroker { broker in
            #expect(!orphan.isRunning)
            #expect(broker.processID != orphan.processID)
            #expect(broker.starts == 1)
        }
    }

    @Test func `a pid file that names another process harms nobody`() async throws {
        let place = try Place()
        let folder = try BrokerFolder(path: place.folder)
        try folder.prepare()
        let bystander = try BrokerProcess(executable: "/usr/bin/sleep", arguments: ["60"]) { _ in }
        let real = try #require(ProcessIdentity(processID: bystander.processID, executable: "/usr/bin/sleep"))
        let fields = real.text.split(separator: "\n")
        // The same id, but started at another time; then everything right but the executable.
        for text in [
            "\(fields[0])\n1\n\(fields[2])\n\(fields[3])\n",
            "\(fields[0])\n\(fields[1])\n\(fields[2])\n/usr/sbin/mosquitto\n",
            "nonsense", "1\n1\n\n\n",
        ] {
            try folder.write(Array(text.utf8), to: "broker.pid")
            try await place.withBroker { _ in #expect(bystander.isRunning) }
        }
        bystander.terminate()
        #expect(await bystander.ending == .signal(SIGTERM))
    }

    @Test func `a port in use is named, and nothing is started`() async throws {
        let place = try Place()
        let other = Place.listen(on: place.port)
        defer { close(other) }
        let broker = try ManagedBroker(settings: place.settings, logger: quiet)
        await #expect(throws: BrokerFault.addressInUse("127.0.0.1:\(place.port)")) { try await broker.run() }
        await #expect(throws: BrokerFault.addressInUse("127.0.0.1:\(place.port)")) { try await broker.waitUntilReady() }
        #expect(broker.processID == nil)
    }

    @Test func `a missing Mosquitto is answered with the name of the package`() async throws {
        let place = try Place()
        var settings = place.settings
        settings.executable = place.folder + "/nothing"
        let broker = try ManagedBroker(settings: settings, logger: quiet)
        await #expect(throws: BrokerFault.executableMissing) { try await broker.run() }
        #expect(BrokerFault.executableMissing.description.contains("package `mosquitto`"))
    }

    @Test func `a broker that cannot start says why`() async throws {
        let place = try Place()
        var settings = place.settings
        try FileManager.default.createDirectory(atPath: place.folder, withIntermediateDirectories: true)
        let file = place.root + "/not-a-certificate"
        try "nonsense".write(toFile: file, atomically: true, encoding: .utf8)
        settings.tls = .init(certificateFile: file, keyFile: file)
        let broker = try ManagedBroker(settings: settings, logger: quiet)
        do {
            try await broker.run()
            Issue.record("a broker without a certificate must not run")
        } catch let fault as BrokerFault {
            #expect("\(fault)".contains("certificate"))
        }
    }

    @Test func `the WebSocket listener is bound to loopback only`() async throws {
        let place = try Place()
        var settings = place.settings
        let port = try Place.freePort()
        settings.webSocketListener = BrokerListener(host: "127.0.0.1", port: port)
        try await place.withBroker(settings) { broker in
            let found = ListeningSockets.of(processID: try #require(broker.processID), ports: [])
            #expect(Set(found.map(\.description)) == ["127.0.0.1:\(place.port)", "127.0.0.1:\(port)"])
            #expect(accepts(port))
        }
    }

    @Test func `a broker that listens elsewhere than told is stopped`() async throws {
        let place = try Place()
        // Another address of the loopback interface: by its name, Mosquitto binds the first one.
        var settings = place.settings
        settings.webSocketListener = BrokerListener(host: "127.0.0.2", port: try Place.freePort())
        let port = settings.webSocketListener?.port ?? 0
        let broker = try ManagedBroker(settings: settings, logger: quiet)
        await #expect(
            throws: BrokerFault.listensElsewhere(
                expected: ["127.0.0.1:\(place.port)", "127.0.0.2:\(port)"].sorted(),
                found: ["127.0.0.1:\(place.port)", "127.0.0.1:\(port)"].sorted())
        ) { try await broker.run() }
        #expect(!accepts(place.port))
    }

    @Test func `with TLS the gateway has a plain listener of its own on loopback`() async throws {
        let place = try Place()
        var settings = place.settings
        settings.tls = try place.certificate()
        try await place.withBroker(settings) { broker in
            #expect(broker.gatewayAddress.host == "127.0.0.1")
            #expect(broker.gatewayAddress.port != place.port)
            let loop = try MQTTLoop()
            let plain = try loop.makeSession(
                MQTTSession.Options(host: "127.0.0.1", port: broker.gatewayAddress.port, clientID: "gateway")
            ) { _, _ in }
            #expect(try await plain.publish(topic: "t", payload: [1]) == 16)
            var options = MQTTSession.Options(host: "127.0.0.1", port: place.port, clientID: "device")
            options.tls = MQTTSession.TLS(caFile: settings.tls?.certificateFile)
            let device = try loop.makeSession(options) { _, _ in }
            #expect(try await device.publish(topic: "t", payload: [1]) == 16)
            await loop.shutdown()
            #expect(try place.mode(of: "key.pem") == (geteuid() == 0 ? 0o640 : 0o600))
        }
    }

    @Test func `nobody but the broker's user can read its folder`() async throws {
        let place = try Place(rootMode: 0o700)
        try await place.withBroker { _ in
            let isRoot = geteuid() == 0
            let folderMode = try place.mode(of: "")
            #expect(folderMode == (isRoot ? 0o750 : 0o700))
            for name in ["mosquitto.conf", "broker.pid"] {
                let mode = try place.mode(of: name)
                #expect(mode == (isRoot ? 0o640 : 0o600))
            }
            // The folder around it may be passed by the broker's group, not read, and by nobody else.
            var status = stat()
            #expect(stat(place.root, &status) == 0)
            #expect(status.st_mode & 0o777 == (isRoot ? 0o710 : 0o700))
        }
    }

    @Test func `the password is not in the configuration, its hash is`() throws {
        let hash = ManagedBroker.hash(of: "abc")
        // FIPS 180-2, appendix B.1.
        #expect(hash == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        let text = try MosquittoConfiguration(
            listeners: [.init(port: 1883, place: "127.0.0.1")],
            plugin: .init(libraryFile: "/d/plugin.so", keysFile: "/d/keys.json", gatewayPasswordHash: hash)
        ).text()
        #expect(text.contains("\nallow_anonymous false\n"))
        #expect(text.contains("\nplugin_opt_gateway_password_sha256 \(hash)\n"))
        #expect(text.contains("\nplugin_opt_lifeline true\n"))
        #expect(text.contains("\nlistener 1883 127.0.0.1\n"))
    }

    @Test(arguments: ["/a\nallow_anonymous true", "/a\r", "/a\u{0}", "/a ", " /a", "/a\u{85}b", ""])
    func `a path that would become configuration is refused`(path: String) {
        #expect(throws: BrokerFault.invalidPath(path)) { _ = try MosquittoConfiguration.checked(path) }
    }

    @Test(arguments: ["", "example.org", "127.0.0.1\nallow_anonymous true", "lo", "1.2.3", "::g"])
    func `only addresses are listened on`(host: String) throws {
        var settings = try Place().settings
        settings.listeners = [BrokerListener(host: host, port: 1883)]
        #expect(throws: BrokerFault.invalidAddress("\(host):1883")) { _ = try BrokerAddresses(settings: settings) }
    }

    @Test func `the kernel's list of sockets is read`() {
        let four = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:075B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
               1: 0100007F:075B 0100007F:A000 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1
            """
        #expect(ListeningSockets.parse(four) == [.init(host: "127.0.0.1", port: 1883, inode: "4711")])
        let six = """
              sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0 100 0 0 10 0
            """
        #expect(ListeningSockets.parse(six) == [.init(host: "::1", port: 8080, inode: "99")])
        let mapped = six.replacing("00000000000000000000000001000000", with: "0000000000000000FFFF00000100007F")
        #expect(ListeningSockets.parse(mapped) == [.init(host: "127.0.0.1", port: 8080, inode: "99")])
    }
}

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

private func accepts(_ port: UInt16) -> Bool {
    (try? SocketAddress(host: "127.0.0.1", port: port))?.accepts() ?? false
}

/// A data directory and a port of its own.
final class Place: Sendable {
    let root: String
    let port: UInt16
    var folder: String { root + "/broker" }
    var settings: BrokerSettings {
        BrokerSettings(admittingEverybodyIn: folder, listeners: [BrokerListener(host: "127.0.0.1", port: port)])
    }

    init(rootMode: mode_t = 0o755) throws {
        root = NSTemporaryDirectory() + "/broker-test-\(UUID().uuidString)"
        port = try Self.freePort()
        try #require(mkdir(root, rootMode) == 0)
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    /// Runs a broker under a service group, as the gateway does, and stops it in order.
    func withBroker(_ settings: BrokerSettings? = nil, _ body: (ManagedBroker) async throws -> Void) async throws {
        let broker = try ManagedBroker(settings: settings ?? self.settings, logger: quiet)
        let group = ServiceGroup(configuration: .init(services: [.init(service: broker)], logger: quiet))
        let running = Task { try await group.run() }
        do {
            try await broker.waitUntilReady()
            try await body(broker)
        } catch {
            await group.triggerGracefulShutdown()
            try? await running.value
            throw error
        }
        let process = try #require(broker.processID)
        await group.triggerGracefulShutdown()
        try await running.value
        #expect(ProcessIdentity(processID: process, executable: "") == nil)
    }

    func mode(of name: String) throws -> mode_t {
        var status = stat()
        try #require(stat("\(folder)/\(name)", &status) == 0)
        return status.st_mode & 0o777
    }

    func certificate() throws -> BrokerSettings.TLSFiles {
        let files = BrokerSettings.TLSFiles(certificateFile: root + "/cert.pem", keyFile: root + "/key.pem")
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", files.keyFile, "-out",
            files.certificateFile,
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return files
    }

    static func freePort() throws -> UInt16 { try #require(SocketAddress.freeLoopbackPort()) }

    /// Somebody else's server.
    static func listen(on port: UInt16) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let address = try? SocketAddress(host: "127.0.0.1", port: port)
        let isListening = address?.withSocketAddress {
            bind(descriptor, $0, $1) == 0 && Glibc.listen(descriptor, 1) == 0
        }
        #expect(isListening == true)
        return descriptor
    }
}
