import Crypto
import Foundation
import PushCore

/// What Huawei's console calls the receipt's user name and key: with them its calls are signed.
struct HuaweiReceiptSettings: Sendable, Equatable {
    let callbackUser: String
    /// Secret.
    let callbackKey: String

    /// nil when there are none. One without the other is a fault.
    init?(_ reader: inout SettingsReader) {
        let user = reader.optionalString("callbackUser")
        let key = reader.optionalString("callbackKey", bytesMax: 1024)
        if user != nil, key == nil { reader.fault("callbackKey", "is required with callbackUser") }
        if user == nil, key != nil { reader.fault("callbackUser", "is required with callbackKey") }
        guard let user, let key else { return nil }
        callbackUser = user
        callbackKey = key
    }

    /// From settings as they are stored.
    init?(stored settings: RawJSON) {
        var reader = SettingsReader(settings)
        self.init(&reader)
    }

    /// As they are stored, secret included.
    func write(into writer: inout JSONWriter) {
        writer.member("callbackUser", callbackUser)
        writer.member("callbackKey", callbackKey)
    }

    /// What may be shown.
    func writePublic(into writer: inout JSONWriter) { writer.member("callbackUser", callbackUser) }

    /// How far the time in a signature may be from the gateway's.
    static let toleranceMilliseconds: Milliseconds = 600_000

    /// Whether `timestamp=…; nonce=…; value=<base64>` was made with this key, and lately:
    /// HMAC-SHA256(key, timestamp ‖ nonce ‖ user).
    func matches(_ field: String, now: Milliseconds) -> Bool {
        var parts: [String: String] = [:]
        for part in field.split(separator: ";") {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2 else { return false }
            let name = pair[0].trimmingCharacters(in: .whitespaces)
            guard parts.updateValue(pair[1].trimmingCharacters(in: .whitespaces), forKey: name) == nil else {
                return false
            }
        }
        guard let timestamp = parts["timestamp"], let nonce = parts["nonce"], let value = parts["value"],
            let sent = Data(base64Encoded: value), let time = Int64(timestamp), time > 0
        else { return false }
        let milliseconds = time < 100_000_000_000 ? time * 1000 : time
        let (distance, isOverflow) = now.subtractingReportingOverflow(milliseconds)
        guard !isOverflow, distance.magnitude <= UInt64(Self.toleranceMilliseconds) else { return false }
        return HMAC<SHA256>.isValidAuthenticationCode(
            sent, authenticating: Data((timestamp + nonce + callbackUser).utf8),
            using: SymmetricKey(data: Data(callbackKey.utf8)))
    }
}

/// The token that Meizu's console gives for receipts: it is in every call as `access_token`.
struct MeizuReceiptSettings: Sendable, Equatable {
    /// Secret.
    let receiptToken: String

    /// nil when there is none.
    init?(_ reader: inout SettingsReader) {
        guard let token = reader.optionalString("receiptToken", bytesMax: 1024) else { return nil }
        receiptToken = token
    }

    /// From settings as they are stored.
    init?(stored settings: RawJSON) {
        var reader = SettingsReader(settings)
        self.init(&reader)
    }

    /// As it is stored, secret included; nothing of it may be shown.
    func write(into writer: inout JSONWriter) { writer.member("receiptToken", receiptToken) }

    /// Compared as digests, in a time that tells nothing.
    func matches(_ token: String) -> Bool {
        SHA256.hash(data: Data(receiptToken.utf8)) == SHA256.hash(data: Data(token.utf8))
    }
}
