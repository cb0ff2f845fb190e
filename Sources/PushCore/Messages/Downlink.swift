/// Builds what a device receives, in the contract's key order (section 13): `id from to target tenantNo type content
/// timestamp isBackground seq serverTime revision`, then `ttl`. The copies of a group message differ only in `to` and
/// `seq`, so the rest is built once.
public struct DownlinkTemplate: Sendable {
    private let beforeTo: [UInt8]
    private let fixedTo: String?
    private let beforeSeq: [UInt8]
    private let afterSeq: [UInt8]

    public init(_ message: ArchivedMessage, now: Milliseconds) {
        let from: String
        let target: String?
        switch message.form {
        case .single: (from, target, fixedTo) = (message.from, nil, message.to)
        case .group: (from, target, fixedTo) = (message.to, message.from, nil)
        case .audience: (from, target, fixedTo) = (message.from, nil, nil)
        }
        var head = JSONWriter()
        head.member("id", message.id)
        head.member("from", from)
        head.key("to")
        beforeTo = [UInt8(ascii: "{")] + head.bytes

        let isErased = message.content == nil || message.state != .live || message.isExpired(at: now)
        var middle = JSONWriter(reserving: (message.content?.bytes.count ?? 0) + 200)
        middle.member("target", ifPresent: target)
        middle.member("tenantNo", message.tenantNo)
        middle.member("type", message.type.rawValue)
        if let content = message.content, !isErased {
            middle.member("content", content)
        } else {
            middle.null("content")
        }
        middle.member("timestamp", message.timestamp)
        middle.member("isBackground", message.isBackground)
        middle.key("seq")
        beforeSeq = [UInt8(ascii: ",")] + middle.bytes

        var tail = JSONWriter(reserving: 100)
        tail.member("serverTime", message.serverTime)
        tail.member("revision", message.revision)
        tail.member("ttl", ifPresent: message.timeToLiveSeconds)
        switch message.state {
        case .revoked: tail.member("revoked", true)
        case .burned: tail.member("burned", true)
        case .live: if isErased { tail.member("expired", true) }
        }
        afterSeq = [UInt8(ascii: ",")] + tail.bytes + [UInt8(ascii: "}")]
    }

    /// The copy in the inbox of `account`.
    public func payload(account: String, seq: Int64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(beforeTo.count + beforeSeq.count + afterSeq.count + 90)
        bytes.append(contentsOf: beforeTo)
        // Account and group ids are of an alphabet that needs no escapes.
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: (fixedTo ?? account).utf8)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: beforeSeq)
        bytes.append(contentsOf: String(seq).utf8)
        bytes.append(contentsOf: afterSeq)
        return bytes
    }
}
