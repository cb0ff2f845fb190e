import PushCore

/// `admin_msgwithdraw` (document 1047-35015): takes a message back, in the direction in which it was sent.
struct TencentWithdrawal: Sendable {
    let changes: MessageChanges
    let conversations: Conversations

    @Sendable func run(_ call: TencentCall) async throws -> TencentFields {
        let fromName = try call.requiredString("From_Account", orThrow: 90008)
        let toName = try call.requiredString("To_Account", orThrow: 90003)
        let key = try call.requiredString("MsgKey", orThrow: 90054)
        // A client's msgID is as good a name.
        guard MessageAliases.numbers(in: key) != nil else { throw TencentError(90054, "MsgKey is no MsgKey.") }
        let sides = TencentSides(call: call, conversations: conversations)
        let from = try await sides.required("From_Account", fromName, orThrow: 90008)
        let to = try await sides.required("To_Account", toName, orThrow: 90003)
        do {
            let message = try await conversations.message(
                named: key, from: from.peer, to: to.peer, as: call.principal)
            guard message.state == .live else { throw TencentError(20023, "The message was withdrawn before.") }
            _ = try await changes.revoke(message.id, nil, as: call.principal)
        } catch let error as GatewayError where error.code == .notFound {
            throw TencentError(20022, "There is no such message.")
        } catch let error as GatewayError where error.code == .messageBurned {
            throw TencentError(20023, "The message was withdrawn before.")
        }
        return TencentCommand.nothing
    }
}
