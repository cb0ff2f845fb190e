import Foundation
import PushGateClient
import Synchronization

/// What simulated devices see, as lines for people or as JSON.
final class DeviceReport: Sendable {
    private struct Counts {
        var devices = 0
        var entries = 0
    }

    private let isJSON: Bool
    private let isQuiet: Bool
    private let counts = Mutex(Counts())

    init(isJSON: Bool, isQuiet: Bool) {
        self.isJSON = isJSON
        self.isQuiet = isQuiet
    }

    func registered(_ session: DeviceSession) {
        counts.withLock { $0.devices += 1 }
        write(
            [
                "event": "registered", "userId": .string(session.userID), "account": .string(session.account),
                "deviceId": .string(session.deviceID), "new": .bool(session.isNew),
            ],
            "\(session.userID): \(session.isNew ? "registered" : "known") as \(session.deviceID) of \(session.account)")
    }

    func event(_ event: DeviceEvent, at userID: String) {
        switch event {
        case .entry(let entry):
            counts.withLock { $0.entries += 1 }
            write(
                ["event": "message", "userId": .string(userID), "message": entry.json],
                "\(userID): \(EntryText.line(entry))")
        case .connected: write(["event": "connected", "userId": .string(userID)], "\(userID): connected")
        case .caughtUp: break
        case .disconnected(let reason):
            write(
                ["event": "disconnected", "userId": .string(userID), "reason": .string(reason)],
                "\(userID): disconnected, \(reason)")
        case .refused(let code):
            let text = "refused by the broker with code \(code): the credential is expired or revoked"
            write(["event": "refused", "userId": .string(userID), "code": JSONValue(code)], "\(userID): \(text)")
        case .storeFailed(let reason):
            write(
                ["event": "store failed", "userId": .string(userID), "reason": .string(reason)],
                "\(userID): store failed, \(reason)")
        case .rewound(let channel, let position):
            write(
                [
                    "event": "rewound", "userId": .string(userID), "channel": .string(channel.rawValue),
                    "to": JSONValue(position),
                ], "\(userID): the gateway has only \(position) entries in \(channel.rawValue)")
        }
    }

    func summary() {
        let counts = counts.withLock { $0 }
        let json: JSONValue = [
            "event": "summary", "devices": JSONValue(counts.devices), "messages": JSONValue(counts.entries),
        ]
        say(isJSON ? json.description : "\(counts.devices) devices, \(counts.entries) messages and events")
    }

    private func write(_ json: JSONValue, _ text: String) {
        guard !isQuiet else { return }
        say(isJSON ? json.description : text)
    }
}

/// An entry in one line.
enum EntryText {
    static func line(_ entry: Entry) -> String {
        let place = entry.seq.map { entry.channel == .inbox ? "#\($0)" : "broadcast #\($0)" } ?? "ephemeral"
        let author = entry.target.map { ", written by \($0)" } ?? ""
        return "\(place) \(entry.id) from \(entry.from ?? "?")\(author): \(body(entry))"
    }

    private static func body(_ entry: Entry) -> String {
        let marks = [
            (entry.isRevoked, "revoked"), (entry.isBurned, "burned"), (entry.isExpired, "expired"),
            (entry.isSuperseded, "edited later"),
        ].filter(\.0).map(\.1)
        guard marks.isEmpty else { return "(\(marks.joined(separator: ", ")))" }
        if entry.type == .text, let text = entry.content?["text"]?.string { return text }
        return "type \(entry.type.rawValue) \(entry.content?.description ?? "null")"
    }
}
