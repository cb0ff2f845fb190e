import Foundation
import PushGateClient
import TestWaiting
import Testing

extension GatewayStories {
    /// What README tells a reader to paste: Mosquitto's own tools, no SDK.
    @Suite struct StockClientStories {
        private func arguments(_ tool: String, _ device: DeviceSession, _ version: String) -> [String] {
            [
                "/usr/bin/\(tool)", "-V", version, "-h", device.broker.host, "-p", "\(device.broker.port)", "-i",
                device.deviceID, "-u", device.account, "-P", device.credential.value, "-q", "1",
            ]
        }

        @Test(arguments: ["mqttv311", "mqttv5"])
        func `mosquitto_pub sends, mosquitto_sub receives, asks and is answered`(version: String) async throws {
            try await withStory { story in
                let ann = try await story.register("ann")
                let bob = try await story.register("bob")
                let files = TemporaryFolder()
                defer { files.remove() }
                let subscriber = try ChildProcess(
                    arguments("mosquitto_sub", bob, version) + [
                        "-t", bob.topics.inbox, "-t", bob.topics.broadcast, "-C", "2",
                    ],
                    output: files.path("out"), errors: files.path("err"))
                defer { subscriber.send(SIGKILL) }
                try await eventually("mosquitto_sub is online") {
                    let devices = try await story.app.account(userID: "bob")["devices"]?.array
                    return devices?.first?["online"]?.bool == true
                }
                // Its SUBSCRIBE may still be on the way: what comes before that is for sync.
                let message =
                    #"{"id":"by-tool","to":"\#(bob.account)","type":0,"content":{"text":"hi"},"requestId":"r"}"#
                let publisher = try await ChildProcess.run(
                    arguments("mosquitto_pub", ann, version) + ["-t", "\(ann.topics.up)/send", "-m", message])
                #expect(publisher.ending == .exited(0), "\(publisher.errors)")
                try await eventually("the gateway has it") {
                    (try? await story.app.message("by-tool")) != nil
                }
                var count = 0
                while subscriber.ended == nil, count < 50 {
                    count += 1
                    try await story.app.send(OutgoingMessage(id: "app-\(count)", to: "user:bob", text: "hi"))
                    let before = ChildProcess.text(of: files.path("out")).count
                    _ = try? await eventually("a line", within: .milliseconds(300)) {
                        subscriber.ended != nil || ChildProcess.text(of: files.path("out")).count > before
                    }
                }
                #expect(try await subscriber.waitUntilEnded() == .exited(0))
                let lines = ChildProcess.text(of: files.path("out")).split(separator: "\n")
                let received = try lines.map { try JSONValue(parsing: Array($0.utf8)) }
                #expect(received.count == 2)
                #expect(received.allSatisfy { $0["to"]?.string == bob.account })
                #expect(try await StoryDevice.inbox(story.api(bob)).first?.id == "by-tool")

                // A foreign topic: the tool is told so.
                let thief = try await ChildProcess.run(
                    arguments("mosquitto_sub", bob, version) + ["-t", ann.topics.inbox, "-W", "1", "-C", "1"])
                #expect(thief.output.isEmpty)
                #expect(thief.errors.contains("denied"), "\(thief)")
            }
        }
    }
}
