import Crypto
import PushCore

/// `import_group_msg` and `import_group_member` (documents 269-1635, 269-1636): the past of a group from elsewhere.
struct TencentGroupImporting: Sendable {
    let groups: Groups
    let imports: Imports

    private static let messagesMax = 20
    private static let membersMax = 500

    // MARK: Messages

    /// Messages with the time they had, silently; one that was imported before stays as it is. Each has a `Result`: 0, or
    /// why it was refused.
    @Sendable func messages(_ call: TencentCall) async throws -> TencentFields {
        let group = try await call.group(in: groups)
        guard let list = try call.objects("MsgList", max: Self.messagesMax), !list.isEmpty else {
            throw call.bad("MsgList", "is missing or empty")
        }
        var results: [(code: Int, place: Int64, seconds: Int64)] = []
        for body in list {
            let item = TencentCall(
                service: call.service, command: call.command, identifier: call.identifier, app: call.app, body: body,
                now: call.now)
            let seconds = body["SendTime"]?.integer ?? 0
            do {
                results.append((0, try await importMessage(item, to: group.group), seconds))
            } catch let error as TencentError {
                results.append((error.code, 0, seconds))
            } catch let error as GatewayError where error.code != .overloaded && error.code != .internalError {
                results.append((call.service.error(of: error).code, 0, seconds))
            }
        }
        return { [results] writer in
            writer.array("ImportMsgResult") { writer in
                for result in results {
                    writer.object { writer in
                        writer.member("Result", result.code)
                        writer.member("MsgSeq", result.place)
                        writer.member("MsgTime", result.seconds)
                    }
                }
            }
        }
    }

    private func importMessage(_ call: TencentCall, to group: Group) async throws -> Int64 {
        let from = try call.requiredString("From_Account")
        guard IDRules.isUserID(from) else { throw TencentError.accountUnknown(from) }
        guard let seconds = try call.integer("SendTime", in: 1...253_402_300_799) else {
            throw call.bad("SendTime", "is missing")
        }
        let message = try TencentGroupMessage(of: call, randomDefault: { Self.number($0) })
        let id = Self.id(group, from, random: message.random, seconds: seconds)
        let body = RawJSON.object { writer in
            writer.member("id", id)
            writer.member("from", "user:" + from)
            writer.member("to", group.groupID)
            message.write(into: &writer)
            writer.member("timestamp", seconds * 1000)
        }
        _ = try await imports.importOne(
            body, as: call.principal, options: try message.options(call, seconds: seconds))
        return try await groups.place(ofMessage: id, as: call.principal) ?? 0
    }

    /// The same for the same number, time and sender in one group, so that a repeat is one. A group of that name that
    /// was made anew is another.
    private static func id(_ group: Group, _ from: String, random: UInt32, seconds: Int64) -> String {
        "tim_" + hex(SHA256.hash(data: Array("\(group.key.rawValue)\n\(from)\n\(random)\n\(seconds)".utf8)).prefix(16))
    }

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count < 2 ? "0" + digits : digits
        }.joined()
    }

    /// Where none was sent: the same for the same content.
    private static func number(_ body: RawJSON) -> UInt32 {
        SHA256.hash(data: Array(body.canonical.bytes)).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    // MARK: Members

    /// Members with the time they joined; nobody is told. Results as of `add_group_member`.
    @Sendable func members(_ call: TencentCall) async throws -> TencentFields {
        let group = try await call.group(in: groups)
        guard let list = try call.objects("MemberList", max: Self.membersMax), !list.isEmpty else {
            throw call.bad("MemberList", "is missing or empty")
        }
        let members = try list.map { member in
            guard let user = member["Member_Account"]?.string, !user.isEmpty else {
                throw call.bad("MemberList", "has an element without Member_Account")
            }
            let seconds = member["JoinTime"]?.integer.flatMap { (1...(call.now / 1000)).contains($0) ? $0 : nil }
            return NewGroupMember(
                userID: user, isAdmin: member["Role"]?.string == GroupRole.admin.rawValue,
                joinedAt: seconds.map { $0 * 1000 })
        }
        do {
            let outcomes = try await groups.join(members, to: group.group, isAnnounced: false, as: call.principal)
            return TencentGroupMembers.answer(zip(members.map(\.userID), outcomes))
        } catch let error as GatewayError where error.code == .tooLarge {
            throw TencentError.groupFull
        }
    }
}
