import PushTestSupport
import Testing

@testable import PushCore

@Suite struct MessageAliasesTests {
    private func message(key: Int64, sender: Int64? = 5, app: Int64? = nil) throws -> ArchivedMessage {
        let sample = try ArchivedMessage.sample(serverTime: 1_715_418_597_999)
        return ArchivedMessage(
            key: MessageKey(rawValue: key), tenantKey: sample.tenantKey, tenantNo: sample.tenantNo, id: sample.id,
            form: sample.form, from: sample.from, to: sample.to, target: nil, type: sample.type,
            content: sample.content, timestamp: 5, isBackground: false, serverTime: sample.serverTime, revision: 0,
            timeToLiveSeconds: nil, state: .live, push: .standard,
            senderAccount: sender.map(AccountKey.init(rawValue:)), senderApp: app.map(AppKey.init(rawValue:)))
    }

    /// 2^32 and beyond: what one half of a key cannot hold.
    private static let keys: [Int64] = [
        1, 2, 3, 255, 65_536, 4_294_967_295, 4_294_967_296, 4_294_967_297, 9_000_000_000,
    ]

    @Test(arguments: keys) func `an alias leads back to its key`(_ key: Int64) throws {
        let message = try message(key: key)
        let aliases = MessageAliases(of: message)
        let newest = MessageKey(rawValue: 10_000_000_000)
        #expect(MessageAliases.candidates(for: aliases.msgKey, newest: newest) == [message.key])
        let candidates = MessageAliases.candidates(for: aliases.msgID, newest: newest)
        #expect(candidates.contains(message.key) && candidates.count <= 3)
        let matching = try candidates.filter {
            MessageAliases(of: try self.message(key: $0.rawValue)).msgKey == aliases.msgKey
        }
        #expect(matching == [message.key])
    }

    @Test func `they have the form and the ranges of Tencent's`() throws {
        var randoms: Set<Substring> = []
        for key in Int64(1)...2000 {
            let aliases = MessageAliases(of: try message(key: key))
            let parts = aliases.msgKey.split(separator: "_")
            #expect(parts.count == 3 && UInt32(parts[0]) != nil && UInt32(parts[1]) != nil && parts[2] == "1715418597")
            #expect(aliases.msgKey.utf8.count <= 50)
            let client = aliases.msgID.split(separator: "-")
            #expect(client.count == 3 && client[0].count == 18 && client[0].hasPrefix("144115"))
            #expect(client[1] == "1715418597" && client[2] == parts[1])
            randoms.insert(parts[1])
        }
        #expect(randoms.count == 2000)
    }

    @Test func `the sender's number tells accounts from apps`() throws {
        let account = MessageAliases(of: try message(key: 1, sender: 5)).msgID
        let app = MessageAliases(of: try message(key: 1, sender: nil, app: 5)).msgID
        let event = MessageAliases(of: try message(key: 1, sender: nil)).msgID
        #expect(Set([account, app, event]).count == 3)
        // The account's number is the same when an app sends in its name.
        #expect(MessageAliases(of: try message(key: 1, sender: 5, app: 5)).msgID == account)
    }

    @Test func `mixing can be undone`() {
        for value in [0, 1, 2, 0x8000_0000, 0xFFFF_FFFF, 0x1234_5678] as [UInt32] {
            #expect(MessageAliases.unmix(MessageAliases.mix(value)) == value)
        }
    }

    @Test(arguments: ["", "a_b_c", "1_2_3_4", "1--3", "-1-2-3", "+1_2_3", "4294967296_1_1", "1_2_", "１_2_3"])
    func `other texts are no aliases`(_ text: String) {
        #expect(MessageAliases.candidates(for: text, newest: MessageKey(rawValue: .max)).isEmpty)
    }
}
