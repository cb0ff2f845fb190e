/// Builds what a device receives, in the contract's key order (section 13): `id from to target tenantNo type content
/// timestamp isBackground seq serverTime revision`, then `ttl`, then why there is no content, if there is none, then `aliases` of a message that brought its own. The
/// copies of a group message differ only in `to` and `seq`, so the rest is built once.
public struct DownlinkTemplate: Sendable {
    /// Everything but what differs: `to`, where it is not the same for all, belongs at `toIndex`, `seq` at `seqIndex`.
    private let bytes: [UInt8]
    private let toIndex: Int?
    private let seqIndex: Int

    private static let seqKey = Array(#","seq":"#.utf8)

    /// - Parameters:
    ///   - revision: the revision that the entry brought; nil = the newest. An older one has no content any more.
    ///   - isBurned: the receiver burned its own copy of a message that others still have.
    public init(_ message: ArchivedMessage, revision: Int? = nil, isBurned: Bool = false, now: Milliseconds) {
        let from: String
        let fixedTo: String?
        let target: String?
        switch message.form {
        case .single: (from, target, fixedTo) = (message.from, nil, message.to)
        case .group: (from, target, fixedTo) = (message.to, message.from, nil)
        case .audience: (from, target, fixedTo) = (message.from, nil, nil)
        case .broadcast: (from, target, fixedTo) = (message.from, nil, "*")
        }
        let reason = message.reasonForNoContent(revision: revision, isBurned: isBurned, now: now)
        var writer = JSONWriter(reserving: (message.content?.bytes.count ?? 0) + 400)
        var (toIndex, seqIndex) = (nil as Int?, 0)
        writer.object { writer in
            writer.member("id", message.id)
            writer.member("from", from)
            writer.member("to", fixedTo ?? "")
            // Before the closing quote.
            if fixedTo == nil { toIndex = writer.bytes.count - 1 }
            writer.member("target", ifPresent: target)
            writer.member("tenantNo", message.tenantNo)
            writer.member("type", message.type.rawValue)
            if let content = message.content, reason == nil {
                writer.member("content", content)
            } else {
                writer.null("content")
            }
            writer.member("timestamp", message.timestamp)
            writer.member("isBackground", message.isBackground)
            seqIndex = writer.bytes.count
            writer.member("serverTime", message.serverTime)
            writer.member("revision", revision ?? message.revision)
            writer.member("ttl", ifPresent: message.timeToLiveSeconds)
            if let reason { writer.member(reason.rawValue, true) }
            if message.numbers != nil { writer.member("aliases", MessageAliases(of: message).json) }
        }
        bytes = writer.bytes
        self.toIndex = toIndex
        self.seqIndex = seqIndex
    }

    /// The copy of `account`.
    ///
    /// - Parameter seq: its place in the account's inbox; nil for what has none, such as imported messages.
    public func payload(account: String, seq: Int64?) -> [UInt8] {
        var payload: [UInt8] = []
        payload.reserveCapacity(bytes.count + account.utf8.count + 32)
        var begin = 0
        if let toIndex {
            payload.append(contentsOf: bytes[..<toIndex])
            // Account ids are of an alphabet that needs no escapes.
            payload.append(contentsOf: account.utf8)
            begin = toIndex
        }
        payload.append(contentsOf: bytes[begin..<seqIndex])
        if let seq {
            payload.append(contentsOf: Self.seqKey)
            payload.append(decimal: seq)
        }
        payload.append(contentsOf: bytes[seqIndex...])
        return payload
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
