/// `POST /receipts` `{"event": "delivered", "token"?, "messageId"?, "vendor"?, "url"?, "username"?, "key"?}`: reports the
/// event for the kept pushes that fit, at most 1000 of the latest. `GET /receipts`: what the receivers answered.
struct ReceiptControl: Sendable {
    private static let mostPushes = 1000
    let receipts: ReceiptSender
    let record: PushRecord

    /// Answers 202 before the calls are made: their outcome is listed by `GET /receipts`.
    func post(_ request: SimulatorRequest) -> SimulatorResponse {
        do {
            let body = try JSONParser.parse(request.body)
            guard let name = body["event"]?.string else { throw VendorSimulatorError.invalid("event is missing") }
            let calls = try receipts.calls(
                ReceiptEvent(name: name), for: try found(body), to: body["url"]?.string, key: key(body))
            Task {
                // An address that does not answer is in the list as well.
                for call in calls { _ = try? await receipts.send(call) }
            }
            return .json(202, #"{"calls":\#(calls.count)}"#)
        } catch VendorSimulatorError.invalid(let reason) {
            return .json(400, JSONValue.object(["error": .string(reason)]).text)
        } catch {
            return .json(400, #"{"error":"the body is no JSON"}"#)
        }
    }

    private func key(_ body: JSONValue) -> ReceiptKey? {
        guard let key = body["key"]?.string else { return nil }
        return ReceiptKey(username: body["username"]?.string ?? "", key: key)
    }

    private func found(_ body: JSONValue) throws -> [RecordedPush] {
        let vendor = body["vendor"]?.string
        let token = body["token"]?.string
        let messageId = body["messageId"]?.string
        let pushes = record.pushes { push in
            (vendor ?? push.vendor.rawValue) == push.vendor.rawValue && (token ?? push.token) == push.token
                && (messageId == nil || messageId == push.messageId)
        }.suffix(Self.mostPushes)
        guard !pushes.isEmpty else { throw VendorSimulatorError.invalid("no push that fits is kept") }
        return Array(pushes)
    }

    func list() -> [JSONValue] {
        receipts.answers.map { answer in
            [
                "vendor": .string(answer.vendor.rawValue), "url": .string(answer.url),
                "status": .integer(Int64(answer.status)), "body": .string(answer.body),
                "pushes": .integer(Int64(answer.pushes)),
            ]
        }
    }
}
