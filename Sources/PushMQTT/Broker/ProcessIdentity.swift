import Foundation

/// Names a process beyond doubt: a process id alone is used again sooner or later.
struct ProcessIdentity: Equatable {
    let processID: Int32
    /// Field 22 of /proc/PID/stat: clock ticks between boot and the process's start (proc(5)).
    let startTime: UInt64
    /// /proc/sys/kernel/random/boot_id.
    let boot: String
    let executable: String

    /// The living process with this id. `nil` when there is none, or only its zombie.
    init?(processID: Int32, executable: String) {
        guard processID > 1, let text = try? String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8),
            // The name, in parentheses, may itself contain spaces and parentheses.
            let nameEnd = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: nameEnd)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X", let startTime = UInt64(fields[19]) else {
            return nil
        }
        self.processID = processID
        self.startTime = startTime
        self.boot = Self.currentBoot
        self.executable = executable
    }

    /// From the text of a pid file.
    init?(text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 4, let processID = Int32(lines[0]), let startTime = UInt64(lines[1]) else { return nil }
        self.processID = processID
        self.startTime = startTime
        boot = String(lines[2])
        executable = String(lines[3])
    }

    var text: String { "\(processID)\n\(startTime)\n\(boot)\n\(executable)\n" }

    /// Whether that very process is still there.
    var isAlive: Bool {
        guard boot == Self.currentBoot else { return false }
        let now = ProcessIdentity(processID: processID, executable: executable)
        guard now == self else { return false }
        // Not readable: the process changed its user and we may not trace it; id, start and boot have to do.
        guard let running = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(processID)/exe") else {
            return true
        }
        // After an upgrade of the package the link ends in " (deleted)".
        return running == executable || running == executable + " (deleted)"
    }

    private static var currentBoot: String {
        let text = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
