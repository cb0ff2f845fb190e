import PushCore

/// `get_group_info`, `get_joined_group_list`, `get_appid_group_list` (documents 269-1616, 269-1625, 269-1614).
struct TencentGroupReading: Sendable {
    let groups: Groups
    let limits: Limits

    private static let groupsMax = 50
    private static let listMax = 10_000
    /// Members in one answer, of all groups together: some 2 MB.
    private static let membersMax = 10_000

    // MARK: get_group_info

    @Sendable func info(_ call: TencentCall) async throws -> TencentFields {
        guard let ids = try call.strings("GroupIdList", max: Self.groupsMax), !ids.isEmpty else {
            throw call.bad("GroupIdList", "is missing or empty")
        }
        let filter = try TencentGroupFilter(of: call)
        let valid = ids.filter(IDRules.isGroupID)
        let details = Dictionary(
            zip(valid, try await groups.details(of: valid, as: call.principal))
        ) { first, _ in first }
        var members: [String: [GroupMembership]] = [:]
        if filter.member != .none {
            var left = Self.membersMax
            for case let group?? in Set(valid).map({ details[$0] }) {
                let page = try await groups.memberships(of: group.group, offset: 0, limit: left + 1, as: call.principal)
                left -= page.items.count
                guard left >= 0 else {
                    throw TencentError(10018, "There are too many members for one answer: ask for them page by page.")
                }
                members[group.group.groupID] = page.items
            }
        }
        let membersMax = limits.groupMembersMax
        return { [members] writer in
            writer.array("GroupInfo") { writer in
                for id in ids {
                    writer.object { writer in
                        guard let found = details[id], let group = found else {
                            let refusal: TencentError = IDRules.isGroupID(id) ? .groupUnknown : .groupIDInvalid
                            writer.member("GroupId", id)
                            writer.member("ErrorCode", refusal.code)
                            writer.member("ErrorInfo", refusal.info)
                            return
                        }
                        writer.member("GroupId", id)
                        writer.member("ErrorCode", 0)
                        writer.member("ErrorInfo", "")
                        filter.base.write(group, membersMax: membersMax, into: &writer)
                        if filter.wantsCustom {
                            writer.member("AppDefinedData", group.profile["AppDefinedData"] ?? Self.emptyArray)
                        }
                        guard let list = members[id] else { return }
                        writer.array("MemberList") { writer in
                            for member in list { filter.member.write(member, of: group, into: &writer) }
                        }
                    }
                }
            }
        }
    }

    private static let emptyArray = RawJSON(archived: Array("[]".utf8))

    // MARK: Lists

    /// The groups that somebody is in, in the order of their making. Without `Limit`: all.
    @Sendable func joined(_ call: TencentCall) async throws -> TencentFields {
        let user = try call.requiredString("Member_Account")
        let limit = try call.integer("Limit", in: 0...Int64.max) ?? 0
        let offset = try call.integer("Offset", in: 0...Int64(Int32.max)) ?? 0
        let type = try call.string("GroupType", "Type").flatMap { $0.isEmpty ? nil : $0 }
        let base = TencentGroupFields(call.value("ResponseFilter")?.object?["GroupBaseInfoFilter"])
        let own = TencentGroupFields(call.value("ResponseFilter")?.object?["SelfInfoFilter"])
        let found = try await groups.joined(
            by: user, type: type, offset: Int(offset),
            limit: limit == 0 ? Self.listMax : Int(min(limit, Int64(Self.listMax))), as: call.principal)
        let membersMax = limits.groupMembersMax
        return { writer in
            writer.member("TotalCount", found.total)
            writer.array("GroupIdList") { writer in
                for (group, membership) in found.items {
                    writer.object { writer in
                        writer.member("GroupId", group.group.groupID)
                        base.write(group, membersMax: membersMax, into: &writer)
                        guard own != .none else { return }
                        writer.object("SelfInfo") { own.writeMembers(membership, of: group, into: &$0) }
                    }
                }
            }
        }
    }

    /// All groups of the tenant, in the order of their making.
    @Sendable func list(_ call: TencentCall) async throws -> TencentFields {
        let limit = try call.integer("Limit", in: 0...Int64.max) ?? 0
        let next = try call.integer("Next", in: 0...Int64.max) ?? 0
        let type = try call.string("GroupType", "Type").flatMap { $0.isEmpty ? nil : $0 }
        let page = limit == 0 ? Self.listMax : Int(min(limit, Int64(Self.listMax)))
        let found = try await groups.ids(
            type: type, afterPlace: Int(clamping: next), limit: page + 1, as: call.principal)
        let items = found.items.prefix(page)
        let following = found.items.count > page ? items.last?.place ?? 0 : 0
        return { writer in
            writer.member("TotalCount", found.total)
            writer.array("GroupIdList") { writer in
                for item in items { writer.object { $0.member("GroupId", item.groupID) } }
            }
            writer.member("Next", following)
        }
    }
}
