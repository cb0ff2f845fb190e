import ChildProcesses
import Foundation
import Glibc
import Synchronization

/// This executable once more (or another one), as a process of its own that ends when this one does: it holds the other
/// end of the child's standard input, and the kernel closes that even after `kill -9`.
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

    /// - Parameters:
    ///   - executable: nil for this one.
    ///   - wrapper: a command and its arguments that run the executable; empty: it runs by itself.
    ///   - environment: beside what this process has.
    ///   - outputFile: takes standard output and standard error.
    ///   - appends: keeps what is in that file.
    init(
        _ name: String, executable named: String? = nil, arguments: [String], wrapper: [String] = [],
        environment: [String: String] = [:], outputFile: String, appends: Bool = false
    ) throws {
        self.name = name
        self.outputFile = outputFile
        let executable = try named ?? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let output = open(
            outputFile, O_WRONLY | O_CREAT | O_CLOEXEC | (appends ? O_APPEND : O_TRUNC), 0o600)
        guard output >= 0 else { throw Ended(description: "\(outputFile): \(String(cString: strerror(errno)))") }
        defer { close(output) }
        let command = wrapper + [executable] + arguments
        let started = try ProcessStart.start(
            command[0], Array(command.dropFirst()),
            environment: Self.environment + environment.map { "\($0.key)=\($0.value)" },
            output: output)
        state = Mutex(State(processID: started.processID, input: started.input, status: nil))
    }

    /// What the person set for a gateway of their own must not reach this one.
    private static var environment: [String] {
        ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("PUSHGATE_") }.map { "\($0.key)=\($0.value)" }
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

    /// The writing end of its standard input.
    var input: Int32 { state.withLock { $0.input } }

    /// `kill -9`; returns when it is gone.
    func kill() async {
        if isRunning { Glibc.kill(processID, SIGKILL) }
        await stop()
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
        if isRunning { Glibc.kill(processID, SIGTERM) }
        while isRunning {
            if ContinuousClock.now > deadline { Glibc.kill(processID, SIGKILL) }
            try? await Task.sleep(for: .milliseconds(20))  // cancelled: looks more often, and still waits
        }
        state.withLock { state in
            if state.input >= 0 { close(state.input) }
            state.input = -1
        }
    }
}
