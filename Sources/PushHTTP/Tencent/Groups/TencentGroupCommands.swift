import PushCore

/// The commands of `group_open_http_svc`: groups.
enum TencentGroupCommands {
    static func all(_ services: HTTPServices) -> [TencentCommand] {
        let making = TencentGroupMaking(groups: services.groups)
        let reading = TencentGroupReading(groups: services.groups, limits: services.limits)
        let members = TencentGroupMembers(groups: services.groups)
        let sending = TencentGroupSending(groups: services.groups, messaging: services.messaging)
        let history = TencentGroupHistory(groups: services.groups, changes: services.changes)
        let importing = TencentGroupImporting(groups: services.groups, imports: services.imports)
        return [
            TencentCommand(.groups, "create_group", run: making.create),
            TencentCommand(.groups, "import_group", run: making.importGroup),
            TencentCommand(.groups, "destroy_group", run: making.destroy),
            TencentCommand(.groups, "modify_group_base_info", run: making.modify),
            TencentCommand(.groups, "change_group_owner", run: making.changeOwner),
            TencentCommand(.groups, "get_group_info", run: reading.info),
            TencentCommand(.groups, "get_joined_group_list", run: reading.joined),
            TencentCommand(.groups, "get_appid_group_list", run: reading.list),
            TencentCommand(.groups, "add_group_member", run: members.add),
            TencentCommand(.groups, "delete_group_member", run: members.remove),
            TencentCommand(.groups, "get_group_member_info", run: members.info),
            TencentCommand(.groups, "get_role_in_group", run: members.roles),
            TencentCommand(.groups, "modify_group_member_info", run: members.modify),
            TencentCommand(.groups, "send_group_msg", run: sending.send),
            TencentCommand(.groups, "send_group_system_notification", run: sending.notify),
            TencentCommand(.groups, "group_msg_get_simple", run: history.page),
            TencentCommand(.groups, "group_msg_recall", run: history.recall),
            TencentCommand(.groups, "delete_group_msg_by_sender", run: history.recallAll),
            TencentCommand(.groups, "import_group_msg", run: importing.messages),
            TencentCommand(.groups, "import_group_member", run: importing.members),
        ]
    }
}

extension TencentError {
    static let groupUnknown = TencentError(10010, "There is no such group.")
    static let groupIDInvalid = TencentError(10015, "This is no valid GroupId.")
    static let groupFull = TencentError(10014, "The group has as many members as it may have.")

    static func accountUnknown(_ name: String) -> TencentError { TencentError(10019, "There is no account \(name).") }
}

extension TencentCall {
    /// The `GroupId` as it was sent. Throws 10015 for one that no group can have.
    func groupID() throws(TencentError) -> String {
        let id = try requiredString("GroupId")
        guard IDRules.isGroupID(id) else { throw .groupIDInvalid }
        return id
    }

    /// The group that `GroupId` names. Throws 10010 and 10015.
    func group(in groups: Groups) async throws -> GroupDetails {
        guard let found = try await groups.details(of: [try groupID()], as: principal).first, let found else {
            throw TencentError.groupUnknown
        }
        return found
    }

    /// A flag that is 0 or 1.
    func flag(_ name: String) throws(TencentError) -> Bool { try integer(name, in: 0...1) == 1 }

    /// Objects of a list of at most `max`; nil where it is absent. Throws 10005 for more.
    func objects(_ name: String, max: Int) throws(TencentError) -> [JSONObject]? {
        guard let value = body[name] else { return nil }
        guard let list = value.array else { throw bad(name, "is not an array") }
        guard list.count <= max else { throw TencentError(10005, "\(name) has more than \(max) elements.") }
        let objects = list.compactMap(\.object)
        guard objects.count == list.count else { throw bad(name, "is not an array of objects") }
        return objects
    }

    /// Users of a list of at most `max`, each once, in their order. Throws 10005 for more, 10004 for none.
    func users(_ name: String, max: Int) throws(TencentError) -> [String] {
        guard let value = body[name] else { throw bad(name, "is missing") }
        guard let list = value.array, !list.isEmpty else { throw bad(name, "is not an array or empty") }
        guard list.count <= max else { throw TencentError(10005, "\(name) has more than \(max) accounts.") }
        let texts = list.compactMap(\.string)
        guard texts.count == list.count else { throw bad(name, "is not an array of strings") }
        var seen: Set<String> = []
        return texts.filter { seen.insert($0).inserted }
    }
}
