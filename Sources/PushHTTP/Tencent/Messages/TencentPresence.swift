import PushCore

/// `query_online_status`, and `querystate` as it was called before.
struct TencentPresence: Sendable {
    let accounts: Accounts

    private static let accountsMax = 500

    @Sendable func states(_ call: TencentCall) async throws -> TencentFields {
        guard let list = call.value("To_Account")?.array else {
            throw TencentError(90003, "To_Account is missing or not an array.")
        }
        guard !list.isEmpty else { throw TencentError(90001, "To_Account is empty.") }
        guard list.count <= Self.accountsMax else {
            throw TencentError(90011, "To_Account has more than \(Self.accountsMax) accounts.")
        }
        let names = list.compactMap(\.string)
        guard names.count == list.count else { throw TencentError(90003, "To_Account is not an array of strings.") }
        let isOlder = call.command == "querystate"
        let wantsDetail = try call.integer("IsNeedDetail", in: 0...1) == 1 && !isOlder
        let found = try await accounts.onlineStates(of: names, as: call.principal)
        let known = Set(found.map(\.userID))
        var unknown: [(name: String, code: Int)] = []
        for name in names where !known.contains(name) && !unknown.contains(where: { $0.name == name }) {
            unknown.append((name, TencentError.accountNotThere.code))
        }
        return { [unknown] writer in
            writer.array("QueryResult") { writer in
                for user in found {
                    writer.object { writer in
                        writer.member("To_Account", user.userID)
                        writer.member("Status", Self.word(user.state))
                        if isOlder { writer.member("State", Self.word(user.state)) }
                        if wantsDetail { Self.write(user.devices, into: &writer) }
                    }
                }
            }
            if !unknown.isEmpty { writer.tencentErrors(unknown, named: "To_Account") }
        }
    }

    /// The platforms that can be reached, each once, by the device of it that can be reached best.
    private static func write(_ devices: [(osType: OSType, state: OnlineState)], into writer: inout JSONWriter) {
        var best: [(platform: String, state: OnlineState)] = []
        for device in devices where device.state > .offline {
            let name = platform(device.osType)
            if let index = best.firstIndex(where: { $0.platform == name }) {
                best[index].state = max(best[index].state, device.state)
            } else {
                best.append((name, device.state))
            }
        }
        writer.array("Detail") { writer in
            for item in best {
                writer.object { writer in
                    writer.member("Platform", item.platform)
                    writer.member("Status", word(item.state))
                }
            }
        }
    }

    private static func word(_ state: OnlineState) -> String {
        switch state {
        case .online: "Online"
        case .reachableByPush: "PushOnline"
        case .offline: "Offline"
        }
    }

    private static func platform(_ osType: OSType) -> String {
        switch osType {
        case .ios: "iPhone"
        case .android: "Android"
        case .web: "Web"
        case .windows: "PC"
        case .unknown: "Unknown"
        }
    }
}
