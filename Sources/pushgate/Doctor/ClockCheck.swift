import Foundation

/// The clock: tokens, signatures and receipts hang on it. Nothing outside is asked.
enum ClockCheck {
    /// 2026-01-01: this version is younger.
    private static let earliest = Date(timeIntervalSince1970: 1_767_225_600)
    private static let tolerance: TimeInterval = 120

    /// - Parameter newestFile: when the gateway last wrote, which cannot be ahead of now.
    static func finding(now: Date, newestFile: Date?) -> Finding {
        let remedy = "Set the clock, and keep it with NTP (timedatectl set-ntp true)."
        let text = now.formatted(.iso8601)
        if now < earliest { return Finding("clock", .wrong, "\(text) is long ago", remedy: remedy) }
        if let newestFile, newestFile.timeIntervalSince(now) > tolerance {
            return Finding(
                "clock", .wrong, "\(text) is before \(newestFile.formatted(.iso8601)), when the gateway last wrote",
                remedy: remedy)
        }
        return Finding("clock", .ok, text)
    }

    /// Of the database and its log.
    static func newestFile(in directory: DataDirectory) -> Date? {
        [directory.databasePath, directory.databasePath + "-wal"].compactMap { path in
            // A file that is not there has no time.
            (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
        }.max()
    }
}
