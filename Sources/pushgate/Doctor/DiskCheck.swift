import Foundation
import Glibc

/// Room for the archive.
enum DiskCheck {
    private static let wrongBytes: UInt64 = 128 << 20
    private static let warningBytes: UInt64 = 1 << 30

    static func finding(at path: String) -> Finding {
        var folder = URL(fileURLWithPath: path)
        // Before the first start: the disk on which it will lie.
        while folder.path != "/", !FileManager.default.fileExists(atPath: folder.path) {
            folder.deleteLastPathComponent()
        }
        var status = statvfs()
        guard statvfs(folder.path, &status) == 0 else {
            return Finding("disk", .wrong, "\(folder.path): \(String(cString: strerror(errno)))")
        }
        return finding(
            freeBytes: UInt64(status.f_bavail) * UInt64(status.f_frsize), freeFiles: UInt64(status.f_favail),
            hasFileLimit: status.f_files > 0, path: folder.path)
    }

    static func finding(freeBytes: UInt64, freeFiles: UInt64, hasFileLimit: Bool, path: String) -> Finding {
        let text = "\(freeBytes >> 20) MiB free at \(path)"
        if hasFileLimit, freeFiles < 100 {
            return Finding("disk", .wrong, "no room for files at \(path)", remedy: "Remove files on that disk.")
        }
        let remedy = "Make room: senders are answered 503 when the archive cannot grow."
        if freeBytes < wrongBytes { return Finding("disk", .wrong, text, remedy: remedy) }
        return Finding(
            "disk", freeBytes < warningBytes ? .warning : .ok, text, remedy: freeBytes < warningBytes ? remedy : nil)
    }
}
