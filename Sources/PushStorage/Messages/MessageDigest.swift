import PushCore

/// What decides whether a repeated id is the same message: sender, destination, type and content, with both of a
/// person's names taken as one. Made without asking whether anybody may send or receive, so that a repeat is answered
/// as the first was, also when the group is gone by then.
struct MessageDigest {
    let bytes: [UInt8]
    /// The audience as it is archived in `to_id`; nil for other forms.
    let audience: String?

    /// `unknown`: names of an audience that nobody answered to when it was first accepted; they stay what they were,
    /// even if there is such a user by now.
    init(_ message: Message, from: String, book: AddressBook, unknown: Set<String>) throws {
        switch message.destination {
        case .to(let name, let target):
            audience = nil
            bytes = message.digest(
                from: from, to: try book.canonicalName(name), target: try target.map(book.canonicalName))
        case .audience(let names) where names.isEveryone:
            audience = MessageRows.everyone
            bytes = message.digest(from: from, to: MessageRows.everyone, target: nil)
        case .audience(let names):
            func canonical(_ name: String, as shown: String) throws -> String {
                unknown.contains(shown) ? name : try book.canonicalName(name)
            }
            let accounts =
                try names.users.map { try canonical("user:" + $0, as: $0) }
                + names.accounts.map { name in
                    try canonical(name, as: name.hasPrefix("user:") ? String(name.dropFirst(5)) : name)
                }
            let text = JSONWriter.object { writer in
                writer.array("accounts") { writer in
                    for account in Set(accounts).sorted() { writer.string(account) }
                }
                writer.array("groups") { writer in
                    for group in Set(names.groups).sorted() { writer.string(group) }
                }
                if let tags = names.tags { writer.object("tags") { tags.write(into: &$0) } }
            }
            let archived = String(decoding: text, as: UTF8.self)
            audience = archived
            bytes = message.digest(from: from, to: archived, target: nil)
        }
    }
}
