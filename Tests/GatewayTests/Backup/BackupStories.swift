import Foundation
import PushGateClient
import Synchronization
import Testing

extension GatewayStories {
    /// A copy of a running gateway, and the way back.
    @Suite struct BackupStories {
        private func pushgate(_ arguments: [String]) async throws -> (
            ending: ChildProcess.Ending, output: String, errors: String
        ) {
            try await ChildProcess.run([try GatewayProcess.executable()] + arguments, within: .seconds(60))
        }

        private func backUp(_ gateway: GatewayProcess, to folder: String) async throws {
            let run = try await pushgate(["backup", folder, "--data-dir", gateway.dataDirectory])
            try #require(run.ending == .exited(0), "\(run.output)\(run.errors)")
        }

        @Test func `a backup taken under load has every message that was accepted before, and comes back`() async throws
        {
            try await withStory { story in
                let bob = try await story.device("bob")
                var senders: [StoryDevice] = []
                for number in 0..<4 { senders.append(try await story.device("sender-\(number)")) }
                let traffic = Traffic(300, from: senders, to: bob.account, story)
                let backup = story.gateway.dataDirectory + ".backup"
                let atBackup = Mutex<Set<String>>([])
                try await traffic.run(disturbedAfter: 80) {
                    atBackup.withLock { $0 = Set(traffic.receipts.keys) }
                    try await backUp(story.gateway, to: backup)
                }
                #expect(atBackup.withLock { $0.count } >= 80)
                let rights = try FileManager.default.attributesOfItem(atPath: backup)[.posixPermissions] as? Int
                #expect(rights == 0o700)
                let again = try await pushgate(["backup", backup, "--data-dir", story.gateway.dataDirectory])
                #expect(again.ending == .exited(1) && again.errors.contains("there already"), "\(again.errors)")

                let restore = ["restore", backup, "--data-dir", story.gateway.dataDirectory]
                let live = try await pushgate(restore + ["--replace"])
                #expect(live.ending == .exited(1) && live.errors.contains("uses"), "\(live.errors)")
                #expect(try await story.gateway.terminate() == .exited(0))
                let taken = try await pushgate(restore)
                #expect(taken.ending == .exited(1) && taken.errors.contains("--replace"), "\(taken.errors)")
                let restored = try await pushgate(restore + ["--replace"])
                #expect(restored.ending == .exited(0), "\(restored.errors)")

                try await story.gateway.start(client: story.client)
                let inbox = try await StoryDevice.inbox(story.api(bob.session))
                #expect(inbox.compactMap(\.seq) == Array(1...Int64(inbox.count)))
                #expect(atBackup.withLock { $0 }.subtracting(inbox.map(\.id)) == [])
                // Apps and devices go on with what they had.
                try await story.app.send(OutgoingMessage(id: "afterwards", to: bob.account, text: "hello"))
                #expect(try await StoryDevice.inbox(story.api(bob.session)).last?.id == "afterwards")
            }
        }

        @Test func `damage on disk is named at start with the way back, and nothing is written over it`() async throws {
            try await withStory { story in
                let bob = try await story.register("bob")
                let text = String(repeating: "x", count: 2000)
                for number in 0..<100 {
                    try await story.app.send(OutgoingMessage(id: "m-\(number)", to: bob.account, text: text))
                }
                let backup = story.gateway.dataDirectory + ".backup"
                try await backUp(story.gateway, to: backup)
                let database = story.gateway.dataDirectory + "/private/pushgate.db"
                // Killed, and the disk has lost the end of the log.
                try await story.gateway.kill()
                let log = try FileHandle(forUpdating: URL(fileURLWithPath: database + "-wal"))
                try log.truncate(atOffset: try log.seekToEnd() / 2)
                try log.close()
                try await refusesToStart(story.gateway, naming: database + "-wal")
                try await restore(backup, story)

                // Stopped, and a page is no longer what it was.
                #expect(try await story.gateway.terminate() == .exited(0))
                let file = try FileHandle(forUpdating: URL(fileURLWithPath: database))
                try file.seek(toOffset: 20 * 4096)
                try file.write(contentsOf: Data(repeating: 0xA5, count: 4 * 4096))
                try file.close()
                try await refusesToStart(story.gateway, naming: database)
                try await restore(backup, story)

                #expect(try await story.gateway.terminate() == .exited(0))
                let short = try FileHandle(forUpdating: URL(fileURLWithPath: database))
                try short.truncate(atOffset: try short.seekToEnd() - 8192)
                try short.close()
                try await refusesToStart(story.gateway, naming: database)
                try await restore(backup, story)
                let inbox = try await StoryDevice.inbox(story.api(bob))
                #expect(inbox.map(\.id) == (0..<100).map { "m-\($0)" })
            }
        }

        private func refusesToStart(_ gateway: GatewayProcess, naming file: String) async throws {
            let before = FileManager.default.contents(atPath: file)
            let run = try await pushgate([
                "serve", "--data-dir", gateway.dataDirectory, "--http", "127.0.0.1:\(gateway.httpPort)", "--mqtt",
                "127.0.0.1:\(gateway.mqttPort)",
            ])
            #expect(run.ending == .exited(1))
            #expect(run.errors.contains(file) && run.errors.contains("pushgate restore"), "\(run.errors)")
            #expect(FileManager.default.contents(atPath: file) == before)
        }

        private func restore(_ backup: String, _ story: Story) async throws {
            let run = try await pushgate([
                "restore", backup, "--data-dir", story.gateway.dataDirectory, "--replace",
            ])
            try #require(run.ending == .exited(0), "\(run.errors)")
            try await story.gateway.start(client: story.client)
        }

        @Test func `a backup that is damaged, or none, is not brought back`() async throws {
            try await withStory { story in
                _ = try await story.register("bob")
                let backup = story.gateway.dataDirectory + ".backup"
                try await backUp(story.gateway, to: backup)
                let target = story.gateway.dataDirectory + ".other"
                let file = try FileHandle(forUpdating: URL(fileURLWithPath: backup + "/pushgate.db"))
                try file.seek(toOffset: 5000)
                try file.write(contentsOf: Data([0xA5]))
                try file.close()
                let damaged = try await pushgate(["restore", backup, "--data-dir", target])
                #expect(damaged.ending == .exited(1) && damaged.errors.contains("pushgate.db"), "\(damaged.errors)")
                let none = try await pushgate(["restore", target, "--data-dir", target])
                #expect(none.ending == .exited(1) && none.errors.contains("no backup"), "\(none.errors)")
                #expect(!FileManager.default.fileExists(atPath: target + "/private/pushgate.db"))
                // Without a gateway there is nothing to copy.
                let nothing = try await pushgate(["backup", target + ".backup", "--data-dir", target])
                #expect(nothing.ending == .exited(1))
            }
        }
    }
}
