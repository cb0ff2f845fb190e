import PushGateClient
import PushSimulators

/// What becomes of messages after they have arrived: read, edited, taken back, and one for everybody.
extension DemoStory {
    func read() async throws {
        say("\n8. bob reads")
        let bobAPI = stage.api.authorized(by: .bearer(bob.client.credential.value))
        let before = try await bobAPI.unread()["total"]?.integer ?? 0
        guard before > 0 else { throw DemoFault("nothing is unread, though bob has read nothing") }
        let answer = try await bob.client.markRead(ann.account)
        let after = try await bobAPI.unread()["total"]?.integer ?? 0
        guard after < before, answer["unread"]?.integer == 0 else { throw DemoFault("reading has not lowered unread") }
        let receipt = try await devices.waitForEntry(within: .seconds(20)) { [ann] arrival in
            arrival.device == ann.index && arrival.entry.type.rawValue == 261
        }.entry
        say("   Unread before: \(before). He opens the conversation with ann: \(after).")
        say("   ann's device is told (type 261): \(receipt.content?.description ?? "")")
    }

    func edit() async throws {
        say("\n9. ann edits the group message")
        let annAPI = stage.api.authorized(by: .bearer(ann.client.credential.value))
        _ = try await annAPI.updateMessage(id("group"), content: ["text": "Meeting moved to 11"])
        let messageID = id("group")
        let entry = try await devices.waitForEntry(within: .seconds(30)) { [bob] arrival in
            arrival.device == bob.index && arrival.entry.id == messageID && arrival.entry.revision == 1
        }.entry
        let group = entry.from ?? ""
        let history = try await stage.api.authorized(by: .bearer(bob.client.credential.value)).history(with: group)
        let shown = history["items"]?.array?.first { $0["id"]?.string == messageID }
        guard shown?["content"]?["text"]?.string == "Meeting moved to 11" else {
            throw DemoFault("the history does not show the edited text: \(shown ?? .null)")
        }
        say("   bob has it as #\(entry.seq ?? 0): the same id, revision \(entry.revision), \"Meeting moved to 11\".")
        say("   His history shows it once, in its first place, with the new text.")
    }

    func revoke() async throws {
        say("\n10. ann writes to cleo, whose phone is off again, and takes it back")
        await cleo.goOffline()
        let message = OutgoingMessage(id: id("regret"), to: cleo.account, text: "You are late again")
        _ = try await ann.client.send(message)
        let shown = try await expecting("the push to cleo", within: .seconds(40)) {
            try await stage.push(of: message.id, vendor: .fcm)
        }
        let annAPI = stage.api.authorized(by: .bearer(ann.client.credential.value))
        _ = try await annAPI.revokeMessage(message.id)
        let replaced = try await expecting("the push that replaces it", within: .seconds(40)) {
            let pushes = try await stage.pushes(of: message.id)
            return pushes.first { $0["body"]?.string != shown["body"]?.string }
        }
        try cleo.comeOnline()
        let entry = try await receive(message.id, at: cleo)
        guard entry.isRevoked, entry.json["content"] == .null else {
            throw DemoFault("cleo got what was taken back: \(entry.json)")
        }
        say("   Her phone showed \"\(shown["body"]?.string ?? "")\"; the same notification now says")
        say(
            "   \"\(replaced["body"]?.string ?? "")\". Switched on, it fetches #\(entry.seq ?? 0): revoked, content null."
        )
    }

    func tellEverybody() async throws {
        say("\n11. The app tells everybody")
        var message = OutgoingMessage(id: id("news"), to: nil, text: "The canteen opens at 12")
        message.audience = ["all": true]
        _ = try await appAPI.send(message)
        for device in [ann, bob] {
            let entry = try await receive(message.id, at: device)
            guard entry.channel == .broadcast, entry.to == "*" else { throw DemoFault("no broadcast: \(entry.json)") }
        }
        let status = try await expecting("the count of the broadcast", within: .seconds(20)) {
            let status = try await appAPI.broadcast(message.id)
            return status.audience == nil ? nil : status
        }
        say("   Archived once, published once: ann and bob have it; addressed are \(status.audience ?? 0) accounts.")
        say(
            "   State \(status.state.rawValue): phones that do not confirm are pushed (GET /v1/broadcasts/\(message.id))."
        )
    }
}
