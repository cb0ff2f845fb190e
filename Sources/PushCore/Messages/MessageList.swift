/// The `messages` of a batch or an import: 1 to ``Limits/batchMessagesMax`` objects.
enum MessageList {
    /// Throws `too_large` for more, `invalid_request` with pointers for anything else, along with the faults that
    /// `reader` had found.
    static func read(from reader: inout BodyReader, limits: Limits) throws(GatewayError) -> [RawJSON] {
        let list = reader.required("messages", reader.value("messages", expected: "a list of messages") { $0.array })
        guard let list else {
            try reader.finish()
            return []
        }
        guard list.count <= limits.batchMessagesMax else {
            throw GatewayError(.tooLarge, "At most \(limits.batchMessagesMax) messages a call.")
        }
        if list.isEmpty { reader.fault("messages", "At least one message is required.") }
        for (index, body) in list.enumerated() where body.kind != .object {
            reader.fault("messages/\(index)", "Expected an object.")
        }
        try reader.finish()
        return list
    }
}
