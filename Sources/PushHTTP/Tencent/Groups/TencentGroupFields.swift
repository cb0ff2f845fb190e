import PushCore

/// `ResponseFilter` of `get_group_info`: what of a group an answer has. Without one it has everything; with one, what
/// its parts name.
struct TencentGroupFilter {
    let base: TencentGroupFields
    let member: TencentGroupFields
    let wantsCustom: Bool

    init(of call: TencentCall) throws(TencentError) {
        guard let value = call.value("ResponseFilter") else {
            (base, member, wantsCustom) = (.all, .all, true)
            return
        }
        guard let filter = value.object else { throw call.bad("ResponseFilter", "is not an object") }
        base = TencentGroupFields(filter["GroupBaseInfoFilter"])
        member = TencentGroupFields(filter["MemberInfoFilter"])
        wantsCustom = filter["AppDefinedDataFilter_Group"] != nil
    }
}

/// Which fields an answer has.
enum TencentGroupFields: Equatable {
    case all, none
    case only(Set<String>)

    /// What a filter names: nothing where it is absent.
    init(_ filter: RawJSON?) {
        guard let names = filter?.array?.compactMap(\.string) else {
            self = .none
            return
        }
        self = .only(Set(names))
    }

    private func has(_ name: String) -> Bool {
        switch self {
        case .all: true
        case .none: false
        case .only(let names): names.contains(name)
        }
    }

    /// The group's own fields.
    ///
    /// - Parameter membersMax: of a group that has no limit of its own.
    func write(_ group: GroupDetails, membersMax: Int, into writer: inout JSONWriter) {
        func text(_ name: String, _ value: @autoclosure () -> String) {
            if has(name) { writer.member(name, value()) }
        }
        func number(_ name: String, _ value: @autoclosure () -> Int64) {
            if has(name) { writer.member(name, value()) }
        }
        let profile = group.profile
        text("Type", group.type)
        text("Name", group.group.name)
        for name in ["Introduction", "Notification", "FaceUrl"] { text(name, profile[name]?.string ?? "") }
        text("Owner_Account", group.owner ?? "")
        number("CreateTime", group.createdAt / 1000)
        number("LastInfoTime", profile["LastInfoTime"]?.integer ?? group.createdAt / 1000)
        number("LastMsgTime", (group.newestMessageAt ?? 0) / 1000)
        number("NextMsgSeq", group.newestPlace + 1)
        number("MemberNum", Int64(group.group.memberCount))
        number("MaxMemberNum", profile["MaxMemberNum"]?.integer ?? Int64(membersMax))
        text("ApplyJoinOption", profile["ApplyJoinOption"]?.string ?? "NeedPermission")
    }

    /// A member as an element of a list.
    func write(_ member: GroupMembership, of group: GroupDetails, into writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("Member_Account", member.userID)
            writeMembers(member, of: group, into: &writer)
        }
    }

    /// What a member is in the group.
    func writeMembers(_ member: GroupMembership, of group: GroupDetails, into writer: inout JSONWriter) {
        if has("Role") { writer.member("Role", member.role.rawValue) }
        if has("JoinTime") { writer.member("JoinTime", (member.joinedAt ?? group.createdAt) / 1000) }
        if has("NameCard") { writer.member("NameCard", member.nameCard ?? "") }
    }
}
