import NIOCore

/// The plain HTTP side for people and scripts: what arrived, what goes wrong, and the credentials.
///
/// `GET /` a page, `GET /pushes?vendor=&token=&messageId=&limit=`, `GET /visible?token=`, `GET /refusals`,
/// `GET /counters`, `GET /credentials`, `GET|POST|DELETE /faults`, `GET|POST /receipts`, `DELETE /pushes`,
/// `POST /subscriptions`, `POST /channels`.
final class ControlPage: Sendable {
    private static let mostItems = 10_000
    /// Longer request bodies are not shown, only how long they are.
    private static let mostPayloadBytes = 16 * 1024
    private let record: PushRecord
    private let faults: FaultBoard
    private let services: [any VendorService]
    private let credentials: VendorSimulator.Credentials
    private let receipts: ReceiptControl
    private let devices: DeviceControl

    init(
        record: PushRecord, faults: FaultBoard, services: [any VendorService],
        credentials: VendorSimulator.Credentials, receipts: ReceiptControl,
        devices: DeviceControl
    ) {
        self.record = record
        self.faults = faults
        self.services = services
        self.credentials = credentials
        self.receipts = receipts
        self.devices = devices
    }

    func answer(_ request: SimulatorRequest) -> SimulatorResponse {
        let query = AccessTokens.form(request.query)
        switch (request.method, request.path) {
        case ("GET", "/"):
            return SimulatorResponse(
                status: 200,
                headers: [
                    ("content-type", "text/html; charset=utf-8"),
                    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
                ], body: page())
        case ("GET", "/pushes"): return pushes(query)
        case ("DELETE", "/pushes"):
            record.clear()
            return SimulatorResponse(status: 204)
        case ("GET", "/visible"):
            return items(VendorSimulator.visible(record.pushes(to: query["token"] ?? "")).map(describe))
        case ("GET", "/refusals"): return items(record.refusals.map(describe))
        case ("GET", "/counters"): return .json(200, counters().text)
        case ("GET", "/credentials"): return .json(200, settings().text)
        case ("GET", "/faults"): return items(faults.active.map(FaultJSON.write))
        case ("POST", "/faults"): return setFault(request)
        case ("GET", "/receipts"): return items(receipts.list())
        case ("POST", "/receipts"): return receipts.post(request)
        case ("POST", "/subscriptions"): return devices.subscribe(request)
        case ("POST", "/channels"): return devices.openChannel(request)
        case ("DELETE", "/faults"):
            faults.clear(query["vendor"].flatMap(SimulatedVendor.init(rawValue:)))
            return SimulatorResponse(status: 204)
        default: return .json(404, #"{"error":"not_found"}"#)
        }
    }

    private func items(_ items: [JSONValue]) -> SimulatorResponse {
        .json(200, JSONValue.object(["items": .array(items)]).text)
    }

    // MARK: JSON

    private func pushes(_ query: [String: String]) -> SimulatorResponse {
        let limit = min(max(query["limit"].flatMap { Int($0) } ?? 1000, 1), Self.mostItems)
        let found = record.pushes { push in
            (query["vendor"].map { $0 == push.vendor.rawValue } ?? true)
                && (query["token"].map { $0 == push.token } ?? true)
                && (query["messageId"].map { $0 == push.messageId } ?? true)
        }
        return items(found.suffix(limit).map(describe))
    }

    private func describe(_ push: RecordedPush) -> JSONValue {
        var members: [String: JSONValue] = [
            "sequence": .integer(Int64(push.sequence)), "vendor": .string(push.vendor.rawValue),
            "token": .string(push.token), "form": .string(push.form.rawValue), "vendorId": .string(push.vendorId),
            "receivedAt": .integer(push.receivedAt),
            "headers": .object(
                Dictionary(push.headers.map { ($0.name, .string($0.value)) }) { first, _ in first }),
        ]
        // The tokens of a batch make its body long, and each of its pushes would repeat it.
        if push.payloadBytes.readableBytes <= Self.mostPayloadBytes {
            members["payload"] = (try? JSONParser.parse(push.payloadBytes)) ?? .string(push.payload)
        } else {
            members["payloadBytes"] = .integer(Int64(push.payloadBytes.readableBytes))
        }
        members["receiptTag"] = push.receiptTag.map { .string($0) }
        members["receiptURL"] = push.receiptURL.map { .string($0) }
        members["messageId"] = push.messageId.map { .string($0) }
        members["title"] = push.title.map { .string($0) }
        members["body"] = push.body.map { .string($0) }
        members["replaceKey"] = push.replaceKey.map { .string($0) }
        members["discarded"] = push.discarded.map { .string($0.rawValue) }
        return .object(members)
    }

    private func describe(_ refusal: RefusedRequest) -> JSONValue {
        [
            "vendor": .string(refusal.vendor.rawValue), "path": .string(refusal.path),
            "status": .integer(Int64(refusal.status)), "reason": .string(refusal.reason),
            "receivedAt": .integer(refusal.receivedAt),
        ]
    }

    private func counters() -> JSONValue {
        var members: [String: JSONValue] = [:]
        for vendor in SimulatedVendor.allCases {
            let counters = record.counters[vendor] ?? VendorCounters()
            members[vendor.rawValue] = [
                "requests": .integer(Int64(counters.requests)), "accepted": .integer(Int64(counters.accepted)),
                "refused": .integer(Int64(counters.refused)), "disturbed": .integer(Int64(counters.disturbed)),
            ]
        }
        return .object(members)
    }

    private func settings() -> JSONValue {
        var members: [String: JSONValue] = [:]
        for vendor in SimulatedVendor.allCases {
            members[vendor.rawValue] = try? JSONParser.parse(credentials.settings(for: vendor))
        }
        return .object(members)
    }

    private func setFault(_ request: SimulatorRequest) -> SimulatorResponse {
        do {
            let body = try JSONParser.parse(request.body)
            let fault = try FaultJSON.read(body)
            try faults.add(fault, checkedBy: services)
            return .json(200, FaultJSON.write(fault).text)
        } catch VendorSimulatorError.invalid(let reason) {
            return .json(400, JSONValue.object(["error": .string(reason)]).text)
        } catch {
            return .json(400, #"{"error":"the body is no JSON"}"#)
        }
    }

    // MARK: HTML

    private func page() -> String {
        var html = """
            <!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Vendor simulator</title><style>
            body{font:15px/1.4 system-ui,sans-serif;margin:2rem;max-width:70rem}
            table{border-collapse:collapse;width:100%}
            th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ccc;vertical-align:top}
            td{overflow-wrap:anywhere}</style></head><body><h1>Vendor simulator</h1>
            """
        let counters = record.counters
        html += table(
            "Requests", ["Vendor", "Requests", "Accepted", "Refused", "Disturbed"],
            SimulatedVendor.allCases.map { vendor in
                let count = counters[vendor] ?? VendorCounters()
                return [vendor.rawValue]
                    + [count.requests, count.accepted, count.refused, count.disturbed].map(String.init)
            })
        html += table("Faults", ["Fault"], faults.active.map { [FaultJSON.write($0).text] })
        html += table(
            "Latest pushes", ["No.", "Vendor", "Token", "Message", "Title", "Text", "Form"],
            record.pushes { _ in true }.suffix(100).reversed().map { push in
                [
                    String(push.sequence), push.vendor.rawValue, push.token, push.messageId ?? "", push.title ?? "",
                    push.body ?? "",
                    push.discarded.map { "\(push.form.rawValue), \($0.rawValue)" } ?? push.form.rawValue,
                ]
            })
        html += table(
            "Refused requests", ["Vendor", "Status", "Reason", "Path"],
            record.refusals.reversed().map { [$0.vendor.rawValue, String($0.status), $0.reason, $0.path] })
        return html + "</body></html>\n"
    }

    private func table(_ title: String, _ heads: [String], _ rows: [[String]]) -> String {
        var html = "<h2>\(title)</h2>"
        guard !rows.isEmpty else { return html + "<p>None.</p>" }
        html += "<table><tr>" + heads.map { "<th>\($0)</th>" }.joined() + "</tr>"
        for row in rows { html += "<tr>" + row.map { "<td>\(escaped($0))</td>" }.joined() + "</tr>" }
        return html + "</table>"
    }

    private func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }
}
