import Foundation
import PushGateClient
import TestWaiting
import Testing

extension GatewayStories {
    @Suite struct ConversationStories {
        private func ids(_ page: JSONValue) -> [String] {
            page["items"]?.array?.compactMap { $0["id"]?.string } ?? []
        }

        @Test func `a conversation is read, over HTTP and MQTT alike`() async throws {
            try await withStory { story in
                let ann = try await story.device("ann")
                let bob = try await story.device("bob")
                let tablet = try await story.device("bob", code: "tablet")
                let group = try await story.app.createGroup(id: "team", name: "Team", users: ["ann", "bob"])
                for number in 1...5 {
                    try await ann.client.send(OutgoingMessage(id: "m-\(number)", to: bob.account, text: "\(number)"))
                }
                try await ann.client.send(OutgoingMessage(id: "g-1", to: group, text: "all"))
                try await bob.client.send(OutgoingMessage(id: "m-6", to: ann.account, text: "six"))
                let api = story.api(bob.session)

                // Page by page, in both orders, through both doors.
                let first = try await bob.client.history(with: ann.account, limit: 4)
                #expect(ids(first) == ["m-6", "m-5", "m-4", "m-3"] && first["more"] == true)
                let cursor = first["nextCursor"]?.string
                let rest = try await bob.client.history(with: ann.account, cursor: cursor)
                #expect(ids(rest) == ["m-2", "m-1"] && rest["more"] == false && rest["nextCursor"] == .null)
                #expect(try await ids(api.history(with: ann.account, cursor: cursor)) == ids(rest))
                let all = try await api.history(order: "asc")
                #expect(ids(all) == ["m-1", "m-2", "m-3", "m-4", "m-5", "g-1", "m-6"])
                let messages = try await api.sync(after: 0).items.filter { $0.type.rawValue < 256 }
                #expect(messages.map(\.json) == all["items"]?.array)
                let byApp = try await story.app.history(with: "user:ann", account: "user:bob", order: "asc")
                #expect(ids(byApp) == ["m-1", "m-2", "m-3", "m-4", "m-5", "m-6"])

                // What is unread, and how far it was read.
                let unread = try await bob.client.unread(listsIDs: true)
                #expect(unread["total"]?.integer == 6)
                let behind = unread["peers"]?.array?.map { $0["ids"]?.array?.compactMap(\.string) ?? [] }
                #expect(behind == [["g-1"], ["m-1", "m-2", "m-3", "m-4", "m-5"]])
                let seq = try await bob.entry("m-3").seq
                let some = try await bob.client.markRead(ann.account, through: seq)
                #expect(some["unread"]?.integer == 2 && some["seq"]?.integer == seq)
                let read = try await eventually("the tablet is told") {
                    tablet.received.first { $0.type == .conversationRead }
                }
                #expect(read.content?["peer"]?.string == ann.account && read.content?["seq"]?.integer == seq)
                let seen = try await eventually("ann is told") { ann.received.first { $0.type.rawValue == 261 } }
                #expect(seen.content?["messageId"]?.string == "m-3" && seen.content?["peer"]?.string == bob.account)
                #expect(seen.from == bob.account && seen.to == ann.account)

                let listed = try await api.conversations()["items"]?.array
                #expect(listed?.map { $0["peer"]?.string } == [ann.account, "team"])
                #expect(listed?.map { $0["unread"]?.integer } == [2, 1])
                #expect(listed?.map { $0["last"]?["id"]?.string } == ["m-6", "g-1"])
                #expect(try await api.markRead("team")["unread"]?.integer == 0)
                #expect(try await story.app.markRead("user:ann", account: "user:bob")["peer"]?.string == ann.account)
                #expect(try await api.unread()["total"]?.integer == 0)
                #expect(try await story.app.unread(account: "user:ann")["total"]?.integer == 1)
                let trace = try await story.trace("m-2", user: "bob")
                #expect(trace["stages"]?.array?.contains { $0["stage"]?.string == "read" } == true)

                // A stranger's things do not exist.
                #expect(
                    try await refusal { try await bob.client.history(with: "acct_x") }.code == "recipient_not_found")
                #expect(try await refusal { try await bob.client.markRead("nobody") }.code == "recipient_not_found")
                let other = try await refusal {
                    try await bob.client.request("unread", ["account": .string(ann.account)])
                }
                #expect(other.code == "forbidden")
                let large = try await refusal { try await bob.client.history(limit: 1_000_000_000) }
                #expect(large.code == "invalid_request")
            }
        }

        @Test func `pages over MQTT stay below 64 KiB`() async throws {
            try await withStory { story in
                let ann = try await story.device("ann")
                let bob = try await story.device("bob")
                let text = String(repeating: "x", count: 20_000)
                for number in 0..<8 {
                    try await ann.client.send(OutgoingMessage(id: "m-\(number)", to: bob.account, text: text))
                }
                var found: [String] = []
                var cursor: String?
                repeat {
                    let page = try await bob.client.history(order: "asc", cursor: cursor)
                    #expect(page.bytes.count < 64 * 1024)
                    #expect(page["more"]?.bool == (page["nextCursor"] != .null))
                    found += ids(page)
                    cursor = page["nextCursor"]?.string
                } while cursor != nil
                #expect(found == (0..<8).map { "m-\($0)" })
            }
        }
    }
}
