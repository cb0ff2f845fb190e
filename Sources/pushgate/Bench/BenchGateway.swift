import Foundation
import Glibc
import PushGateClient
import Synchronization

/// A gateway of its own for a measurement: this executable's `serve` as a child process, on free ports and a data
/// directory that is removed afterwards.
final class BenchGateway: Sendable {
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    /// How long every device counts as connected after a start.
    static let presenceDoubt: Duration = .seconds(1)

    let httpPort: Int
    private let process: Mutex<ChildProcess>
    private let arguments: [String]
    let directory: DataDirectory
    private let folder: URL

    private init(
        httpPort: Int, process: ChildProcess, arguments: [String], directory: DataDirectory, folder: URL
    ) {
        self.httpPort = httpPort
        self.process = Mutex(process)
        self.arguments = arguments
        self.directory = directory
        self.folder = folder
    }

    var processID: Int32 { process.withLock { $0.processID } }

    /// As the operator, for a minute.
    func operatorAPI() throws -> GatewayAPI {
        let token = try directory.masterKey(create: true).operatorToken(now: Int64(Date().timeIntervalSince1970))
        return GatewayAPI("http://127.0.0.1:\(httpPort)", authorization: .admin(token, tenantNo: "bench"))
    }

    /// - Parameter arguments: for `serve`, beside those that every measurement has.
    static func start(arguments more: [String] = [], progress: (String) -> Void) async throws -> BenchGateway {
        let folder = URL(fileURLWithPath: NSTemporaryDirectory()).appending(path: "pushgate-bench-\(getpid())")
        let directory = DataDirectory(folder.path)
        try directory.prepare()
        let (http, mqtt) = (try freePort(), try freePort())
        progress("starting a gateway in \(folder.path)")
        let arguments =
            [
                "serve", "--until-input-ends", "--data-dir", folder.path, "--http", "127.0.0.1:\(http)", "--mqtt",
                "127.0.0.1:\(mqtt)",
            ] + more
        _ = try directory.masterKey(create: true)
        let gateway = BenchGateway(
            httpPort: http, process: try launch(arguments, folder), arguments: arguments, directory: directory,
            folder: folder)
        try await gateway.untilReady()
        return gateway
    }

    private static func launch(_ arguments: [String], _ folder: URL) throws -> ChildProcess {
        // Devices that are away count as away a second after the start, not after fifteen: nobody was on the way.
        try ChildProcess(
            "the gateway", arguments: arguments,
            environment: ["PUSHGATE_PRESENCE_DOUBT_SECONDS": "\(presenceDoubt.components.seconds)"],
            outputFile: folder.path + "/serve.log")
    }

    private func untilReady(within limit: Duration = .seconds(60)) async throws {
        let deadline = ContinuousClock.now + limit
        let api = GatewayAPI("http://127.0.0.1:\(httpPort)")
        while ContinuousClock.now < deadline {
            try process.withLock { try $0.check() }
            if (try? await api.call(.get, ["readyz"])) != nil { return }  // not yet: ask again
            try await Task.sleep(for: .milliseconds(20))
        }
        await stop()
        throw Fault(description: "the gateway did not become ready within \(limit)")
    }

    /// `kill -9`, and a new process on the same data.
    func killAndRestart() async throws {
        let old = process.withLock { $0 }
        kill(old.processID, SIGKILL)
        await old.stop()
        let new = try Self.launch(arguments, folder)
        process.withLock { $0 = new }
        try await untilReady()
    }

    /// Stops, lets `body` work on the data directory, and starts again.
    /// - Returns: how long the start took until the gateway was ready.
    @discardableResult
    func restart(_ body: () async throws -> Void = {}) async throws -> Duration {
        await process.withLock { $0 }.stop()
        try await body()
        let began = ContinuousClock.now
        let new = try Self.launch(arguments, folder)
        process.withLock { $0 = new }
        try await untilReady()
        return .now - began
    }

    /// Transactions of the archive since the gateway's start.
    func transactions() async throws -> Int {
        let stats = try await operatorAPI().call(.get, ["v1", "admin", "stats"]).json()
        return Int(stats["writer"]?["transactions"]?.integer ?? 0)
    }

    /// Bytes of the database file. Whole only while the gateway does not run: then nothing is left in the log before it.
    var databaseBytes: Int {
        let files = [directory.databasePath, directory.databasePath + "-wal"]
        return files.reduce(0) { sum, path in
            var status = stat()
            return lstat(path, &status) == 0 ? sum + Int(status.st_size) : sum
        }
    }

    func stop() async {
        await process.withLock { $0 }.stop()
        try? FileManager.default.removeItem(at: folder)  // what is left is in the temporary folder
    }

    static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Fault(description: "no socket: \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic -> Int? in
                guard bind(descriptor, generic, length) == 0, getsockname(descriptor, generic, &length) == 0 else {
                    return nil
                }
                return Int(UInt16(bigEndian: pointer.pointee.sin_port))
            }
        }
        guard let port else { throw Fault(description: "no free port: \(String(cString: strerror(errno)))") }
        return port
    }

    /// The broker that this gateway started.
    var brokerProcessID: Int32? {
        guard let text = try? String(contentsOf: folder.appending(path: "broker/broker.pid"), encoding: .utf8) else {
            return nil  // it is being restarted
        }
        return text.split(whereSeparator: \.isWhitespace).lazy.compactMap { Int32($0) }.first
    }
}
