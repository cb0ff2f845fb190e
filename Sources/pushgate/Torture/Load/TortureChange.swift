import PushGateClient

/// What becomes of a message after it was accepted.
enum TortureChange: Sendable {
    case edit(JSONValue)
    case revoke

    /// Of an edit.
    var content: JSONValue? { if case .edit(let content) = self { content } else { nil } }

    /// Of every message about three in a hundred are edited, once or twice, and two are revoked, some of them both.
    static func choose(_ random: inout SeededRandom) -> [(after: Duration, change: TortureChange)] {
        let edits = random.chance(0.03) ? Int.random(in: 1...2, using: &random) : 0
        let isRevoked = random.chance(edits > 0 ? 0.2 : 0.015)
        var changes = (0..<edits).map { number -> (Duration, TortureChange) in
            let text = String(repeating: "y", count: Int.random(in: 10...200, using: &random))
            let content = JSONValue.object([
                JSONValue.Member("text", .string(text)), JSONValue.Member(EntryForm.editMember, JSONValue(number + 1)),
            ])
            return (random.duration(0...3), .edit(content))
        }
        if isRevoked { changes.append((random.duration(0...4), .revoke)) }
        return changes
    }
}
