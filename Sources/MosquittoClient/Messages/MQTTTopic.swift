/// The rules for topic names and filters (MQTT 5, 4.7) that C strings would otherwise hide: a NUL would cut the text.
enum MQTTTopic {
    static func isValidName(_ topic: String) -> Bool {
        var topic = topic
        return topic.withUTF8 { bytes in
            guard !bytes.isEmpty, bytes.count <= 65_535 else { return false }
            return !bytes.contains { $0 == 0 || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "#") }
        }
    }

    static func isValidFilter(_ filter: String) -> Bool {
        var filter = filter
        return filter.withUTF8 { bytes in
            !bytes.isEmpty && bytes.count <= 65_535 && !bytes.contains(0)
        }
    }
}
