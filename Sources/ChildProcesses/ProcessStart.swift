import CLinux
import Glibc

/// Starts an executable whose standard input is a pipe that the caller holds the other end of (close-on-exec, so no
/// other child has it). A child that ends at end of file ends with this process, also after its `kill -9`.
///
/// Not Foundation's `Process`: that one neither sets the child's signal mask nor closes what it inherits.
public enum ProcessStart {
    /// What the system said.
    public struct Fault: Error, CustomStringConvertible, Sendable {
        public let description: String

        init(code: Int32) { description = String(cString: strerror(code)) }
    }

    public struct Started: Sendable {
        public let processID: pid_t
        /// The writing end of the child's standard input; the caller closes it.
        public let input: Int32
    }

    /// A pipe whose ends no child inherits.
    public static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard pipe2(&ends, O_CLOEXEC) == 0 else { throw Fault(code: errno) }
        return (ends[0], ends[1])
    }

    /// - Parameters:
    ///   - output: takes the child's standard output and standard error; stays the caller's.
    ///   - environment: `NAME=value`, all that the child gets.
    public static func start(
        _ executable: String, _ arguments: [String], environment: [String], output: Int32
    ) throws -> Started {
        let input = try pipe()
        defer { close(input.read) }
        var processID: pid_t = 0
        let code = spawn(
            executable, arguments, environment: environment, input: input.read, output: output, processID: &processID)
        guard code == 0 else {
            close(input.write)
            throw Fault(code: code)
        }
        return Started(processID: processID, input: input.write)
    }

    private static func spawn(
        _ executable: String, _ arguments: [String], environment: [String], input: Int32, output: Int32,
        processID: inout pid_t
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
}
