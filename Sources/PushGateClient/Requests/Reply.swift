/// What came on the reply topic: `{"requestId", "op", "ok", "result" | "error"}`.
struct Reply {
    let requestID: String
    let isOK: Bool
    let result: Range<Int>?
    let error: Range<Int>?
    let bytes: [UInt8]

    /// `nil`: nothing that this client has asked for.
    init?(_ bytes: [UInt8]) {
        var id: String?
        var isOK = false
        var result: Range<Int>?
        var error: Range<Int>?
        var cursor = JSONCursor(bytes)
        do throws(JSONFault) {
            try cursor.forEachMember { name, value in
                if name.isName("requestId") {
                    id = bytes.text(at: value)
                } else if name.isName("ok") {
                    isOK = bytes.isTrue(at: value)
                } else if name.isName("result") {
                    result = value
                } else if name.isName("error") {
                    error = value
                }
            }
        } catch { return nil }
        guard let id else { return nil }
        self.requestID = id
        self.isOK = isOK
        self.result = result
        self.error = error
        self.bytes = bytes
    }

    func problem() -> GatewayProblem {
        let json = error.flatMap { try? JSONValue(parsing: Array(bytes[$0])) } ?? .null  // then the code says so
        guard !json.isNull else { return .unreadable("a refusal without a reason") }
        return GatewayProblem(status: 0, json: json)
    }

    func outcome() -> Result<JSONValue, any Error> {
        guard isOK else { return .failure(problem()) }
        guard let result else { return .success(.null) }
        return Result { try JSONValue(parsing: Array(bytes[result])) }
    }
}
