import PushCore

/// `im_push`: one message to everyone, or to everyone who fits a condition (document 1047-37165).
struct TencentMassPush: Sendable {
    let messaging: Messaging
    let accounts: Accounts
    let tags: Tags

    /// Seconds that a push is kept for who is away, at most.
    private static let lifeSecondsMax: Int64 = 604_800
    /// A push that is for who is online now, by a condition: the job that finds them needs a moment, and so does a
    /// connection that was just lost. Who is away longer than this never sees it.
    private static let onlineSeconds: Int64 = 60

    @Sendable func push(_ call: TencentCall) async throws -> TencentFields {
        let body = try TencentMessageBody(of: call)
        guard let random = try call.integer("MsgRandom", in: 0...Int64(UInt32.max), orThrow: 90005) else {
            throw TencentError(90005, "MsgRandom is missing.")
        }
        let life = try call.integer("MsgLifeTime", in: 0...Int64.max, orThrow: 90044) ?? 0
        guard life <= Self.lifeSecondsMax else {
            throw TencentError(90026, "MsgLifeTime is more than \(Self.lifeSecondsMax) seconds.")
        }
        let push = try TencentOfflinePush(of: call, body: body).json
        let audience = try await audience(of: call)
        let from = try await sender(of: call)

        var options = SendOptions()
        options.audience = audience
        options.asksBeforeSend = false
        options.isReported = false
        let number = UInt32(truncatingIfNeeded: random)
        var numbers = SendOptions.Numbers(sequence: nil, random: number)
        numbers.recognizedFor = TencentPushTask.repeatWindow
        options.numbers = numbers
        _ = try call.string("CloudCustomData")
        let (type, content) = TencentContent.native(msgBody: body.json, cloudCustomData: call.value("CloudCustomData"))
        let isTransient = life == 0 && audience.isEveryone
        let message = RawJSON.object { writer in
            if isTransient {
                writer.member(
                    "id",
                    TencentPushTask.id(app: call.app.app, sender: from, random: number, content: content, at: call.now))
                writer.member("ephemeral", true)
            }
            writer.member("from", ifPresent: from)
            writer.member("type", type.rawValue)
            writer.member("content", content)
            if life > 0 {
                writer.member("ttl", life)
                writer.member("push", push)
            } else if !isTransient {
                writer.member("ttl", Self.onlineSeconds)
                writer.member("countUnread", false)
                writer.object("push") { $0.member("policy", "never") }
            }
        }
        do {
            let acceptance = try await messaging.send(message, as: call.principal, options: options)
            return { $0.member("TaskId", acceptance.id) }
        } catch let error as GatewayError where error.code == .recipientNotFound {
            throw TencentError(90008, "From_Account: there is no account of this name.")
        } catch let error as GatewayError
            where error.code == .invalidRequest && error.errors.first?.pointer.hasPrefix("/push") ?? false
        {
            throw TencentError(90043, "OfflinePushInfo: \(error.detail)")
        }
    }

    /// `from` of a native message; nil for the app itself, which an administrator without an account stands for.
    private func sender(of call: TencentCall) async throws -> String? {
        guard let name = try call.string("From_Account", orThrow: 90008), !name.isEmpty else { return nil }
        guard IDRules.isUserID(name) else { throw TencentError(90008, "From_Account is not valid.") }
        if call.isAdministrator(name), try await accounts.known(among: [name], as: call.principal).isEmpty {
            return nil
        }
        return "user:" + name
    }

    // MARK: The condition

    private func audience(of call: TencentCall) async throws -> Audience {
        guard let value = call.value("Condition") else { return .everyone }
        guard let condition = value.object else { throw TencentPushError.badBody("Condition is no object.") }
        // What is left out widens the audience: a slip in a name must not.
        let known: Set<String> = ["TagsOr", "TagsAnd", "AttrsOr", "AttrsAnd"]
        for member in condition.members where !known.contains(member.key) {
            throw TencentPushError.badBody("Condition has no \(member.key).")
        }
        let namesTags = condition["TagsOr"] != nil || condition["TagsAnd"] != nil
        let namesAttributes = condition["AttrsOr"] != nil || condition["AttrsAnd"] != nil
        switch (namesTags, namesAttributes) {
        case (false, false): return .everyone
        case (true, true): throw TencentPushError.mixedCondition
        case (true, false):
            let any = try condition["TagsOr"].map { try TencentTagging.list($0, "TagsOr") } ?? []
            let all = try condition["TagsAnd"].map { try TencentTagging.list($0, "TagsAnd") } ?? []
            guard Set(any).isDisjoint(with: all) else { throw TencentPushError.repeatedTag }
            return try tags.audience(tagsAny: any, all: all)
        case (false, true):
            let any = try condition["AttrsOr"].map { try TencentAttributes.values($0, "AttrsOr") } ?? [:]
            let all = try condition["AttrsAnd"].map { try TencentAttributes.values($0, "AttrsAnd") } ?? [:]
            return try await TencentPushError.translating(TencentPushError.badAttribute) {
                try await tags.audience(attributesAny: any, all: all, as: call.principal)
            }
        }
    }
}
