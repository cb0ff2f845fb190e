import Foundation
import Logging
import PushStorage

/// Looks at the store before a gateway opens it: what the disk has lost is named, and nothing is written over it.
enum StartCheck {
    /// Up to this size every page is looked at before the start, beyond it beside the running gateway.
    static let wholeBytesMax: Int64 = 64 << 20

    /// - Throws: `DataDirectory.Fault`, with what is wrong and what to do.
    static func run(_ directory: DataDirectory) throws {
        let path = directory.databasePath
        if let damage = try StoreFiles.damage(at: path) { throw fault(damage, directory) }
        guard let bytes = size(path), bytes > 0, bytes <= wholeBytesMax else { return }
        if let damage = damagedPages(path) { throw fault(damage, directory) }
    }

    static func isLarge(_ directory: DataDirectory) -> Bool { (size(directory.databasePath) ?? 0) > wholeBytesMax }

    /// Reads the whole file; nil when it is sound.
    static func damagedPages(_ path: String) -> String? {
        do {
            return try StoreInspection(path: path).damage.first.map { "\(path) is damaged: \($0)" }
        } catch {
            return "\(path) cannot be read: \(error)"
        }
    }

    static func fault(_ damage: String, _ directory: DataDirectory) -> DataDirectory.Fault {
        DataDirectory.Fault(description: "\(damage). \(remedy(directory))")
    }

    static func remedy(_ directory: DataDirectory) -> String {
        "Nothing was changed. Bring the last backup back: pushgate restore BACKUP --data-dir \(directory.path) --replace"
    }

    private static func size(_ path: String) -> Int64? {
        (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int64  // no store yet
    }
}
