import PushTestSupport
import Testing

@testable import PushCore

@Suite struct PushContentTests {
    @Test(
        arguments: [
            (#"{"badge":7}"#, nil, 7), (#"{"badge":"auto"}"#, 12, 12), (#"{"badge":"auto"}"#, 0, 0), ("{}", nil, nil),
        ] as [(String, Int?, Int?)])
    func `a badge is what the sender says, or what is unread`(options: String, unread: Int?, badge: Int?) throws {
        let message = try ArchivedMessage.sample(push: options)
        #expect(message.push.showsUnreadTotal == options.contains("auto"))
        let token = PushToken(vendor: .fcm, token: "token-1")
        let subject = PushSubject(
            message: message, device: .sample(), tenant: .sample, token: token, isAcknowledged: false, senderName: nil,
            unreadTotal: unread)
        #expect(PushContent.push(subject, token: token, limits: Limits(), now: 2000).badge == badge)
    }
}
