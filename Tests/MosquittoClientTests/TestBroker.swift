import Foundation
import Synchronization
import TestWaiting

/// A real Mosquitto on a free loopback port with its own folder; ended with the object.
final class TestBroker: Sendable {
    let port: UInt16
    let folder: URL
    private let process = Mutex<Process?>(nil)

    struct DidNotStart: Error {}

    init(_ lines: [String] = ["allow_anonymous true"], listener: [String] = []) throws {
        raiseFileLimit()
        port = try freePort()
        folder = FileManager.default.temporaryDirectory.appending(path: "mosquitto-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // "user root" only keeps a broker started by root able to read this folder.
        let configuration = ["user root", "listener \(port) 127.0.0.1"] + listener + lines
        try configuration.joined(separator: "\n").write(to: file("mosquitto.conf"), atomically: true, encoding: .utf8)
    }

    deinit {
        process.withLock { $0 }?.terminateForcibly()
        try? FileManager.default.removeItem(at: folder)
    }

    func file(_ name: String) -> URL { folder.appending(path: name) }

    /// Starts it and waits until the port accepts.
    func start() async throws {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/sbin/mosquitto")
        process.arguments = ["-c", file("mosquitto.conf").path]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        self.process.withLock { $0 = process }
        try await eventually("the broker accepts") { canConnect(port: port) }
    }

    static func started(_ lines: [String] = ["allow_anonymous true"], listener: [String] = []) async throws
        -> TestBroker
    {
        let broker = try TestBroker(lines, listener: listener)
        try await broker.start()
        return broker
    }

    func kill() { process.withLock { $0 }?.terminateForcibly() }
    func freeze() { process.withLock { $0 }.map { _ = Glibc.kill($0.processIdentifier, SIGSTOP) } }
    func thaw() { process.withLock { $0 }.map { _ = Glibc.kill($0.processIdentifier, SIGCONT) } }
}

extension Process {
    func terminateForcibly() {
        kill(processIdentifier, SIGKILL)
        waitUntilExit()
    }
}

func loopbackAddress(port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    return address
}

/// A listening socket on a port of the system's choice.
func listeningSocket() throws -> (socket: Int32, port: UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = loopbackAddress(port: 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
            bind(descriptor, pointer, length) == 0 && listen(descriptor, 10) == 0
                && getsockname(descriptor, pointer, &length) == 0
        }
    }
    guard code else { throw TestBroker.DidNotStart() }
    return (descriptor, UInt16(bigEndian: address.sin_port))
}

func freePort() throws -> UInt16 {
    let (descriptor, port) = try listeningSocket()
    close(descriptor)
    return port
}

func canConnect(port: UInt16) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    defer { close(descriptor) }
    var address = loopbackAddress(port: port)
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}

/// Thousands of sessions need thousands of descriptors, here and in the broker that inherits the limit.
func raiseFileLimit() {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}
