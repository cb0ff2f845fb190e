/// What somebody is in a group.
public enum GroupRole: String, Sendable, CaseIterable {
    case owner = "Owner"
    case admin = "Admin"
    case member = "Member"
}

/// A group with all that is kept of it.
public struct GroupDetails: Sendable {
    public let group: Group
    /// What an app has said of it: members of the Tencent-compatible API (`Type`, `Introduction` …), as they were given.
    public let profile: JSONObject
    /// The owner's userId, while there is one and they are in the group.
    public let owner: String?
    public let createdAt: Milliseconds
    /// The place of its newest message; 0 = none was ever sent.
    public let newestPlace: Int64
    public let newestMessageAt: Milliseconds?

    public init(
        group: Group, profile: JSONObject, owner: String?, createdAt: Milliseconds, newestPlace: Int64,
        newestMessageAt: Milliseconds?
    ) {
        self.group = group
        self.profile = profile
        self.owner = owner
        self.createdAt = createdAt
        self.newestPlace = newestPlace
        self.newestMessageAt = newestMessageAt
    }

    /// The kind of a group whose profile names none.
    public static let typeDefault = "Public"

    public var type: String { profile["Type"]?.string ?? Self.typeDefault }
}

/// One who is in a group now.
public struct GroupMembership: Sendable, Equatable {
    public let userID: String
    public let account: AccountRef
    public let role: GroupRole
    /// nil: from before this was kept.
    public let joinedAt: Milliseconds?
    /// What they are called in this group.
    public let nameCard: String?

    public init(userID: String, account: AccountRef, role: GroupRole, joinedAt: Milliseconds?, nameCard: String?) {
        self.userID = userID
        self.account = account
        self.role = role
        self.joinedAt = joinedAt
        self.nameCard = nameCard
    }
}

/// A user who is to be in a group.
public struct NewGroupMember: Sendable {
    public let userID: String
    public var isAdmin = false
    /// nil: now.
    public var joinedAt: Milliseconds?

    public init(userID: String, isAdmin: Bool = false, joinedAt: Milliseconds? = nil) {
        self.userID = userID
        self.isAdmin = isAdmin
        self.joinedAt = joinedAt
    }
}

/// A group that is to be made of users who have accounts.
public struct GroupDraft: Sendable {
    /// nil: the gateway chooses.
    public var id: String?
    public var name: String
    /// The owner is a member, whether they are among ``members`` or not.
    public var owner: String?
    public var members: [NewGroupMember] = []
    public var profile: RawJSON = .emptyObject
    /// nil: now.
    public var createdAt: Milliseconds?
    /// Whether its members are told of it.
    public var isAnnounced = true

    public init(id: String?, name: String) {
        self.id = id
        self.name = name
    }
}

/// A change of what a group is called and of its profile; nil and what a patch does not name stay as they are.
public struct GroupEdit: Sendable {
    public var name: String?
    /// A JSON Merge Patch (RFC 7396) of the profile.
    public var profile: RawJSON

    public init(name: String?, profile: RawJSON) {
        self.name = name
        self.profile = profile
    }
}

/// A change of what one member is; nil stays as it is.
public struct GroupMembershipEdit: Sendable {
    public var isAdmin: Bool?
    public var nameCard: String?

    public init(isAdmin: Bool?, nameCard: String?) {
        self.isAdmin = isAdmin
        self.nameCard = nameCard
    }
}

/// What became of one user who was to join.
public enum GroupJoining: Sendable, Equatable {
    case joined
    case alreadyMember
    /// Nobody has this userId.
    case unknown
}

/// A part of a list, and how long the whole list is.
public struct CountedPage<Element: Sendable>: Sendable {
    public let items: [Element]
    public let total: Int

    public init(items: [Element], total: Int) {
        self.items = items
        self.total = total
    }
}

/// A message of a group with the userIds of those it names.
public struct GroupMessage: Sendable {
    public let message: ArchivedMessage
    /// nil: an app wrote it in its own name.
    public let sender: String?

    public init(message: ArchivedMessage, sender: String?) {
        self.message = message
        self.sender = sender
    }
}
