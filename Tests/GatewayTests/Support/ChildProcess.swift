import Foundation
import Synchronization
import TestWaiting

/// A child process with its output in files.
///
/// Not Foundation's `Process`: that inherits the blocked signals of the thread that starts it, and takes a child for
/// running as long as a grandchild is.
final class ChildProcess: Sendable {
    enum Ending: Sendable, Equatable {
        case exited(Int32)
        case signalled(Int32)
    }

    struct DidNotStart: Error {
        let command: String
        let code: Int32
    }

    let processID: pid_t
    private let ending = Mutex<Ending?>(nil)

    /// - Parameter command: a path and arguments.
    init(_ command: [String], environment: [String: String] = [:], output: String, errors: String) throws {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        // What other tests have open is not for the child: a pipe's end in a stranger's hands never closes.
        let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        for descriptor in descriptors.compactMap({ Int32($0) }) where descriptor > 2 {
            posix_spawn_file_actions_addclose(&actions, descriptor)
        }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
        var processID: pid_t = 0
        let code = Self.withStrings(command) { arguments in
            Self.withStrings(variables) { posix_spawn(&processID, command[0], &actions, &attributes, arguments, $0) }
        }
        guard code == 0 else { throw DidNotStart(command: command[0], code: code) }
        self.processID = processID
    }

    private static func withStrings<Result>(
        _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let strings = texts.map { strdup($0) }
        defer { for string in strings { free(string) } }
        return body(strings + [nil])
    }

    /// nil while it runs.
    var ended: Ending? {
        ending.withLock { ending in
            if let ending { return ending }
            var status: Int32 = 0
            guard waitpid(processID, &status, WNOHANG) == processID else { return nil }
            let signal = status & 0x7F
            ending = signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal)
            return ending
        }
    }

    /// Does nothing once it has ended: its number may be somebody else's by then.
    func send(_ signal: Int32) {
        guard ended == nil else { return }
        kill(processID, signal)
    }

    @discardableResult
    func waitUntilEnded(within limit: Duration = .seconds(30)) async throws -> Ending {
        try await eventually("process \(processID) ends", within: limit) { ended }
    }

    /// Runs a command to its end.
    static func run(
        _ command: [String], within limit: Duration = .seconds(30)
    ) async throws -> (ending: Ending, output: String, errors: String) {
        let files = TemporaryFolder()
        defer { files.remove() }
        let output = files.path("out")
        let errors = files.path("err")
        let child = try ChildProcess(command, output: output, errors: errors)
        defer { child.send(SIGKILL) }
        let ending = try await child.waitUntilEnded(within: limit)
        return (ending, text(of: output), text(of: errors))
    }

    static func text(of file: String) -> String {
        String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self)
    }
}

/// A new folder that everybody can pass through: the broker runs as a user of its own.
struct TemporaryFolder: Sendable {
    let url: URL

    init() {
        url = FileManager.default.temporaryDirectory.appending(path: "pushgate-story-\(UUID().uuidString)")
        // A failure shows at the first file.
        try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        chmod(url.path, 0o711)
    }

    func path(_ name: String) -> String { url.appending(path: name).path }
    func remove() { try? FileManager.default.removeItem(at: url) }
}
