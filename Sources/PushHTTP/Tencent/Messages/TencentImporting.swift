import Crypto
import PushCore

/// `importmsg` (document 269-2568): one message of elsewhere, as history or as one that is new.
struct TencentImporting: Sendable {
    let imports: Imports
    let messaging: Messaging
    let conversations: Conversations

    @Sendable func run(_ call: TencentCall) async throws -> TencentFields {
        let isHistory = try Self.isHistory(call)
        let fromName = try call.requiredString("From_Account", orThrow: 90008)
        let toName = try call.requiredString("To_Account", orThrow: 90003)
        let outgoing = try TencentOutgoing(of: call)
        guard let seconds = outgoing.timestamp else { throw TencentError(90006, "MsgTimeStamp is missing.") }
        let sides = TencentSides(call: call, conversations: conversations)
        let from = try await sides.required("From_Account", fromName, orThrow: 20003).peer
        let to = try await sides.required("To_Account", toName, orThrow: 20003).peer
        let sequence = outgoing.sequence ?? Self.sequence(random: outgoing.random, seconds: seconds)
        // What was sent through the gateway has another id than its copy from elsewhere.
        let numbers = MessageNumbers(sequence: sequence, random: outgoing.random, seconds: seconds)
        if try await conversations.hasMessage(alias: numbers.msgKey, between: from, and: to, as: call.principal) {
            return TencentCommand.nothing
        }
        let push = isHistory ? nil : try TencentOfflinePush(of: call, body: outgoing.body).json
        let body = RawJSON.object { writer in
            writer.member("id", Self.id(from, to, sequence: sequence, random: outgoing.random, seconds: seconds))
            writer.member("from", from.id)
            writer.member("to", to.id)
            outgoing.writeContent(into: &writer)
            writer.member("push", ifPresent: push)
        }
        // No service is asked or told.
        var options = SendOptions()
        (options.asksBeforeSend, options.isReported) = (false, false)
        // The id tells a repeat: a message sent just before with the same numbers is another one.
        options.numbers = .init(
            sequence: sequence, random: outgoing.random, seconds: isHistory ? seconds : nil, recognizedFor: 0)
        do {
            if isHistory {
                _ = try await imports.importOne(body, as: call.principal, options: options)
            } else {
                _ = try await messaging.send(body, as: call.principal, options: options)
            }
        } catch let error as GatewayError where error.code == .messageIDConflict {
            // The first one wins, whatever this one says.
        } catch let error as GatewayError {
            throw TencentSending.refusal(error)
        }
        return TencentCommand.nothing
    }

    /// 2: history, neither unread nor pushed; 5, and 1 in older SDKs: a message that is new.
    private static func isHistory(_ call: TencentCall) throws(TencentError) -> Bool {
        switch try call.integer("SyncFromOldSystem", orThrow: 90030) {
        case 2: return true
        case 1, 5: return false
        default: throw TencentError(90030, "SyncFromOldSystem is neither 2 nor 5.")
        }
    }

    /// The same for the same numbers in one conversation, in whichever direction: so a repeat is one.
    private static func id(
        _ one: NamedPeer, _ other: NamedPeer, sequence: UInt32, random: UInt32, seconds: Int64
    ) -> String {
        let sides = [one.id, other.id].sorted().joined(separator: "\n")
        let hash = SHA256.hash(data: Array("\(sides)\n\(sequence)\n\(random)\n\(seconds)".utf8))
        return "tim_"
            + hash.prefix(16).map { byte in
                let digits = String(byte, radix: 16)
                return digits.count < 2 ? "0" + digits : digits
            }.joined()
    }

    /// Where none was sent: the same at every repeat.
    private static func sequence(random: UInt32, seconds: Int64) -> UInt32 {
        SHA256.hash(data: Array("\(random)\n\(seconds)".utf8)).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }
}
