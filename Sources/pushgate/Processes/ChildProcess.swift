import CLinux
import Foundation
import Glibc
import Synchronization

/// This executable once more, as a process of its own that ends when this one does: it holds the other end of the
/// child's standard input, and the kernel closes that even after `kill -9`.
final class ChildProcess: Sendable {
    struct Ended: Error, CustomStringConvertible {
        let description: String
    }

    let name: String
    let outputFile: String
    private let state: Mutex<State>

    private struct State {
        var processID: pid_t
        var input: Int32
        /// As `waitpid` gave it.
        var status: Int32?
    }

    /// - Parameter outputFile: takes standard output and standard error.
    init(_ name: String, arguments: [String], outputFile: String) throws {
        self.name = name
        self.outputFile = outputFile
        let executable = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let output = open(outputFile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw Ended(description: "\(outputFile): \(String(cString: strerror(errno)))") }
        defer { close(output) }
        var ends: [Int32] = [0, 0]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw Ended(description: String(cString: strerror(errno))) }
        defer { close(ends[0]) }
        var processID: pid_t = 0
        let code = Self.spawn(
            executable, arguments, input: ends[0], output: output, environment: Self.environment, &processID)
        guard code == 0 else {
            close(ends[1])
            throw Ended(description: "\(name) could not be started: \(String(cString: strerror(code)))")
        }
        state = Mutex(State(processID: processID, input: ends[1], status: nil))
    }

    /// What the person set for a gateway of their own must not reach this one.
    private static var environment: [String] {
        ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("PUSHGATE_") }.map { "\($0.key)=\($0.value)" }
    }

    private static func spawn(
        _ executable: String, _ arguments: [String], input: Int32, output: Int32, environment: [String],
        _ processID: inout pid_t
    ) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, output, 2)
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        // A process group of its own: Ctrl-C in a terminal is for the parent, which then stops its children in order.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

        var argumentPointers = ([executable] + arguments).map { strdup($0) } + [nil]
        var environmentPointers = environment.map { strdup($0) } + [nil]
        defer { for pointer in argumentPointers + environmentPointers { free(pointer) } }
        return posix_spawn(&processID, executable, &actions, &attributes, &argumentPointers, &environmentPointers)
    }

    var processID: pid_t { state.withLock { $0.processID } }

    var isRunning: Bool {
        state.withLock { state in
            guard state.status == nil else { return false }
            var status: Int32 = 0
            guard waitpid(state.processID, &status, WNOHANG) != 0 else { return true }
            state.status = status
            return false
        }
    }

    /// Everything it has written.
    var output: String { (try? String(contentsOfFile: outputFile, encoding: .utf8)) ?? "" }  // not there: nothing

    /// - Throws: ``Ended`` with its last words, when it runs no more.
    func check() throws {
        guard !isRunning else { return }
        let last = output.split(separator: "\n").suffix(3).joined(separator: "\n  ")
        throw Ended(description: "\(name) ended by itself (all of it in \(outputFile)):\n  \(last)")
    }

    /// SIGTERM, and SIGKILL to what has not ended after `limit`.
    func stop(within limit: Duration = .seconds(40)) async {
        let deadline = ContinuousClock.now + limit
        if isRunning { kill(processID, SIGTERM) }
        while isRunning {
            if ContinuousClock.now > deadline { kill(processID, SIGKILL) }
            try? await Task.sleep(for: .milliseconds(20))  // cancelled: looks more often, and still waits
        }
        state.withLock { state in
            if state.input >= 0 { close(state.input) }
            state.input = -1
        }
    }
}
