import Foundation
import Glibc
import PushGateClient

/// A gateway of its own for a measurement: this executable's `serve` as a child process, on free ports and a data
/// directory that is removed afterwards.
final class BenchGateway: Sendable {
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    let httpPort: Int
    /// As the operator, for a minute.
    let api: GatewayAPI
    private let process: ChildProcess
    private let folder: URL

    private init(httpPort: Int, process: ChildProcess, api: GatewayAPI, folder: URL) {
        self.httpPort = httpPort
        self.process = process
        self.api = api
        self.folder = folder
    }

    var processID: Int32 { process.processID }

    static func start(progress: (String) -> Void) async throws -> BenchGateway {
        let folder = URL(fileURLWithPath: NSTemporaryDirectory()).appending(path: "pushgate-bench-\(getpid())")
        let directory = DataDirectory(folder.path)
        try directory.prepare()
        let token = try directory.masterKey(create: true).operatorToken(now: Int64(Date().timeIntervalSince1970))
        let (http, mqtt) = (try freePort(), try freePort())
        progress("starting a gateway in \(folder.path)")
        let process = try ChildProcess(
            "the gateway",
            arguments: [
                "serve", "--until-input-ends", "--data-dir", folder.path, "--http", "127.0.0.1:\(http)", "--mqtt",
                "127.0.0.1:\(mqtt)",
            ], outputFile: folder.path + "/serve.log")
        let api = GatewayAPI("http://127.0.0.1:\(http)", authorization: .admin(token, tenantNo: "bench"))
        let gateway = BenchGateway(httpPort: http, process: process, api: api, folder: folder)
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            try process.check()
            if (try? await api.call(.get, ["readyz"])) != nil { return gateway }  // not yet: ask again
            try await Task.sleep(for: .milliseconds(50))
        }
        await gateway.stop()
        throw Fault(description: "the gateway did not become ready within 20 seconds")
    }

    func stop() async {
        await process.stop()
        try? FileManager.default.removeItem(at: folder)  // what is left is in the temporary folder
    }

    private static func freePort() throws -> Int {
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

    /// CPU seconds that a process has used, from /proc.
    static func cpuSeconds(of processID: Int32) -> Double {
        guard let text = try? String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return 0 }  // the process has ended: what it used is not known
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The broker that this gateway started.
    var brokerProcessID: Int32? {
        guard let text = try? String(contentsOf: folder.appending(path: "broker/broker.pid"), encoding: .utf8) else {
            return nil  // it is being restarted
        }
        return text.split(whereSeparator: \.isWhitespace).lazy.compactMap { Int32($0) }.first
    }

    /// Resident memory in bytes.
    static func residentBytes(of processID: Int32) -> Int {
        guard let text = try? String(contentsOfFile: "/proc/\(processID)/statm", encoding: .utf8) else { return 0 }
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
