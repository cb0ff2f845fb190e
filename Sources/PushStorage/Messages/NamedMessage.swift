import GRDB
import PushCore

/// Which message somebody means by a name that may be that of several: an id, or an alias (``MessageRows``).
struct NamedMessage {
    let db: Database
    let principal: Principal

    /// What the message is wanted for; it says on which side of it the one who asks should be.
    enum Purpose {
        case reading
        /// By its sender.
        case changing
        /// By a receiver.
        case burning
    }

    /// Of several an app means the one with this id. A device means one that its account has to do with: to change, one
    /// that the account sent; to burn, one that it received; to read, that with the id, or else one that it received.
    ///
    /// Throws `conflict` where that leaves several with one alias. Whether the one that is found may be seen is for the
    /// caller to check.
    func find(_ name: String, for purpose: Purpose) throws -> ArchivedMessage? {
        let tenant = principal.tenant
        let found = try MessageRows.messages(db, tenant: tenant.key, naming: name, tenantNo: tenant.tenantNo)
        guard found.count > 1 else { return found.first }
        switch principal {
        case .app: return try one(of: found, named: name)
        case .device(let device):
            let account = device.account.key
            let sent = found.filter { $0.senderAccount == account }
            let received = try found.filter {
                try $0.senderAccount != account
                    && ($0.form == .broadcast || MessageHolders(db: db, message: $0.key).contains(account))
            }
            switch purpose {
            case .changing: return try one(of: sent.isEmpty ? received : sent, named: name)
            case .burning: return try one(of: received.isEmpty ? sent : received, named: name)
            case .reading:
                if let first = found.first, first.id == name, (sent + received).contains(where: { $0.key == first.key })
                {
                    return first
                }
                return try one(of: received.isEmpty ? sent : received, named: name)
            }
        }
    }

    private func one(of found: [ArchivedMessage], named name: String) throws -> ArchivedMessage? {
        guard found.count > 1, let first = found.first, first.id != name else { return found.first }
        throw GatewayError(.conflict, "This is the alias of \(found.count) messages: name the one by its id.")
    }
}
