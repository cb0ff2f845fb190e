import PushCore

extension TencentCall {
    /// Whether a name is one of an administrator: where no account has it, it means the app itself.
    func isAdministrator(_ name: String) -> Bool {
        name == App.administrator || app.app.tencentAdmins.contains(name)
    }
}

/// Whom the names in a call stand for.
struct TencentSides {
    let call: TencentCall
    let conversations: Conversations

    /// A side with the name that answers show for it.
    struct Side {
        let peer: NamedPeer
        let name: String

        /// The app is shown under one name, whichever administrator was named.
        init(_ peer: NamedPeer, as name: String) {
            self.peer = peer
            self.name = peer.account == nil ? App.administrator : name
        }
    }

    /// The account of a user, or the app for an administrator without one; nil where it is nobody.
    func side(named name: String) async throws -> Side? {
        if let account = try await conversations.side(userID: name, as: call.principal) {
            return Side(account, as: name)
        }
        return call.isAdministrator(name) ? Side(NamedPeer(call.app.app), as: name) : nil
    }

    /// Whom a required field names. Throws `code` where it is missing, no text, or nobody.
    func required(_ name: String, _ value: String, orThrow code: Int) async throws -> Side {
        guard let side = try await side(named: value) else {
            throw TencentError(code, "\(name): there is no account of this name.")
        }
        return side
    }

    /// `from` of a native message; nil for the app itself.
    func sender() async throws -> String? {
        guard let name = try call.string("From_Account", orThrow: 90008), !name.isEmpty else { return nil }
        guard call.isAdministrator(name) else { return try Self.user(name, "From_Account") }
        return try await conversations.side(userID: name, as: call.principal)?.id
    }

    /// A user's name as the native API takes it. Whether there is such a user is asked when the message is archived.
    static func user(_ name: String, _ field: String) throws(TencentError) -> String {
        guard IDRules.isUserID(name) else { throw TencentError(20003, "\(field): there is no account of this name.") }
        return "user:" + name
    }
}
