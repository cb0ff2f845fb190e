/// What became of each message of a batch, in the batch's order.
public struct BatchAnswer: Sendable {
    public struct Result: Sendable {
        /// As it was sent, or as it was made; nil where what was sent is no text.
        public let id: String?
        public let outcome: Swift.Result<Acceptance, GatewayError>

        /// The HTTP status that the message would have had alone.
        public var status: Int {
            switch outcome {
            case .success(let acceptance): acceptance.status
            case .failure(let error): error.code.status
            }
        }
    }

    public let results: [Result]

    /// How much is told. Each step leaves out more; the last one fits ``Limits/mqttPageBytesMax`` for the largest batch
    /// with the longest ids.
    private enum Extent: CaseIterable {
        case everything
        /// Without `errors` and `unknown`; `detail` is cut to ``BatchAnswer/shortDetailBytes``.
        case short
        /// `id`, `status`, `code`, `seq`, and `duplicate` where it is true: what a repeat of the call would tell again.
        case outcome
    }

    private static let shortDetailBytes = 60

    public var json: RawJSON { json(.everything) }

    /// The answer in at most `bytesMax` bytes, shortened as far as it has to be.
    public func json(bytesMax: Int) -> RawJSON {
        for extent in Extent.allCases.dropLast() {
            let answer = json(extent)
            if answer.bytes.count <= bytesMax { return answer }
        }
        return json(.outcome)
    }

    private func json(_ extent: Extent) -> RawJSON {
        .object { writer in
            writer.array("results") { writer in
                for result in results { writer.object { Self.write(result, extent, into: &$0) } }
            }
        }
    }

    private static func write(_ result: Result, _ extent: Extent, into writer: inout JSONWriter) {
        // What is no valid id may be of any length.
        let id = result.id.flatMap { extent == .everything || IDRules.isID($0) ? $0 : nil }
        writer.member("id", ifPresent: id)
        writer.member("status", result.status)
        switch result.outcome {
        case .success(let acceptance):
            for member in acceptance.json.object?.members ?? [] where isTold(member, extent) {
                writer.member(member.key, member.value)
            }
        case .failure(let error):
            writer.member("code", error.publicCode)
            if extent == .outcome { return }
            writer.member("detail", extent == .everything ? error.detail : short(error.detail))
            if extent == .everything { error.writeErrors(into: &writer) }
        }
    }

    private static func isTold(_ member: JSONObject.Member, _ extent: Extent) -> Bool {
        switch (extent, member.key) {
        case (_, "id"): false
        case (.everything, _): true
        case (.short, let key): key != "unknown"
        case (.outcome, "seq"): true
        case (.outcome, "duplicate"): member.value.bool == true
        case (.outcome, _): false
        }
    }

    private static func short(_ detail: String) -> String {
        guard detail.utf8.count > shortDetailBytes else { return detail }
        var text = ""
        for character in detail where text.utf8.count + character.utf8.count <= shortDetailBytes {
            text.append(character)
        }
        return text + "…"
    }
}

extension GatewayError {
    /// The member `errors`, where there are any.
    func writeErrors(into writer: inout JSONWriter) {
        guard !errors.isEmpty else { return }
        writer.array("errors") { writer in
            for fault in errors {
                writer.object { writer in
                    writer.member("pointer", fault.pointer)
                    writer.member("detail", fault.detail)
                }
            }
        }
    }
}
