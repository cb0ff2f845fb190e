/// OPPO's receipts: a JSON array with an object for each push. Tapping is not reported.
extension OPPOService: ReceiptReporter {
    var pushesPerReceipt: Int { 1000 }

    func receipt(
        _ event: ReceiptEvent, for pushes: [RecordedPush], key: ReceiptKey?, now: Int64
    ) throws(VendorSimulatorError) -> ReceiptRequest {
        let type: String =
            switch event {
            case .delivered: "push_arrive"
            case .deadToken: "regid_invalid"
            case .limited: "user_daily_limit"
            case .vendorStatus(let status): status
            case .clicked, .notificationsOff, .replaced, .expired:
                throw .invalid("OPPO reports no such event")
            }
        let items = pushes.map { push -> JSONValue in
            [
                "messageId": .string(push.vendorId), "appId": "push-simulator", "taskId": "",
                "registrationIds": .string(push.token), "eventTime": .string(String(now)),
                "param": .string(push.receiptTag ?? ""), "eventType": .string(type),
            ]
        }
        return ReceiptRequest(contentType: "application/json", body: JSONValue.array(items).text)
    }
}
