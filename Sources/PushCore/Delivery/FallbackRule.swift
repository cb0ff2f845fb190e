/// The one place that decides whether a device that has not acknowledged a message is pushed, and with which token.
/// Everything it needs is handed in (contract, section 7 and details, *When*).
public enum FallbackRule {
    public enum Verdict: Equatable, Sendable {
        /// The token with its place in the device's order of preference.
        case push(PushToken)
        case skip(SkipReason)
        /// Acknowledged in time: nothing to write down.
        case nothing
    }

    /// - Parameter isRead: the account's read cursor has reached the message.
    public static func verdict(
        message: ArchivedMessage, device: Device, isAcknowledged: Bool, isRead: Bool = false,
        isConfigured: (Vendor) -> Bool, canSendSilently: (Vendor) -> Bool, now: Milliseconds
    ) -> Verdict {
        if isAcknowledged { return .nothing }
        guard device.status == .active else { return .skip(.deregistered) }
        switch message.state {
        case .live: break
        case .revoked: return .skip(.revoked)
        case .burned: return .skip(.burned)
        }
        if message.type.isEvent { return .skip(.event) }
        if isRead { return .skip(.read) }
        // Content that retention took is as gone as what has outlived its own time.
        if message.content == nil || message.isExpired(at: now) { return .skip(.expired) }
        if message.push.policy == .never { return .skip(.policyNever) }
        guard device.pushEnabled else { return .skip(.pushDisabled) }
        if CallStatus(message)?.ringsNothing == true {
            // An invitation that was edited is over; another status has never rung.
            return .skip(message.revision > 0 ? .superseded : .event)
        }
        let tokens = chain(for: message, tokens: device.tokens)
        guard !tokens.isEmpty else { return .skip(.noToken) }
        let configured = tokens.filter { isConfigured($0.vendor) }
        guard !configured.isEmpty else { return .skip(.vendorNotConfigured) }
        if message.isBackground {
            guard let silent = configured.first(where: { canSendSilently($0.vendor) }) else {
                return .skip(.background)
            }
            return .push(silent)
        }
        return .push(configured[0])
    }

    /// Why a notification that a device shows is not replaced after all; nil = it is.
    public static func reasonAgainstReplacing(_ subject: PushSubject, now: Milliseconds) -> SkipReason? {
        if subject.isAcknowledged { return .acknowledged }
        guard subject.device.status == .active else { return .deregistered }
        guard subject.device.pushEnabled else { return .pushDisabled }
        if subject.isBurned { return .burned }
        switch subject.message.state {
        case .burned: return .burned
        case .revoked: return nil
        case .live:
            if subject.isRead { return .read }
            return subject.message.content == nil || subject.message.isExpired(at: now) ? .expired : nil
        }
    }

    /// The tokens of a device that may carry this message, in order: a call's invitation prefers `voip`, and nothing
    /// else goes to a `voip` token.
    public static func chain(for message: ArchivedMessage, tokens: [PushToken]) -> [PushToken] {
        let alerts = tokens.filter { $0.kind == .alert }
        guard CallStatus(message) == .invite else { return alerts }
        return tokens.filter { $0.kind == .voip } + alerts
    }

    /// How long a connected device has to acknowledge, counted from `serverTime`.
    public static func deadline(for message: ArchivedMessage, isInBackground: Bool, limits: Limits) -> Duration {
        if let after = message.push.afterSeconds { return .seconds(after) }
        if message.type == .call { return limits.acknowledgementDeadlineForCalls }
        return isInBackground ? limits.acknowledgementDeadlineInBackground : limits.acknowledgementDeadline
    }
}

/// The part of a call's life that its message announces.
enum CallStatus: Equatable {
    case invite, other

    init?(_ message: ArchivedMessage) {
        guard message.type == .call else { return nil }
        self = message.content?.object?["status"]?.string == "invite" ? .invite : .other
    }

    var ringsNothing: Bool { self == .other }
}
