import CLinux
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
        let input = try Self.pipeEnds()
        let output = try Self.pipeEnds()
        defer {
            close(input.read)
            close(output.write)
        }
        var processID: Int32 = 0
        let code = Self.spawn(
            executable: executable, arguments: arguments, input: input.read, output: output.write,
            processID: &processID)
        guard code == 0 else {
            close(input.write)
            close(output.read)
            throw .startFailed(reason: String(cString: strerror(code)))
        }
        self.processID = processID
        state = Mutex(State(lifeline: input.write))
        // Both threads end with the process. They block, so they do not belong on the shared pools.
        Thread.detachNewThread { self.readLines(from: output.read, line: line) }
        Thread.detachNewThread { self.collect() }
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

    private static func pipeEnds() throws(BrokerFault) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw .startFailed(reason: String(cString: strerror(errno))) }
        return (ends[0], ends[1])
    }

    private static func spawn(
        executable: String, arguments: [String], input: Int32, output: Int32, processID: inout Int32
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
        // A process group of its own: Ctrl-C in a terminal is for the gateway, which then stops the broker last.
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

        var argumentPointers = ([executable] + arguments).map { strdup($0) } + [nil]
        // Nothing of the gateway's environment: it may hold secrets, and Mosquitto needs none of it.
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        defer { for pointer in argumentPointers { free(pointer) } }
        return posix_spawn(&processID, executable, &actions, &attributes, &argumentPointers, &environment)
    }
}
