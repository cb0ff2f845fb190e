import Crypto

/// How a push to many that is repeated is known, by Tencent's rule: the number that its sender chose, and the content.
public enum TencentPushTask {
    /// A push of the same sender with the same number, audience and content within 7 days is the first one again.
    public static let repeatWindow: Milliseconds = 7 * 86_400_000

    /// The id of a push that is not archived: the same for its repeats, so that devices drop those. Also Tencent's
    /// `TaskId`, which has this form.
    public static func id(app: App, sender: String?, random: UInt32, content: RawJSON, at now: Milliseconds) -> String {
        let bucket = now / repeatWindow
        return "\(app.sdkAppID)_\(number(sender ?? ""))_\(random)_\(number("\(bucket) \(content.canonical.text)"))"
    }

    /// 64 bits of a text's hash.
    private static func number(_ text: String) -> UInt64 {
        SHA256.hash(data: Array(text.utf8)).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}
