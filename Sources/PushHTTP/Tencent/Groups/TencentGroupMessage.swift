import PushCore

/// What a call that sends or imports says of a message to a group, as members of a native message.
struct TencentGroupMessage {
    private static let priorities: Set<String> = ["High", "Normal", "Low", "Lowest"]
    private static let numbers: ClosedRange<Int64> = 0...Int64(UInt32.max)
    /// As long as the service documents it, a message with the same number and content is a repeat: 5 minutes.
    private static let repeatWindow: Milliseconds = 300_000

    let random: UInt32
    let body: TencentMessageBody
    /// `MsgBody` and what receivers need beside it: `CloudCustomData`, `GroupAtInfo`, `MsgPriority`.
    private let type: MessageType
    private let content: RawJSON

    /// - Parameter randomDefault: the number of a message without one, from its elements; nil: each has to have one.
    init(
        of call: TencentCall, randomDefault: ((RawJSON) -> UInt32)? = nil
    ) throws(TencentError) {
        let random = try call.integer("Random", "MsgRandom", in: Self.numbers)
        do {
            body = try TencentMessageBody(of: call)
        } catch {
            // The other service's words for the same.
            throw TencentError(10004, error.info)
        }
        guard let number = random.map({ UInt32(truncatingIfNeeded: $0) }) ?? randomDefault?(body.json) else {
            throw call.bad("Random", "is missing")
        }
        self.random = number
        _ = try call.string("CloudCustomData")
        let priority = try call.string("MsgPriority").flatMap { $0.isEmpty || $0 == "Normal" ? nil : $0 }
        if let priority, !Self.priorities.contains(priority) {
            throw call.bad("MsgPriority", "is not one of \(Self.priorities.sorted())")
        }
        let mentions = try call.objects("GroupAtInfo", max: 30)?.isEmpty == false ? call.value("GroupAtInfo") : nil
        let (type, content) = TencentContent.native(
            msgBody: body.json, cloudCustomData: call.value("CloudCustomData"))
        self.type = type
        self.content = .object { writer in
            for member in content.object?.members ?? [] { writer.member(member.key, member.value) }
            writer.member("GroupAtInfo", ifPresent: mentions)
            writer.member("MsgPriority", ifPresent: priority)
        }
    }

    func write(into writer: inout JSONWriter) {
        writer.member("type", type.rawValue)
        writer.member("content", content)
    }

    /// - Parameter seconds: of messages that share their time; nil: when it is archived.
    func options(_ call: TencentCall, seconds: Int64? = nil) throws(TencentError) -> SendOptions {
        let control = Set(try call.strings("ForbidCallbackControl", max: 20) ?? [])
        var options = SendOptions()
        options.numbers = .init(
            sequence: nil, random: random, seconds: seconds, recognizedFor: Self.repeatWindow)
        options.asksBeforeSend = !control.contains("ForbidBeforeSendMsgCallback")
        options.isReported = !control.contains("ForbidAfterSendMsgCallback")
        return options
    }

    /// `MsgPriority` of a message as the history writes it: 1 High to 4 Lowest.
    static func priority(content: RawJSON?) -> Int {
        switch content?.object?["MsgPriority"]?.string {
        case "High": 1
        case "Low": 3
        case "Lowest": 4
        default: 2
        }
    }
}
