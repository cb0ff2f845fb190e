import PushCore

/// `im_set_attr_name`, `im_get_attr_name`, `im_set_attr`, `im_get_attr`, `im_remove_attr`.
struct TencentAttributes: Sendable {
    let tags: Tags

    // MARK: Names

    @Sendable func setNames(_ call: TencentCall) async throws -> TencentFields {
        guard let object = call.value("AttrNames")?.object, !object.members.isEmpty else {
            throw TencentPushError.badBody("AttrNames is no object or empty.")
        }
        var names: [Int: String] = [:]
        for member in object.members {
            guard let number = Int(member.key), (0..<Tags.attributesMax).contains(number), "\(number)" == member.key
            else { throw TencentPushError.badBody("AttrNames: the numbers are 0 to \(Tags.attributesMax - 1).") }
            guard let name = member.value.string else { throw TencentPushError.badAttribute }
            names[number] = name
        }
        try await TencentPushError.translating(TencentPushError.badAttribute) { [names] in
            try await tags.setAttributeNames(names, as: call.principal)
        }
        return TencentCommand.nothing
    }

    @Sendable func names(_ call: TencentCall) async throws -> TencentFields {
        let names = try await tags.attributeNames(as: call.principal)
        return { writer in
            writer.object("AttrNames") { writer in
                for (number, name) in names.sorted(by: { $0.key < $1.key }) { writer.member("\(number)", name) }
            }
        }
    }

    // MARK: Values

    @Sendable func set(_ call: TencentCall) async throws -> TencentFields {
        let changes = try TencentUserList.items("UserAttrs", older: "Attrs", of: call) {
            userID, item throws(TencentError) in
            UserAttributes(userID: userID, values: try Self.values(item["Attrs"], "Attrs"))
        }
        try await TencentPushError.translating(TencentPushError.badAttribute) {
            try await tags.setAttributes(changes, as: call.principal)
        }
        return TencentCommand.nothing
    }

    @Sendable func remove(_ call: TencentCall) async throws -> TencentFields {
        let changes = try TencentUserList.items("UserAttrs", older: "Attrs", of: call) {
            userID, item throws(TencentError) in
            let names = try TencentUserList.texts(
                item["Attrs"], "Attrs", max: Tags.attributesMax, tooMany: TencentPushError.badAttribute,
                invalid: TencentPushError.badAttribute)
            return UserTags(userID: userID, tags: names)
        }
        try await TencentPushError.translating(TencentPushError.badAttribute) {
            try await tags.removeAttributes(changes, as: call.principal)
        }
        return TencentCommand.nothing
    }

    @Sendable func get(_ call: TencentCall) async throws -> TencentFields {
        let users = try TencentUserList.users(of: call)
        let found = try await TencentPushError.translating(TencentPushError.badAttribute) {
            try await tags.attributes(of: users, as: call.principal)
        }
        return TencentUserList.fields("UserAttrs", older: "Attrs", found, userID: \.userID) { user, writer in
            writer.object("Attrs") { writer in
                for (name, value) in user.values.sorted(by: { $0.key < $1.key }) { writer.member(name, value) }
            }
        }
    }

    /// Attributes that a caller names, with a value for each: at least one, at most 10.
    static func values(_ value: RawJSON?, _ name: String) throws(TencentError) -> [String: String] {
        guard let members = value?.object?.members, !members.isEmpty else {
            throw TencentPushError.badBody("\(name) is no object or empty.")
        }
        guard members.count <= Tags.attributesMax else { throw TencentPushError.badAttribute }
        var values: [String: String] = [:]
        for member in members {
            guard let text = member.value.string, AttributeTag.isText(text) else { throw TencentPushError.badAttribute }
            values[member.key] = text
        }
        return values
    }
}
