import Foundation

/// What an event says in the standard form, as that is now: content that was erased since is null, and so is the name of
/// a user who was deleted.
extension WebhookEvent {
    /// `data` of the event (contract details, to 9). Never holds a push token.
    public func data(now: Milliseconds) -> RawJSON {
        .object { writer in
            switch type {
            case .messageSent: writer.member("message", ifPresent: original(now: now))
            case .messageUpdated:
                writer.member("messageId", ifPresent: message?.id)
                writeDetail(["revision"], into: &writer)
                writer.member("message", ifPresent: original(now: now))
            case .messageRevoked, .messageBurned: writeErasure(into: &writer)
            case .messageRead:
                writePerson(into: &writer)
                writeDetail(["peer", "seq"], into: &writer)
            case .deviceRegistered, .deviceDeregistered, .deviceMoved, .deviceOnline, .deviceOffline, .tokenDead:
                writer.member("deviceId", ifPresent: device?.deviceID)
                writePerson(into: &writer)
                writer.member("osType", ifPresent: device?.osType.rawValue)
                writeDetail(["what", "toAccount", "toDeviceId", "reason", "vendor", "code", "text"], into: &writer)
            case .pushAccepted, .pushFailed, .pushReceipt:
                writer.member("messageId", ifPresent: message?.id)
                writer.member("deviceId", ifPresent: device?.deviceID)
                writePerson(into: &writer)
                writeDetail(["vendor", "vendorId", "meaning", "reason", "code", "text", "replaces"], into: &writer)
            }
        }
    }

    /// `timestamp`: when it happened.
    public var timestamp: String { at.iso8601 }

    /// As an app sees it: also what has outlived its `ttl`.
    private func original(now: Milliseconds) -> RawJSON? {
        message.map { Messaging.original($0, for: nil, isBurned: false, now: now) }
    }

    private func writeErasure(into writer: inout JSONWriter) {
        writer.member("messageId", ifPresent: message?.id)
        writer.member("from", ifPresent: message?.from)
        writer.member("to", ifPresent: message?.to)
        writer.member("target", ifPresent: message?.target)
        writeDetail(["by", "erased"], into: &writer)
        if type == .messageBurned { writePerson(into: &writer) }
    }

    private func writePerson(into writer: inout JSONWriter) {
        guard let person else { return }
        writer.member("account", person.account)
        if person.userID.isEmpty { writer.null("userId") } else { writer.member("userId", person.userID) }
    }

    /// Of the detail only what is public, in a fixed order.
    private func writeDetail(_ keys: [String], into writer: inout JSONWriter) {
        guard let members = detail.object else { return }
        for key in keys { writer.member(key, ifPresent: members[key]) }
    }
}

extension Milliseconds {
    /// ISO 8601 in UTC with milliseconds.
    var iso8601: String {
        Date(timeIntervalSince1970: Double(self) / 1000)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
