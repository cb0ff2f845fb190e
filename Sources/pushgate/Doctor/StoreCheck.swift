import Foundation
import PushStorage

/// The database: there, whole, and of this version.
enum StoreCheck {
    static func findings(database path: String) -> [Finding] {
        guard FileManager.default.fileExists(atPath: path) else {
            return [Finding("store", .ok, "no database yet: the first start makes it")]
        }
        do {
            return findings(try StoreInspection(path: path), path: path)
        } catch {
            return [
                Finding(
                    "store", .wrong, "\(path) cannot be opened: \(error)",
                    remedy: "Check its rights and the disk; restore a backup where the file is damaged.")
            ]
        }
    }

    private static func findings(_ found: StoreInspection, path: String) -> [Finding] {
        findings(
            damage: found.damage, missing: found.missingMigrations, unknown: found.unknownMigrations, path: path)
    }

    static func findings(damage: [String], missing: [String], unknown: [String], path: String) -> [Finding] {
        let integrity =
            damage.isEmpty
            ? Finding("store", .ok, "\(path) is whole")
            : Finding(
                "store", .wrong, "\(path) is damaged: \(damage.joined(separator: "; "))",
                remedy: "Stop the gateway, keep a copy of the file, and restore the last backup.")
        let schema: Finding
        if !unknown.isEmpty {
            schema = Finding(
                "schema", .wrong, "made by a newer version (\(unknown.joined(separator: ", ")))",
                remedy: "Run the newer version, or restore a backup of this one.")
        } else if !missing.isEmpty {
            schema = Finding(
                "schema", .warning, "\(missing.count) steps behind: \(missing.joined(separator: ", "))",
                remedy: "The next start takes them, or `pushgate migrate`.")
        } else {
            schema = Finding("schema", .ok, "of this version")
        }
        return [integrity, schema]
    }
}
