import ChildProcesses
import Foundation
import Synchronization

/// A running Mosquitto, started by this process.
///
/// Its standard input is a pipe whose other end only this object holds (close-on-exec, so no other child has it): the
/// plugin ends the broker when that end is gone, also after a `kill -9` of the gateway.
final class BrokerProcess: Sendable {
    enum Ending: Sendable, Equatable, CustomStringConvertible {
        case exit(Int32)
        case signal(Int32)

        var description: String {
            switch self {
            case .exit(let code): "exit code \(code)"
            case .signal(let number): "signal \(number)"
            }
        }
    }

    private struct State {
        /// Set once the process has been collected; its id may belong to somebody else from then on.
        var ending: Ending?
        var waiters: [CheckedContinuation<Ending, Never>] = []
        var lifeline: Int32
        var lastLines: [String] = []
    }

    let processID: Int32
    private let state: Mutex<State>

    /// How long SIGTERM gets before SIGKILL follows.
    static let terminationGrace = Duration.seconds(5)
    private static let lineBytesMax = 4096
    private static let lastLinesMax = 10

    /// - Parameter line: called for each line of output, on a thread of its own.
    init(
        executable: String, arguments: [String], line: @escaping @Sendable (String) -> Void
    ) throws(BrokerFault) {
        let (started, output) = try Self.start(executable, arguments)
        processID = started.processID
        state = Mutex(State(lifeline: started.input))
        // Both threads end with the process. They block, so they do not belong on the shared pools.
        Thread.detachNewThread { self.readLines(from: output, line: line) }
        Thread.detachNewThread { self.collect() }
    }

    /// The process, and the reading end of its output.
    private static func start(
        _ executable: String, _ arguments: [String]
    ) throws(BrokerFault) -> (ProcessStart.Started, output: Int32) {
        var reading: Int32 = -1
        do {
            let output = try ProcessStart.pipe()
            reading = output.read
            defer { close(output.write) }
            // Nothing of the gateway's environment: it may hold secrets, and Mosquitto needs none of it.
            let started = try ProcessStart.start(executable, arguments, environment: [], output: output.write)
            return (started, reading)
        } catch {
            if reading >= 0 { close(reading) }
            throw .startFailed(reason: "\(error)")
        }
    }

    /// Waits for its end.
    var ending: Ending {
        get async {
            await withCheckedContinuation { waiter in
                let ending = state.withLock { state in
                    if state.ending == nil { state.waiters.append(waiter) }
                    return state.ending
                }
                if let ending { waiter.resume(returning: ending) }
            }
        }
    }

    var isRunning: Bool { state.withLock { $0.ending == nil } }
    /// The last lines it wrote, for a message to the operator.
    var lastLines: [String] { state.withLock { $0.lastLines } }

    func send(signal: Int32) {
        // Under the lock the process has not been collected, so the id is still its own.
        state.withLock { if $0.ending == nil { kill(processID, signal) } }
    }

    /// SIGTERM, and SIGKILL after the grace. Returns at once; `ending` tells when it is over.
    func terminate() {
        send(signal: SIGTERM)
        let seconds = Double(Self.terminationGrace.components.seconds)
        DispatchQueue.global().asyncAfter(deadline: .now() + seconds) { [weak self] in self?.send(signal: SIGKILL) }
    }

    /// For tests of what an ended gateway leaves behind: the broker runs on without a supervisor.
    func abandon() {
        state.withLock { state in
            if state.lifeline >= 0 { close(state.lifeline) }
            state.lifeline = -1
        }
    }

    private func collect() {
        var information = siginfo_t()
        // Not collected yet: a signal sent meanwhile cannot reach another process.
        while waitid(P_PID, id_t(processID), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        let (ending, waiters) = state.withLock { state in
            var status: Int32 = 0
            while waitpid(processID, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7F
            let ending: Ending = signal == 0 ? .exit((status >> 8) & 0xFF) : .signal(signal)
            state.ending = ending
            if state.lifeline >= 0 { close(state.lifeline) }
            state.lifeline = -1
            defer { state.waiters = [] }
            return (ending, state.waiters)
        }
        for waiter in waiters { waiter.resume(returning: ending) }
    }

    private func readLines(from descriptor: Int32, line: @Sendable (String) -> Void) {
        defer { close(descriptor) }
        var pending: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            for byte in buffer[..<count] {
                if byte == UInt8(ascii: "\n") || pending.count >= Self.lineBytesMax {
                    deliver(&pending, to: line)
                }
                if byte != UInt8(ascii: "\n") { pending.append(byte) }
            }
        }
        deliver(&pending, to: line)
    }

    private func deliver(_ bytes: inout [UInt8], to line: @Sendable (String) -> Void) {
        guard !bytes.isEmpty else { return }
        let text = String(decoding: bytes, as: UTF8.self)
        bytes = []
        state.withLock { state in
            if state.lastLines.count == Self.lastLinesMax { state.lastLines.removeFirst() }
            state.lastLines.append(text)
        }
        line(text)
    }
}
