import Foundation
import Glibc

/// Who may read the data directory: nobody else anything below `private`.
enum RightsCheck {
    static func findings(_ directory: DataDirectory) -> [Finding] {
        guard FileManager.default.fileExists(atPath: directory.path) else {
            return [Finding("rights", .ok, "no data directory yet: the first start makes \(directory.path)")]
        }
        var findings: [Finding] = []
        // Others only pass through; Mosquitto's own user has to.
        for (path, allowed) in [(directory.path, mode_t(0o711)), (directory.privatePath, mode_t(0o700))] {
            if let finding = finding(path, allowed: allowed) { findings.append(finding) }
        }
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory.privatePath)) ?? []
        for file in files.sorted() {
            if let finding = finding("\(directory.privatePath)/\(file)", allowed: 0o700) { findings.append(finding) }
        }
        if FileManager.default.fileExists(atPath: directory.databasePath) {
            do {
                _ = try directory.masterKey(create: false)
            } catch {
                findings.append(
                    Finding(
                        "rights", .wrong, "\(error)",
                        remedy: "Run doctor as the gateway's own user; restore a lost key from the backup."))
            }
        }
        return findings.isEmpty ? [Finding("rights", .ok, "\(directory.path) is closed to others")] : findings
    }

    private static func finding(_ path: String, allowed: mode_t) -> Finding? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            // A file that went away meanwhile (the database's log) is none.
            if errno == ENOENT, path.hasSuffix("-wal") || path.hasSuffix("-shm") || path.hasSuffix(".new") {
                return nil
            }
            return Finding("rights", .wrong, "\(path): \(String(cString: strerror(errno)))")
        }
        return finding(path, mode: status.st_mode & 0o777, owner: status.st_uid, allowed: allowed, user: geteuid())
    }

    static func finding(_ path: String, mode: mode_t, owner: uid_t, allowed: mode_t, user: uid_t) -> Finding? {
        if mode & ~allowed & 0o077 != 0 {
            let text = String(mode, radix: 8)
            return Finding(
                "rights", .wrong, "\(path) is open to others (0\(text))",
                remedy: "chmod \(String(mode & (allowed | 0o700), radix: 8)) \(path)")
        }
        if owner != user, user != 0 {
            return Finding(
                "rights", .wrong, "\(path) belongs to another user (\(owner))",
                remedy: "Run as that user, or chown it to the gateway's.")
        }
        return nil
    }
}
