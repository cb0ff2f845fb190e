/// A user with some tags.
public struct UserTags: Sendable, Equatable {
    public let userID: String
    public var tags: [String]

    public init(userID: String, tags: [String]) {
        self.userID = userID
        self.tags = tags
    }
}

/// A user with some attributes, each with its one value.
public struct UserAttributes: Sendable, Equatable {
    public let userID: String
    public var values: [String: String]

    public init(userID: String, values: [String: String]) {
        self.userID = userID
        self.values = values
    }
}

/// Tags and attributes from their users' side. Each change is one transaction: all of it or nothing. Every method throws
/// `recipient_not_found` where a user has no account. Implemented by PushStorage.
public protocol UserTagStore: Sendable {
    /// Throws `too_large` where a user would have more than `tagsMax` tags then.
    func add(_ changes: [UserTags], tagsMax: Int, tenant: TenantKey, at now: Milliseconds) async throws
    /// What a user does not have is passed over.
    func remove(_ changes: [UserTags], tenant: TenantKey, at now: Milliseconds) async throws
    /// Takes every tag from users; their attributes stay.
    func removeAllTags(of users: [String], tenant: TenantKey, at now: Milliseconds) async throws
    /// The tags of users, in the order of the users, by name.
    func tags(of users: [String], tenant: TenantKey) async throws -> [UserTags]

    /// The attributes that a tenant's users can have, by number.
    func attributeNames(of tenant: TenantKey) async throws -> [Int: String]
    /// Names attributes, and leaves those of other numbers as they are. Values belong to the name, not to the number.
    /// Throws `conflict` where two numbers would have one name.
    func setAttributeNames(_ names: [Int: String], tenant: TenantKey) async throws
    /// Gives attributes their values, in the place of what they were. Throws `invalid_request` for an attribute that the
    /// tenant has not named.
    func setAttributes(_ changes: [UserAttributes], tenant: TenantKey, at now: Milliseconds) async throws
    /// Takes attributes, named in place of tags, from users. What a user does not have is passed over.
    func removeAttributes(_ changes: [UserTags], tenant: TenantKey, at now: Milliseconds) async throws
    /// The attributes of users that the tenant has named, in the order of the users.
    func attributes(of users: [String], tenant: TenantKey) async throws -> [UserAttributes]
}
