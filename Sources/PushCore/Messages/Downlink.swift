/// Builds what a device receives, in the contract's key order (section 13): `id from to target tenantNo type content
/// timestamp isBackground seq serverTime revision`, then `ttl`, then why there is no content, if there is none, then `aliases` of a message that brought its own. The
/// copies of a group message differ only in `to` and `seq`, so the rest is built once.
public struct DownlinkTemplate: Sendable {
    private let beforeTo: [UInt8]
    private let fixedTo: String?
    private let beforeSeq: [UInt8]
    private let afterSeq: [UInt8]

    private static let seqKey = Array(#","seq":"#.utf8)

    /// - Parameters:
    ///   - revision: the revision that the entry brought; nil = the newest. An older one has no content any more.
    ///   - isBurned: the receiver burned its own copy of a message that others still have.
    public init(_ message: ArchivedMessage, revision: Int? = nil, isBurned: Bool = false, now: Milliseconds) {
        let from: String
        let target: String?
        switch message.form {
        case .single: (from, target, fixedTo) = (message.from, nil, message.to)
        case .group: (from, target, fixedTo) = (message.to, message.from, nil)
        case .audience: (from, target, fixedTo) = (message.from, nil, nil)
        case .broadcast: (from, target, fixedTo) = (message.from, nil, "*")
        }
        var head = JSONWriter()
        head.member("id", message.id)
        head.member("from", from)
        head.key("to")
        beforeTo = [UInt8(ascii: "{")] + head.bytes

        let reason = message.reasonForNoContent(revision: revision, isBurned: isBurned, now: now)
        var middle = JSONWriter(reserving: (message.content?.bytes.count ?? 0) + 200)
        middle.member("target", ifPresent: target)
        middle.member("tenantNo", message.tenantNo)
        middle.member("type", message.type.rawValue)
        if let content = message.content, reason == nil {
            middle.member("content", content)
        } else {
            middle.null("content")
        }
        middle.member("timestamp", message.timestamp)
        middle.member("isBackground", message.isBackground)
        beforeSeq = [UInt8(ascii: ",")] + middle.bytes

        var tail = JSONWriter(reserving: 100)
        tail.member("serverTime", message.serverTime)
        tail.member("revision", revision ?? message.revision)
        tail.member("ttl", ifPresent: message.timeToLiveSeconds)
        if let reason { tail.member(reason.rawValue, true) }
        if message.numbers != nil { tail.member("aliases", MessageAliases(of: message).json) }
        afterSeq = [UInt8(ascii: ",")] + tail.bytes + [UInt8(ascii: "}")]
    }

    /// The copy of `account`.
    ///
    /// - Parameter seq: its place in the account's inbox; nil for what has none, such as imported messages.
    public func payload(account: String, seq: Int64?) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(beforeTo.count + beforeSeq.count + afterSeq.count + 90)
        bytes.append(contentsOf: beforeTo)
        // Account and group ids are of an alphabet that needs no escapes.
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: (fixedTo ?? account).utf8)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: beforeSeq)
        if let seq {
            bytes.append(contentsOf: Self.seqKey)
            bytes.append(contentsOf: String(seq).utf8)
        }
        bytes.append(contentsOf: afterSeq)
        return bytes
    }
}

/// Why an item has no content. The raw value is the public flag (contract, section 13; details, to 1-2).
public enum NoContentReason: String, Sendable {
    case revoked, burned, superseded, expired
}

extension ArchivedMessage {
    /// Why the entry that brought `revision` (nil = the newest) has no content for its account; nil when it has.
    public func reasonForNoContent(revision: Int?, isBurned: Bool, now: Milliseconds) -> NoContentReason? {
        switch state {
        case .revoked: return .revoked
        case .burned: return .burned
        case .live: break
        }
        if isBurned { return .burned }
        if let revision, revision < self.revision { return .superseded }
        return content == nil || isExpired(at: now) ? .expired : nil
    }

    /// What is left of `ttl` when the entry that brought `revision` is published, in seconds: its MQTT message expiry
    /// interval. nil where there is no `ttl`, and for the short form without content, which needs no end.
    func messageExpirySeconds(revision: Int, now: Milliseconds) -> UInt32? {
        guard let end = expiresAt, reasonForNoContent(revision: revision, isBurned: false, now: now) == nil else {
            return nil
        }
        return UInt32(clamping: max(1, (end - now) / 1000))
    }
}
