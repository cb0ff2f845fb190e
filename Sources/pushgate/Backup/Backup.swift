import ArgumentParser
import Foundation
import PushGateClient

/// `pushgate backup`
struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Copy a data directory, also under a running gateway.",
        discussion: """
            Makes a new folder with the database as it was when the copy began, and the keys that open it: everything \
            that was accepted before is in it, and it is checked before the command ends. Keep it where nobody else \
            reads it. `pushgate restore` brings it back.
            """)

    @OptionGroup var options: ServeOptions
    @Argument(help: "The folder to make.")
    var folder: String
    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        try await reportingFaults {
            let settings = try await options.settings()
            let target = BackupFolder(folder)
            let made = try target.make(of: DataDirectory(settings.dataDirectory), version: Version.text)
            guard json else {
                say(
                    "\(target.path): \(made.messages) messages, \(made.position) entries, \(made.bytes >> 10) KiB, checked"
                )
                return
            }
            say(
                JSONValue.object([
                    "folder": .string(target.path), "messages": JSONValue(made.messages),
                    "entries": JSONValue(made.position), "bytes": JSONValue(made.bytes),
                    "madeAt": JSONValue(Int64(made.madeAt.timeIntervalSince1970 * 1000)),
                ]).description)
        }
    }
}
