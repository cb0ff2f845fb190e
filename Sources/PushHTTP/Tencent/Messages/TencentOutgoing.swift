import PushCore

/// What the commands that send have in common, as members of a native message.
struct TencentOutgoing {
    /// Seconds that a message is kept for a receiver who is away, at most.
    static let lifeSecondsMax: Int64 = 604_800
    private static let number: ClosedRange<Int64> = 0...Int64(UInt32.max)
    /// To the year 9999.
    static let seconds: ClosedRange<Int64> = 0...253_402_300_799

    let body: TencentMessageBody
    let random: UInt32
    let sequence: UInt32?
    /// `MsgTimeStamp`, in seconds.
    let timestamp: Int64?
    private let cloudCustomData: RawJSON?

    init(of call: TencentCall) throws(TencentError) {
        body = try TencentMessageBody(of: call)
        guard let random = try call.integer("MsgRandom", in: Self.number, orThrow: 90005) else {
            throw TencentError(90005, "MsgRandom is missing.")
        }
        self.random = UInt32(truncatingIfNeeded: random)
        sequence = try call.integer("MsgSeq", in: Self.number).map { UInt32(truncatingIfNeeded: $0) }
        timestamp = try call.integer("MsgTimeStamp", in: Self.seconds, orThrow: 90006)
        _ = try call.string("CloudCustomData")
        cloudCustomData = call.value("CloudCustomData")
    }

    /// Type, content and time.
    func writeContent(into writer: inout JSONWriter) {
        let (type, content) = TencentContent.native(msgBody: body.json, cloudCustomData: cloudCustomData)
        writer.member("type", type.rawValue)
        writer.member("content", content)
        if let timestamp { writer.member("timestamp", timestamp * 1000) }
    }

    /// A message that goes out now, but for whom it is from and for.
    func sending(_ call: TencentCall) throws(TencentError) -> RawJSON {
        let life = try call.integer("MsgLifeTime", in: 0...Int64.max, orThrow: 90044)
        let isOnlineOnly = try call.integer("OnlineOnlyFlag", "MsgOnlineOnlyFlag", in: 0...1) == 1
        let syncs = try call.integer("SyncOtherMachine", in: 1...2, orThrow: 90031) != 2
        let control = Set(try call.strings("SendMsgControl", max: 20) ?? [])
        _ = try call.integer("IsNeedReadReceipt", in: 0...1)
        _ = try call.integer("SupportMessageExtension", in: 0...1)
        let push = try TencentOfflinePush(of: call, body: body).json
        return .object { writer in
            writeContent(into: &writer)
            if isOnlineOnly || life == 0 { writer.member("ephemeral", true) }
            if let life, life > 0 { writer.member("ttl", min(life, Self.lifeSecondsMax)) }
            if !syncs { writer.member("sync", false) }
            if control.contains("NoUnread") { writer.member("countUnread", false) }
            writer.member("push", push)
        }
    }

    var numbers: SendOptions.Numbers { .init(sequence: sequence, random: random) }
}

extension RawJSON {
    /// The object with further members.
    func adding(_ members: (inout JSONWriter) -> Void) -> RawJSON {
        .object { writer in
            members(&writer)
            for member in object?.members ?? [] { writer.member(member.key, member.value) }
        }
    }
}
