import PushCore

/// `im_add_tag`, `im_get_tag`, `im_remove_tag`, `im_remove_all_tags`.
struct TencentTagging: Sendable {
    let tags: Tags

    private static let tagsPerCallMax = 10
    private static let tagBytesMax = 50

    @Sendable func add(_ call: TencentCall) async throws -> TencentFields {
        let changes = try Self.changes(of: call)
        try await TencentPushError.translating(TencentPushError.badTag) {
            try await tags.add(changes, as: call.principal)
        }
        return TencentCommand.nothing
    }

    @Sendable func remove(_ call: TencentCall) async throws -> TencentFields {
        let changes = try Self.changes(of: call)
        try await TencentPushError.translating(TencentPushError.badTag) {
            try await tags.remove(changes, as: call.principal)
        }
        return TencentCommand.nothing
    }

    @Sendable func removeAll(_ call: TencentCall) async throws -> TencentFields {
        let users = try TencentUserList.users(of: call)
        try await TencentPushError.translating(TencentPushError.badTag) {
            try await tags.removeAll(of: users, as: call.principal)
        }
        return TencentCommand.nothing
    }

    @Sendable func get(_ call: TencentCall) async throws -> TencentFields {
        let users = try TencentUserList.users(of: call)
        let found = try await TencentPushError.translating(TencentPushError.badTag) {
            try await tags.tags(of: users, as: call.principal)
        }
        return TencentUserList.fields("UserTags", older: "Tags", found, userID: \.userID) { user, writer in
            writer.array("Tags") { writer in for tag in user.tags { writer.string(tag) } }
        }
    }

    private static func changes(of call: TencentCall) throws(TencentError) -> [UserTags] {
        try TencentUserList.items("UserTags", older: "Tags", of: call) { userID, item throws(TencentError) in
            UserTags(userID: userID, tags: try list(item["Tags"], "Tags"))
        }
    }

    /// Tags that a caller names, each once: at least one, at most 10.
    static func list(_ value: RawJSON?, _ name: String) throws(TencentError) -> [String] {
        guard let list = value?.array, !list.isEmpty else {
            throw TencentPushError.badBody("\(name) is no array or empty.")
        }
        guard list.count <= tagsPerCallMax else { throw TencentPushError.tooManyTags }
        var tags: [String] = []
        for element in list {
            guard let tag = element.string else { throw TencentPushError.badTag }
            guard !tag.isEmpty else { throw TencentPushError.emptyTag }
            guard tag.utf8.count <= tagBytesMax, IDRules.isTag(tag) else { throw TencentPushError.badTag }
            if !tags.contains(tag) { tags.append(tag) }
        }
        return tags
    }
}
