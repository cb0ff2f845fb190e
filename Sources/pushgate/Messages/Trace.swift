import ArgumentParser
import Foundation
import PushGateClient

/// `pushgate trace`
struct Trace: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What happened to a message on its way to every device, and why not.")

    @OptionGroup var gateway: GatewayOptions
    @OptionGroup var sender: SenderOptions
    @Argument(help: "The message's id.")
    var id: String

    func run() async throws {
        try await reportingFaults {
            let answer = try await sender.api(gateway).call(.get, ["v1", "messages", id]).json()
            print(gateway.json ? answer.description : TraceText(answer).lines.joined(separator: "\n"))
        }
    }
}

/// A trace in sentences.
struct TraceText {
    let lines: [String]

    init(_ answer: JSONValue) {
        let message = answer["message"] ?? .null
        var lines = [
            "\(message["id"]?.string ?? ""): from \(message["from"]?.string ?? "") to \(message["to"]?.string ?? ""), "
                + "archived \(Self.time(message["serverTime"]?.integer))"
        ]
        for device in answer["trace"]?.array ?? [] { lines += Self.device(device) }
        if answer["trace"]?.array?.isEmpty == true { lines.append("  nobody's device was there to get it") }
        self.lines = lines
    }

    private static func device(_ device: JSONValue) -> [String] {
        let name = device["deviceId"]?.string ?? "no device"
        let reason = device["reason"]?.string
        let outcome = device["outcome"]?.string ?? "unknown"
        var lines = ["  \(device["userId"]?.string ?? "?") on \(name): \(outcome)\(reason.map { " (\($0))" } ?? "")"]
        for stage in device["stages"]?.array ?? [] {
            var line = "    \(time(stage["at"]?.integer))  \(stage["stage"]?.string ?? "")"
            if let vendor = stage["vendor"]?.string { line += " by \(vendor)" }
            if let id = stage["vendorId"]?.string { line += " as \(id)" }
            if let detail = stage["detail"]?.string { line += ": \(detail)" }
            lines.append(line)
            // The device's own says it already where it is the same.
            if let remedy = stage["remedy"]?.string, remedy != device["remedy"]?.string {
                lines.append("      -> \(remedy)")
            }
        }
        if let remedy = device["remedy"]?.string { lines.append("    -> \(remedy)") }
        return lines
    }

    private static func time(_ milliseconds: Int64?) -> String {
        guard let milliseconds else { return "-" }
        // The fraction apart: as a floating-point number 0.123 s would come out as 122 ms.
        let (seconds, rest) = milliseconds.quotientAndRemainder(dividingBy: 1000)
        let text = Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
        return text.dropLast() + String(format: ".%03dZ", Int(rest))
    }
}
