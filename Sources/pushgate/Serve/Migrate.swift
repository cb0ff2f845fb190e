import ArgumentParser
import Foundation
import Logging
import PushCore
import PushStorage

/// `pushgate migrate`
struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring the database to this version's schema. `serve` does it by itself at start.")

    @OptionGroup var options: ServeOptions

    func run() async throws {
        try await reportingFaults {
            let settings = try await options.settings()
            let directory = DataDirectory(settings.dataDirectory)
            try directory.prepare()
            let lock = try directory.lock()
            try StartCheck.run(directory)
            let master = try directory.masterKey(create: true)
            let storage = try Storage(
                path: directory.databasePath, masterKey: master.storage, ids: IDGenerator(), limits: Limits(),
                logger: Logger(label: "pushgate"), wallClock: .system)
            storage.close()
            print("\(directory.databasePath) has the schema of PushGate \(Version.text)")
            _ = consume lock
        }
    }
}
