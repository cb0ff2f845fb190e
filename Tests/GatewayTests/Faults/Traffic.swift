import Foundation
import PushGateClient
import Synchronization
import TestWaiting

/// Senders at both doors that do what a sender has to do: repeat a message with its id until it is answered.
final class Traffic: Sendable {
    private let accepted = Mutex<[String: SendReceipt]>([:])
    let ids: [String]
    private let story: Story
    private let devices: [StoryDevice]
    private let recipient: String

    /// - Parameters:
    ///   - count: of messages; every other one goes over MQTT.
    ///   - devices: who sends over MQTT.
    init(_ count: Int, from devices: [StoryDevice], to recipient: String, _ story: Story, prefix: String = "m") {
        ids = (0..<count).map { "\(prefix)-\($0)" }
        self.story = story
        self.devices = devices
        self.recipient = recipient
    }

    /// What was answered so far.
    var receipts: [String: SendReceipt] { accepted.withLock { $0 } }

    /// Sends everything, 48 messages at a time, and meanwhile runs `disturbance` once `after` of them are accepted.
    func run(disturbedAfter after: Int, _ disturbance: @escaping @Sendable () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await eventually("\(after) messages are accepted") { self.receipts.count >= after }
                try await disturbance()
            }
            for lane in 0..<48 {
                group.addTask {
                    for index in stride(from: lane, to: self.ids.count, by: 48) { try await self.send(index) }
                }
            }
            try await group.waitForAll()
        }
    }

    private func message(_ id: String) -> OutgoingMessage {
        OutgoingMessage(id: id, to: recipient, type: .text, content: ["text": "hello"], timestamp: 1)
    }

    private func send(_ index: Int) async throws {
        let message = message(ids[index])
        let receipt = try await eventually("\(message.id) is answered", within: .seconds(60)) {
            do {
                try await story.gateway.acceptsHTTP()
                return index.isMultiple(of: 2)
                    ? try await story.app.send(message)
                    : try await devices[index / 2 % devices.count].client.send(message)
            } catch let problem as GatewayProblem where problem.status < 500 && problem.code != "overloaded" {
                throw problem
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                return nil
            }
        }
        accepted.withLock { $0[message.id] = receipt }
    }

    /// Sends every message once more: which were not known, or are answered otherwise than the first time.
    func repeatAll() async throws -> [String] {
        var different: [String] = []
        for (index, id) in ids.enumerated() {
            let second =
                index.isMultiple(of: 2)
                ? try await story.app.send(message(id))
                : try await devices[index / 2 % devices.count].client.send(message(id))
            if !second.isDuplicate || second.serverTime != receipts[id]?.serverTime { different.append(id) }
        }
        return different
    }
}
