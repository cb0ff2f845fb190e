import Crypto
import Foundation
import Glibc
import PushGateClient
import PushStorage

/// A backup: a folder with the database, the keys that open it, and a list of them with their checksums.
struct BackupFolder {
    struct Summary {
        let madeAt: Date
        let position: Int64
        let messages: Int64
        let bytes: Int64
    }

    let path: String

    init(_ path: String) { self.path = URL(fileURLWithPath: path).standardizedFileURL.path }

    static let databaseName = "pushgate.db"
    private static let listName = "backup.json"

    /// Whole or not at all: it is made beside its place, and moved there when everything is on disk.
    func make(of directory: DataDirectory, version: String) throws -> Summary {
        guard !FileManager.default.fileExists(atPath: path) else {
            throw DataDirectory.Fault(description: "\(path) is there already: a backup goes into a new folder.")
        }
        _ = try directory.masterKey(create: false)
        let work = path + ".unfinished"
        try? FileManager.default.removeItem(atPath: work)  // of a backup that was cut short, if there is one
        try FileManager.default.createDirectory(
            atPath: work, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        do {
            let summary = try fill(work, from: directory, version: version)
            guard rename(work, path) == 0 else { throw Self.fault(path) }
            try Self.syncFolder(URL(fileURLWithPath: path).deletingLastPathComponent().path)
            return summary
        } catch {
            try? FileManager.default.removeItem(atPath: work)  // what went wrong before is what is told
            throw error
        }
    }

    private func fill(_ work: String, from directory: DataDirectory, version: String) throws -> Summary {
        let madeAt = Date()
        let copy = try StoreBackup(of: directory.databasePath, to: "\(work)/\(Self.databaseName)")
        var files = ["\(work)/\(Self.databaseName)"]
        for key in directory.keyFiles where FileManager.default.fileExists(atPath: key) {
            let place = "\(work)/\(URL(fileURLWithPath: key).lastPathComponent)"
            try Self.copy(key, to: place)
            files.append(place)
        }
        let list: JSONValue = .object([
            "pushgate": .string(version), "madeAt": JSONValue(Int64(madeAt.timeIntervalSince1970 * 1000)),
            "position": JSONValue(copy.position), "messages": JSONValue(copy.messages),
            "files": .object(
                try files.map {
                    JSONValue.Member(URL(fileURLWithPath: $0).lastPathComponent, .string(try Self.checksum($0)))
                }),
        ])
        try Data(list.bytes).write(to: URL(fileURLWithPath: "\(work)/\(Self.listName)"))
        chmod("\(work)/\(Self.databaseName)", 0o600)
        try Self.syncFile("\(work)/\(Self.listName)")
        try Self.syncFolder(work)
        return Summary(
            madeAt: madeAt, position: copy.position, messages: copy.messages,
            bytes: try Self.size("\(work)/\(Self.databaseName)"))
    }

    /// Everything that the list names is there and as it was.
    /// - Returns: the names of the files, the database among them.
    func check() throws -> (summary: Summary, files: [String]) {
        let listPath = "\(path)/\(Self.listName)"
        guard let bytes = FileManager.default.contents(atPath: listPath),
            let list = try? JSONValue(parsing: Array(bytes)), let files = list["files"]?.members,
            files.contains(where: { $0.name == Self.databaseName })
        else { throw DataDirectory.Fault(description: "\(path) is no backup: \(Self.listName) is missing or damaged.") }
        for file in files {
            // A name, never a way out of the folder.
            guard !file.name.contains("/"), try Self.checksum("\(path)/\(file.name)") == file.value.string else {
                throw DataDirectory.Fault(description: "\(path)/\(file.name) is not what was backed up: it is damaged.")
            }
        }
        let found = try StoreInspection(path: "\(path)/\(Self.databaseName)")
        if let damage = found.damage.first {
            throw DataDirectory.Fault(description: "\(path)/\(Self.databaseName) is damaged: \(damage)")
        }
        if let unknown = found.unknownMigrations.first {
            throw DataDirectory.Fault(description: "The backup is of a newer version (\(unknown)).")
        }
        let summary = Summary(
            madeAt: Date(timeIntervalSince1970: Double(list["madeAt"]?.integer ?? 0) / 1000),
            position: list["position"]?.integer ?? 0, messages: list["messages"]?.integer ?? 0,
            bytes: try Self.size("\(path)/\(Self.databaseName)"))
        return (summary, files.map(\.name))
    }

    // MARK: Files

    static func copy(_ source: String, to destination: String) throws {
        let input = try FileHandle(forReadingFrom: URL(fileURLWithPath: source))
        defer { try? input.close() }  // nothing was written to it
        let descriptor = open(destination, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw fault(destination) }
        let output = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        while let part = try input.read(upToCount: 1 << 20), !part.isEmpty { try output.write(contentsOf: part) }
        try output.synchronize()
        try output.close()
    }

    private static func checksum(_ path: String) throws -> String {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }  // nothing was written
        var hash = SHA256()
        while let part = try file.read(upToCount: 1 << 20), !part.isEmpty { hash.update(data: part) }
        return hash.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func size(_ path: String) throws -> Int64 {
        (try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int64) ?? 0
    }

    static func syncFile(_ path: String) throws {
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        try file.synchronize()
        try file.close()
    }

    static func syncFolder(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw fault(path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw fault(path) }
    }

    static func fault(_ path: String) -> DataDirectory.Fault {
        DataDirectory.Fault(description: "\(path): \(String(cString: strerror(errno)))")
    }
}
