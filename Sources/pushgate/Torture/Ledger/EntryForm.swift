import PushGateClient

/// What a person sees of a message in one of its entries.
enum EntryForm: Equatable, Sendable {
    /// The content as it was sent (0), or as that edit of it made it.
    case content(edit: Int)
    case revoked
    case superseded
    case expired
    /// No content, and no word why.
    case empty

    /// For the ledger's lines.
    var code: Int {
        switch self {
        case .content(let edit): edit
        case .revoked: -1
        case .superseded: -2
        case .expired: -3
        case .empty: -4
        }
    }

    init?(code: Int) {
        switch code {
        case 0...: self = .content(edit: code)
        case -1: self = .revoked
        case -2: self = .superseded
        case -3: self = .expired
        case -4: self = .empty
        default: return nil
        }
    }

    init(_ entry: Entry) {
        // Most entries are neither edited nor without content: those need no look inside.
        if entry.revision == 0, !Self.mayLackContent(entry.bytes) {
            self = .content(edit: 0)
        } else if entry.isRevoked {
            self = .revoked
        } else if entry.isSuperseded {
            self = .superseded
        } else if entry.isExpired {
            self = .expired
        } else if let content = entry.content {
            self = .content(edit: Int(content[Self.editMember]?.integer ?? 0))
        } else {
            self = .empty
        }
    }

    /// The member of an edited content that says which edit it is.
    static let editMember = "edit"

    private static let contentName = Array("\"content\":".utf8)

    /// Content is one of the first members.
    private static func mayLackContent(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { text in
            var place = 0
            while place + contentName.count < text.count {
                if text[place] == contentName[0], text[place + 1] == contentName[1],
                    text[place...].starts(with: contentName)
                {
                    return text[place + contentName.count] == UInt8(ascii: "n")
                }
                place += 1
            }
            return true
        }
    }
}
