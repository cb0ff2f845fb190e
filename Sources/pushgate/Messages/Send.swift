import ArgumentParser
import Foundation
import PushGateClient

/// `pushgate send`
struct Send: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send one message.",
        discussion: """
            pushgate send --tenant acme --to user:ann --text 'Hello'
            pushgate send --tenant acme --group team --from user:bob --text 'Hello all'
            pushgate send --tenant acme --tag blue --tag green --text 'Hello, some of you'
            pushgate send --tenant acme --all --text 'Hello, everybody'
            echo '{"to": "user:ann", "type": "TEXT", "content": {"text": "Hi"}}' | pushgate send --tenant acme -
            """)

    @OptionGroup var gateway: GatewayOptions
    @OptionGroup var sender: SenderOptions

    @Option(help: "An account, user:USERID or a group.")
    var to: String?
    @Option(help: "A group.")
    var group: String?
    @Option(help: "One member of the group, the only one to get it.")
    var target: String?
    @Option(help: "An account or user:USERID to send for. (default: the app itself)")
    var from: String?
    @Option(help: "Everybody with this tag; repeat it for everybody with any of several.")
    var tag: [String] = []
    @Flag(help: "Everybody.")
    var all = false
    @Option(help: "The text of a text message.")
    var text: String?
    @Option(help: "The message's id; repeating a send with the same id sends nothing twice.")
    var id: String?
    @Option(help: "Seconds after which it is neither delivered nor pushed.")
    var ttl: Int?
    @Argument(help: "-: read the whole message as JSON from standard input.")
    var input: String?

    func validate() throws {
        if let input, input != "-" { throw ValidationError("The only argument is -, for JSON on standard input.") }
        guard input == nil else { return }
        guard text != nil else { throw ValidationError("Give --text, or - for JSON on standard input.") }
        let targets = [to != nil, group != nil, !tag.isEmpty, all].filter(\.self).count
        guard targets == 1 else { throw ValidationError("Give exactly one of --to, --group, --tag and --all.") }
    }

    func run() async throws {
        try await reportingFaults {
            let answer = try await sender.api(gateway).call(.post, ["v1", "messages"], body: message()).json()
            guard !gateway.json else { return print(answer) }
            guard tag.isEmpty, !all else {
                return print(
                    "\(answer["id"]?.string ?? "") archived, going out: GET /v1/broadcasts/{id} tells how far it is")
            }
            let recipients = answer["recipients"]?.integer.map { "\($0) receiving account\($0 == 1 ? "" : "s")" }
            print("\(answer["id"]?.string ?? "") archived, \(recipients ?? "being expanded")")
            if answer["duplicate"]?.bool == true { print("It was there already; nothing was sent again.") }
        }
    }

    private func message() throws -> JSONValue {
        guard input == nil else {
            let data = FileHandle.standardInput.readDataToEndOfFile()
            do {
                return try JSONValue(parsing: Array(data))
            } catch {
                throw ValidationError("Standard input is not JSON.")
            }
        }
        var audience: JSONValue?
        if !tag.isEmpty { audience = ["tags": ["any": .array(tag.map { .string($0) })]] }
        if all { audience = ["all": true] }
        return .object([
            "id": id.map { .string($0) }, "from": from.map { .string($0) }, "to": (to ?? group).map { .string($0) },
            "target": target.map { .string($0) }, "audience": audience, "type": 0,
            "content": ["text": .string(text ?? "")], "ttl": ttl.map { JSONValue($0) },
        ])
    }
}
