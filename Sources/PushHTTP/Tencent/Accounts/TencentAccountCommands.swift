import PushCore

/// The commands of `im_open_login_svc`: accounts.
enum TencentAccountCommands {
    /// Longest `UserID` that is imported, in bytes. Users the native API has made may have longer names.
    static let userIDBytesMax = 32
    /// Most accounts in one call.
    static let accountsPerCallMax = 100

    static func all(_ services: HTTPServices) -> [TencentCommand] {
        let accounts = services.accounts
        return [
            TencentCommand(.accounts, "account_import") { call in
                let profile = try profile(
                    userID: call.requiredString("UserID", "Identifier"),
                    nick: call.string("Nick"), faceURL: call.string("FaceUrl"))
                guard let profile else { throw call.bad("UserID", "is not valid") }
                try await accounts.importProfiles([profile], as: call.principal)
                return TencentCommand.nothing
            },
            TencentCommand(.accounts, "multiaccount_import") { call in
                let (profiles, failed) = try profiles(of: call)
                if !profiles.isEmpty { try await accounts.importProfiles(profiles, as: call.principal) }
                return { writer in
                    writer.array("FailAccounts") { writer in for userID in failed { writer.string(userID) } }
                }
            },
            TencentCommand(.accounts, "account_check") { call in
                let users = try userIDs("CheckItem", of: call)
                let known = try await accounts.known(among: users, as: call.principal)
                return { writer in
                    writeResults(of: users, into: &writer) { user, writer in
                        writer.member("ResultCode", 0)
                        writer.member("ResultInfo", "")
                        writer.member("AccountStatus", known.contains(user) ? "Imported" : "NotImported")
                    }
                }
            },
            TencentCommand(.accounts, "account_delete") { call in
                let users = try userIDs("DeleteItem", of: call)
                var deleted: Set<String> = []
                for user in users where !deleted.contains(user) {
                    if try await delete(user, accounts, call) { deleted.insert(user) }
                }
                return { [deleted] writer in
                    writeResults(of: users, into: &writer) { user, writer in
                        let isDone = deleted.contains(user)
                        writer.member("ResultCode", isDone ? 0 : TencentError.accountNotThere.code)
                        writer.member("ResultInfo", isDone ? "" : TencentError.accountNotThere.info)
                    }
                }
            },
            TencentCommand(.accounts, "kick") { call in
                let userID = try call.requiredString("UserID", "Identifier")
                do {
                    _ = try await accounts.kick(userID: userID, as: call.principal)
                } catch let error as GatewayError where error.code == .notFound {
                    throw TencentError.accountNotThere
                }
                return TencentCommand.nothing
            },
        ]
    }

    /// False when there is no such user.
    private static func delete(_ userID: String, _ accounts: Accounts, _ call: TencentCall) async throws -> Bool {
        do {
            try await accounts.delete(userID: userID, as: call.principal)
            return true
        } catch let error as GatewayError where error.code == .notFound {
            return false
        }
    }

    // MARK: Profiles

    /// nil where the name of the user is not valid. Throws where another part is too long.
    ///
    /// - Parameters:
    ///   - nick, faceURL: "" is what some SDKs send for a field that was not set: it leaves what was there.
    private static func profile(
        userID: String, nick: String?, faceURL: String?
    ) throws(TencentError) -> AccountProfile? {
        for (name, text) in [("Nick", nick), ("FaceUrl", faceURL)] {
            guard (text?.utf8.count ?? 0) <= AccountProfile.textBytesMax else {
                throw TencentError(40006, "\(name) has more than \(AccountProfile.textBytesMax) bytes.")
            }
        }
        guard IDRules.isUserID(userID), userID.utf8.count <= userIDBytesMax else { return nil }
        func set(_ text: String?) -> String? { text.flatMap { $0.isEmpty ? nil : $0 } }
        return AccountProfile(userID: userID, nick: set(nick), faceURL: set(faceURL))
    }

    /// Everyone whom the call names in either of its forms, and the names that cannot be imported.
    private static func profiles(of call: TencentCall) throws(TencentError) -> ([AccountProfile], failed: [String]) {
        var items: [(userID: String, nick: String?, faceURL: String?)] = []
        for value in try list("AccountList", of: call) ?? [] {
            guard let item = value.object, let userID = item["UserID"]?.string else {
                throw call.bad("AccountList", "has an entry without a UserID")
            }
            items.append((userID, item["Nick"]?.string, item["FaceUrl"]?.string))
        }
        for value in try list("Accounts", of: call) ?? [] {
            guard let userID = value.string else { throw call.bad("Accounts", "is not an array of strings") }
            items.append((userID, nil, nil))
        }
        guard (1...accountsPerCallMax).contains(items.count) else {
            throw call.bad("AccountList", "names nobody or more than \(accountsPerCallMax) accounts")
        }
        var profiles: [AccountProfile] = []
        var failed: [String] = []
        for item in items {
            let found = try? profile(userID: item.userID, nick: item.nick, faceURL: item.faceURL)
            if let found = found.flatMap(\.self) { profiles.append(found) } else { failed.append(item.userID) }
        }
        return (profiles, failed)
    }

    private static func list(_ name: String, of call: TencentCall) throws(TencentError) -> [RawJSON]? {
        guard let value = call.body[name] else { return nil }
        guard let list = value.array else { throw call.bad(name, "is not an array") }
        return list
    }

    // MARK: Lists of users

    /// The users of `[{"UserID": …}]`.
    private static func userIDs(_ name: String, of call: TencentCall) throws(TencentError) -> [String] {
        guard let items = try list(name, of: call), (1...accountsPerCallMax).contains(items.count) else {
            throw call.bad(name, "names nobody or more than \(accountsPerCallMax) accounts")
        }
        let users = items.compactMap { $0.object?["UserID"]?.string }
        guard users.count == items.count else { throw call.bad(name, "has an entry without a UserID") }
        return users
    }

    private static func writeResults(
        of users: [String], into writer: inout JSONWriter, _ body: (String, inout JSONWriter) -> Void
    ) {
        writer.array("ResultItem") { writer in
            for user in users {
                writer.object { writer in
                    writer.member("UserID", user)
                    body(user, &writer)
                }
            }
        }
    }
}
