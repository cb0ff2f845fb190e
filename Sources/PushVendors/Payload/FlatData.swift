import PushCore

/// The sender's `data` for vendors whose custom fields are texts: other values become their JSON text, and `messageId`
/// is the gateway's.
enum FlatData {
    /// - Parameter bytesMax: keys and values together, in UTF-8, which is never fewer than any other way to count.
    ///   Where they would be more, only `messageId` goes.
    static func members(of push: VendorPush, bytesMax: Int) -> [(key: String, value: String)] {
        let own = [(key: "messageId", value: push.messageID)]
        let all =
            own
            + (push.data?.object?.members ?? []).filter { $0.key != "messageId" && !$0.key.isEmpty }
            .map { (key: $0.key, value: $0.value.string ?? $0.value.text) }
        let size = all.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        return size <= bytesMax ? all : own
    }
}
