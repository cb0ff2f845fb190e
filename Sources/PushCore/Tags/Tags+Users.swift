/// Tags and attributes of named users, several of both in one step. Scope `tags`.
extension Tags {
    /// Tags that a user may have where they are given by user.
    public static let tagsPerUserMax = 100
    /// Attributes that a tenant can name: numbers 0 to 9.
    public static let attributesMax = 10
    /// A user may have a hundred tags, each a version of its own: so many users at most in one transaction.
    private static let usersAtOnce = 50

    // MARK: Tags

    public func add(_ changes: [UserTags], as principal: Principal) async throws {
        let tenant = try principal.app(with: .tags).tenant.key
        guard changes.flatMap(\.tags).allSatisfy(IDRules.isTag) else { throw Self.badName }
        try await users.add(changes, tagsMax: Self.tagsPerUserMax, tenant: tenant, at: clock.now)
    }

    public func remove(_ changes: [UserTags], as principal: Principal) async throws {
        let tenant = try principal.app(with: .tags).tenant.key
        guard changes.flatMap(\.tags).allSatisfy(IDRules.isTag) else { throw Self.badName }
        try await users.remove(changes, tenant: tenant, at: clock.now)
    }

    public func removeAll(of names: [String], as principal: Principal) async throws {
        let tenant = try principal.app(with: .tags).tenant.key
        // Before anything is changed: an unknown user is an error of the whole call.
        _ = try await users.tags(of: names, tenant: tenant)
        for start in stride(from: 0, to: names.count, by: Self.usersAtOnce) {
            let page = Array(names[start..<min(start + Self.usersAtOnce, names.count)])
            try await users.removeAllTags(of: page, tenant: tenant, at: clock.now)
        }
    }

    public func tags(of names: [String], as principal: Principal) async throws -> [UserTags] {
        try await users.tags(of: names, tenant: try principal.app(with: .tags).tenant.key)
    }

    // MARK: Attributes

    public func attributeNames(as principal: Principal) async throws -> [Int: String] {
        try await users.attributeNames(of: try principal.app(with: .tags).tenant.key)
    }

    public func setAttributeNames(_ names: [Int: String], as principal: Principal) async throws {
        let tenant = try principal.app(with: .tags).tenant.key
        guard names.keys.allSatisfy((0..<Self.attributesMax).contains), names.values.allSatisfy(AttributeTag.isText)
        else { throw Self.badAttribute }
        try await users.setAttributeNames(names, tenant: tenant)
    }

    public func setAttributes(_ changes: [UserAttributes], as principal: Principal) async throws {
        let tenant = try principal.app(with: .tags).tenant.key
        guard changes.allSatisfy({ $0.values.values.allSatisfy(AttributeTag.isText) }) else { throw Self.badAttribute }
        try await users.setAttributes(changes, tenant: tenant, at: clock.now)
    }

    /// - Parameter changes: users with the names of attributes in place of tags.
    public func removeAttributes(_ changes: [UserTags], as principal: Principal) async throws {
        let tenant = try principal.app(with: .tags).tenant.key
        try await users.removeAttributes(changes, tenant: tenant, at: clock.now)
    }

    public func attributes(of names: [String], as principal: Principal) async throws -> [UserAttributes] {
        try await users.attributes(of: names, tenant: try principal.app(with: .tags).tenant.key)
    }

    // MARK: Whom a push is for

    /// Who has one of the tags `any`, and each of `all`. Nobody may have them: then the send is for nobody.
    public func audience(tagsAny any: [String], all: [String]) throws(GatewayError) -> Audience {
        guard (any + all).allSatisfy(IDRules.isTag) else { throw Self.badName }
        return Self.audience(any: any, all: all)
    }

    /// Who has one of the values `any`, and each of `all`. Throws `invalid_request` for an attribute that the tenant has
    /// not named, which is a slip rather than nobody.
    public func audience(
        attributesAny any: [String: String], all: [String: String], as principal: Principal
    ) async throws -> Audience {
        let names = Set(try await attributeNames(as: principal).values)
        guard names.isSuperset(of: any.keys), names.isSuperset(of: all.keys),
            any.values.allSatisfy(AttributeTag.isText), all.values.allSatisfy(AttributeTag.isText)
        else { throw Self.badAttribute }
        return Self.audience(
            any: any.map(AttributeTag.name(attribute:value:)), all: all.map(AttributeTag.name(attribute:value:)))
    }

    private static func audience(any: [String], all: [String]) -> Audience {
        var rule = TagRule()
        rule.any = any
        rule.all = all
        var audience = Audience()
        audience.tags = rule
        audience.mayBeNobody = true
        return audience
    }

    private static let badName = GatewayError(.invalidRequest, "This is no valid name of a tag.")
    private static let badAttribute = GatewayError(
        .invalidRequest, "There is no such attribute, or its value is not valid.")
}
