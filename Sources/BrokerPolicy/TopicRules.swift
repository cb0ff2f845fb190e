import BrokerControl

/// What a client wants to do with a topic.
public enum TopicAccess: Sendable, CaseIterable {
    /// Receive one message; asked for each delivery.
    case read
    /// Publish one message, or have it published as a will.
    case write
    case subscribe
    case unsubscribe
}

/// The topics of one device (contract, section 5): its own, word for word.
struct DeviceTopics: Sendable {
    private let readable: [[UInt8]]
    private let uplinkPrefix: [UInt8]

    private static let operationBytesMax = 32

    init(account: String, device: String, tenant: String) {
        readable = [
            Array("account/\(account)".utf8), Array("device/\(device)".utf8), Array("tenant/\(tenant)/broadcast".utf8),
        ]
        uplinkPrefix = Array("up/\(device)/".utf8)
    }

    func allow(_ access: TopicAccess, topic: String, isRetained: Bool) -> Bool {
        switch access {
        case .read: !isRetained && isReadable(topic)
        // A filter is compared as a text: wildcards, `$share/…` and `$SYS` are other texts.
        case .subscribe: isReadable(topic)
        case .unsubscribe: true
        case .write: !isRetained && isUplink(topic)
        }
    }

    /// Bytes are compared, not characters: for Swift, equivalent spellings of a character are equal.
    private func isReadable(_ topic: String) -> Bool {
        readable.contains { topic.utf8.elementsEqual($0) }
    }

    /// `up/{deviceId}/{op}`, the operation being one level of small letters.
    private func isUplink(_ topic: String) -> Bool {
        let bytes = topic.utf8
        guard bytes.starts(with: uplinkPrefix) else { return false }
        let operation = bytes.dropFirst(uplinkPrefix.count)
        return (1...Self.operationBytesMax).contains(operation.count)
            && operation.allSatisfy { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
    }
}

/// The topics of the gateway. It holds no subscription over downlink topics, so that the broker's "no subscriber"
/// keeps its meaning.
enum GatewayTopics {
    private static let readable = ["up/", "presence/"]
    private static let downlink = ["account/", "device/", "tenant/"]
    private static let writable = downlink + ["$CONTROL/pushgate/"]

    static func allow(_ access: TopicAccess, topic: String, isRetained: Bool) -> Bool {
        switch access {
        case .read: hasPrefix(topic[...], readable)
        case .subscribe: hasPrefix(unshared(topic), readable)
        case .unsubscribe: true
        case .write: !isRetained && hasPrefix(topic[...], writable) && !topic.utf8.contains(where: isWildcard)
        }
    }

    /// Whether messages to devices go there.
    static func isDownlink(_ topic: UnsafeRawBufferPointer) -> Bool {
        downlink.contains { topic.starts(with: $0.utf8) } && !topic.contains(where: isWildcard)
    }

    private static func hasPrefix(_ topic: Substring, _ prefixes: [String]) -> Bool {
        prefixes.contains { topic.utf8.starts(with: $0.utf8) }
    }

    /// The filter behind `$share/{group}/` (MQTT 5, section 4.8.2): several gateways share the uplinks.
    private static func unshared(_ filter: String) -> Substring {
        let levels = filter.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        guard levels.count == 3, levels[0] == "$share" else { return filter[...] }
        return levels[2]
    }

    private static func isWildcard(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "+") || byte == UInt8(ascii: "#")
    }
}
