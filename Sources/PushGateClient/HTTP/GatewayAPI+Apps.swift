/// What a tenant's server does, and the operator.
extension GatewayAPI {
    public struct AccessToken: Sendable {
        public let value: String
        public let expiresInSeconds: Int
        /// Names with spaces between them.
        public let scope: String
    }

    /// OAuth 2.0 client credentials (RFC 6749, 4.4). ``Authorization/app(id:secret:)`` does this by itself.
    public func token(appID: String, secret: String) async throws -> AccessToken {
        let json = try await call(
            .post, ["oauth", "token"],
            body: [
                "grant_type": "client_credentials", "client_id": .string(appID), "client_secret": .string(secret),
            ]
        ).json()
        guard let value = json["access_token"]?.string else {
            throw GatewayProblem.unreadable("no access_token in the answer")
        }
        return AccessToken(
            value: value, expiresInSeconds: Int(json["expires_in"]?.integer ?? 0),
            scope: json["scope"]?.string ?? "")
    }

    // MARK: Accounts and groups

    /// Makes an account for a user who has no device yet.
    /// - Returns: the account.
    public func createAccount(userID: String) async throws -> String {
        let json = try await call(.put, ["v1", "accounts", userID], body: [:]).json()
        guard let account = json["account"]?.string else { throw GatewayProblem.unreadable("no account in the answer") }
        return account
    }

    /// `{account, userId, devices}`.
    public func account(userID: String) async throws -> JSONValue {
        try await call(.get, ["v1", "accounts", userID]).json()
    }

    /// Makes accounts for up to 500 users.
    /// - Returns: `{userId, account, status}` each.
    @discardableResult
    public func importAccounts(_ users: [String]) async throws -> [JSONValue] {
        try await call(.post, ["v1", "accounts", "import"], body: ["users": Self.list(users)]).json()["results"]?
            .array ?? []
    }

    /// Who of up to 500 users is connected: `{userId, account, online, devices}` for each that is known.
    public func presence(users: [String]) async throws -> [JSONValue] {
        try await call(.get, ["v1", "presence"], query: ["users": users.joined(separator: ",")]).json()["items"]?
            .array ?? []
    }

    /// Ends one device of a user.
    public func endDevice(_ deviceID: String, userID: String) async throws {
        _ = try await call(.delete, ["v1", "accounts", userID, "devices", deviceID])
    }

    /// Ends all devices of a user; signatures made before now open nothing any more.
    /// - Returns: how many devices were ended.
    @discardableResult
    public func kick(userID: String) async throws -> Int {
        Int(try await call(.post, ["v1", "accounts", userID, "kick"]).json()["devices"]?.integer ?? 0)
    }

    /// Deletes a user's account with its inbox and history. The user may come back, with a new account.
    public func deleteAccount(userID: String) async throws { _ = try await call(.delete, ["v1", "accounts", userID]) }

    /// Up to 500 users a call. The tag is made if there is none.
    public func addMembers(_ users: [String], toTag tag: String) async throws {
        _ = try await call(.put, ["v1", "tags", tag, "members"], body: ["users": Self.list(users)])
    }

    public func removeMembers(_ users: [String], fromTag tag: String) async throws {
        _ = try await call(.delete, ["v1", "tags", tag, "members"], body: ["users": Self.list(users)])
    }

    /// - Returns: the group's id.
    @discardableResult
    public func createGroup(id: String? = nil, name: String? = nil, users: [String]) async throws -> String {
        let json = try await call(
            .post, ["v1", "groups"],
            body: .object([
                "groupId": id.map { .string($0) }, "name": name.map { .string($0) }, "users": Self.list(users),
            ])
        ).json()
        guard let group = json["groupId"]?.string else { throw GatewayProblem.unreadable("no groupId in the answer") }
        return group
    }

    /// Up to 500 users a call.
    public func addMembers(_ users: [String], toGroup id: String) async throws {
        _ = try await call(.put, ["v1", "groups", id, "members"], body: ["users": Self.list(users)])
    }

    public func removeMembers(_ users: [String], fromGroup id: String) async throws {
        _ = try await call(.delete, ["v1", "groups", id, "members"], body: ["users": Self.list(users)])
    }

    public func deleteGroup(_ id: String) async throws { _ = try await call(.delete, ["v1", "groups", id]) }

    // MARK: Settings

    /// A vendor's credentials, as the vendor names them. Secrets are never returned.
    @discardableResult
    public func setPush(vendor: String, _ settings: JSONValue) async throws -> JSONValue {
        try await call(.put, ["v1", "settings", "push", vendor], body: settings).json()
    }

    public func push(vendor: String) async throws -> JSONValue {
        try await call(.get, ["v1", "settings", "push", vendor]).json()
    }

    /// Changes what `settings` names of `{deviceRequestsPerSecond, deviceBurst, appRequestsPerSecond, contentBytes,
    /// requestBytes, batchMessages}`; 0 takes a limit away.
    /// - Returns: the whole, as it holds now.
    @discardableResult
    public func setLimits(_ settings: JSONValue) async throws -> JSONValue {
        try await call(.put, ["v1", "settings", "limits"], body: settings).json()
    }

    @discardableResult
    public func setWebhook(_ settings: JSONValue) async throws -> JSONValue {
        try await call(.put, ["v1", "settings", "webhook"], body: settings).json()
    }

    // MARK: Operator

    public struct NewApp: Sendable {
        public let id: String
        /// Shown this once.
        public let secret: String
        /// Shown this once: the tenant's server signs users with it.
        public let signingKey: String
        /// The whole answer.
        public let json: JSONValue
    }

    public func createTenant(_ tenantNo: String, name: String) async throws {
        _ = try await call(
            .post, ["v1", "admin", "tenants"], body: ["tenantNo": .string(tenantNo), "name": .string(name)])
    }

    /// - Parameter scopes: `nil` for all.
    public func createApp(
        tenantNo: String, name: String, scopes: [String]? = nil, isRegistrationOpen: Bool = false
    ) async throws -> NewApp {
        let json = try await call(
            .post, ["v1", "admin", "apps"],
            body: .object([
                "tenantNo": .string(tenantNo), "name": .string(name), "scopes": scopes.map(Self.list),
                "registration": isRegistrationOpen ? "open" : "signed",
            ])
        ).json()
        guard let id = json["appId"]?.string, let secret = json["appSecret"]?.string,
            let key = json["signingKey"]?.string
        else { throw GatewayProblem.unreadable("no appId, appSecret or signingKey in the answer") }
        return NewApp(id: id, secret: secret, signingKey: key, json: json)
    }

    private static func list(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
}
