import PushCore

/// The commands of `all_member_push`: pushes to many, tags and attributes. Older SDKs call them in `openim`.
enum TencentPushCommands {
    static func all(_ services: HTTPServices) -> [TencentCommand] {
        let push = TencentMassPush(messaging: services.messaging, accounts: services.accounts, tags: services.tags)
        let tagging = TencentTagging(tags: services.tags)
        let attributes = TencentAttributes(tags: services.tags)
        func command(_ name: String, _ run: @escaping @Sendable (TencentCall) async throws -> TencentFields)
            -> TencentCommand
        {
            TencentCommand(.pushes, name, alsoIn: [.messages], run: run)
        }
        return [
            command("im_push", push.push),
            command("im_set_attr_name", attributes.setNames),
            command("im_get_attr_name", attributes.names),
            command("im_set_attr", attributes.set),
            command("im_get_attr", attributes.get),
            command("im_remove_attr", attributes.remove),
            command("im_add_tag", tagging.add),
            command("im_get_tag", tagging.get),
            command("im_remove_tag", tagging.remove),
            command("im_remove_all_tags", tagging.removeAll),
        ]
    }
}

/// Codes of tags and attributes (document 1047-37165), and of lists of users.
enum TencentPushError {
    static let tooManyUsers = TencentError(90018, "At most \(TencentUserList.usersMax) accounts a call.")
    static func badBody(_ what: String) -> TencentError { TencentError(90019, what) }
    static let repeatedTag = TencentError(90022, "A tag is in TagsOr and in TagsAnd.")
    static let tooManyTags = TencentError(90032, "At most 10 tags for each account and in each list.")
    static let badAttribute = TencentError(90033, "An attribute or its value is not valid.")
    static let badTag = TencentError(90034, "A tag is not valid or has more than 50 bytes.")
    static let badUser = TencentError(90035, "To_Account is not valid.")
    static let mixedCondition = TencentError(90039, "A condition has tags or attributes, not both.")
    static let emptyTag = TencentError(90040, "A tag is empty.")

    /// Runs a use case and says what it refuses in the service's words.
    static func translating<Value: Sendable>(
        _ invalid: TencentError, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let error as GatewayError {
            switch error.code {
            case .recipientNotFound: throw TencentError(90035, error.detail)
            case .invalidRequest: throw TencentError(invalid.code, error.detail)
            case .conflict: throw TencentError(90033, error.detail)
            case .tooLarge: throw TencentError(90046, error.detail)
            default: throw error
            }
        }
    }
}

/// Lists of users in the calls about tags and attributes.
enum TencentUserList {
    /// Most users in one call: documents say 100, older ones 500.
    static let usersMax = 500

    /// `To_Account`: the users themselves.
    static func users(of call: TencentCall) throws(TencentError) -> [String] {
        try texts(
            call.value("To_Account"), "To_Account", max: usersMax, tooMany: TencentPushError.tooManyUsers,
            invalid: TencentPushError.badUser)
    }

    /// At least one text, and nothing else.
    static func texts(
        _ value: RawJSON?, _ name: String, max: Int, tooMany: TencentError, invalid: TencentError
    ) throws(TencentError) -> [String] {
        guard let list = value?.array, !list.isEmpty else {
            throw TencentPushError.badBody("\(name) is no array or empty.")
        }
        guard list.count <= max else { throw tooMany }
        let texts = list.compactMap(\.string)
        guard texts.count == list.count else { throw invalid }
        return texts
    }

    /// Users with what is said of each, under the name of today or the older one.
    static func items<Item>(
        _ name: String, older: String, of call: TencentCall,
        _ read: (_ userID: String, _ item: JSONObject) throws(TencentError) -> Item
    ) throws(TencentError) -> [Item] {
        guard let list = call.value(name, older)?.array, !list.isEmpty else {
            throw TencentPushError.badBody("\(name) is no array or empty.")
        }
        guard list.count <= usersMax else { throw TencentPushError.tooManyUsers }
        var items: [Item] = []
        for value in list {
            guard let item = value.object else {
                throw TencentPushError.badBody("\(name) has an entry that is no object.")
            }
            guard let userID = item["To_Account"]?.string else { throw TencentPushError.badUser }
            items.append(try read(userID, item))
        }
        return items
    }

    /// The answer to a question: what is known of each user, under the name of today and the older one.
    static func fields<User: Sendable>(
        _ name: String, older: String, _ users: [User], userID: @escaping @Sendable (User) -> String,
        write: @escaping @Sendable (User, inout JSONWriter) -> Void
    ) -> TencentFields {
        { writer in
            for name in [name, older] {
                writer.array(name) { writer in
                    for user in users {
                        writer.object { writer in
                            writer.member("To_Account", userID(user))
                            write(user, &writer)
                        }
                    }
                }
            }
        }
    }
}
