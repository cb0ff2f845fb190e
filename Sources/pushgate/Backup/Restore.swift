import ArgumentParser
import Foundation
import Glibc
import Logging
import PushCore
import PushStorage

/// `pushgate restore`
struct Restore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring a backup back into a data directory.",
        discussion: """
            Refuses while a gateway runs there, and where there is a database already, unless --replace is given: then \
            what was there is kept beside it. What was accepted after the backup is not in it; devices that had more \
            notice it and go on from there.
            """)

    @OptionGroup var options: ServeOptions
    @Argument(help: "The folder that `pushgate backup` made.")
    var folder: String
    @Flag(help: "Put the backup in the place of the database that is there, which is kept in a folder beside it.")
    var replace = false

    func run() async throws {
        try await reportingFaults {
            let settings = try await options.settings()
            let directory = DataDirectory(settings.dataDirectory)
            let backup = BackupFolder(folder)
            let (summary, files) = try backup.check()
            umask(0o077)
            try directory.prepare()
            // Throws while a gateway runs on it.
            let lock = try directory.lock()
            let kept = try Self.makeRoom(in: directory, replaces: replace)
            try Self.bring(files, of: backup, to: directory)
            let storage = try Storage(
                path: directory.databasePath, masterKey: try directory.masterKey(create: false).storage,
                ids: IDGenerator(), limits: Limits(), logger: Logger(label: "pushgate"), wallClock: .system)
            storage.close()
            let time = summary.madeAt.formatted(.iso8601)
            say("\(directory.path) is as it was at \(time): \(summary.messages) messages, \(summary.position) entries")
            if let kept { say("what was there before is in \(kept)") }
            _ = consume lock
        }
    }

    /// The database, what belongs to it, and the keys: a log that is left beside a database of another day would be
    /// taken for its own.
    private static func present(_ directory: DataDirectory) -> [String] {
        (["", "-wal", "-shm", "-journal"].map { directory.databasePath + $0 } + directory.keyFiles)
            .filter(FileManager.default.fileExists(atPath:))
    }

    /// - Returns: where the old files are kept; nil when there were none.
    private static func makeRoom(in directory: DataDirectory, replaces: Bool) throws -> String? {
        let files = present(directory)
        guard !files.isEmpty else { return nil }
        guard replaces else {
            throw DataDirectory.Fault(
                description: "There is a store in \(directory.privatePath) already: restore into another --data-dir, "
                    + "or give --replace to put the backup in its place.")
        }
        let stamp = Int64(Date().timeIntervalSince1970 * 1000)
        let folder = "\(directory.privatePath)/replaced-\(stamp)"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        for file in files {
            let name = URL(fileURLWithPath: file).lastPathComponent
            guard rename(file, "\(folder)/\(name)") == 0 else { throw BackupFolder.fault(file) }
        }
        return folder
    }

    /// The database last: until it is there, `serve` starts with nothing of this.
    private static func bring(_ files: [String], of backup: BackupFolder, to directory: DataDirectory) throws {
        let keysFirst = files.filter { $0 != BackupFolder.databaseName } + [BackupFolder.databaseName]
        for name in keysFirst {
            let place = "\(directory.privatePath)/\(name)"
            unlink(place + ".new")
            try BackupFolder.copy("\(backup.path)/\(name)", to: place + ".new")
            guard rename(place + ".new", place) == 0 else { throw BackupFolder.fault(place) }
        }
        try BackupFolder.syncFolder(directory.privatePath)
    }
}
