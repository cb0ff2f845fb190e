/// Sends to everyone or to everyone with some tags, as jobs. Apps send them with ``OutgoingMessage/audience``:
/// `["all": true]`, or `["tags": ["any": ["blue"], "not": ["tester"]]]`.
extension GatewayAPI {
    /// How far a send to many is.
    public struct Broadcast: Sendable, Hashable {
        public enum State: String, Sendable { case running, paused, done, cancelled }

        /// Of the message.
        public let id: String
        public let state: State
        /// Accounts when it was archived; `nil` until they are counted.
        public let audience: Int?
        /// Accounts handed to the broker.
        public let published: Int
        /// Devices.
        public let acknowledged: Int
        public let pushed: Int
        public let failed: Int
        /// Devices that were not pushed, by reason.
        public let skipped: [String: Int]
        /// Milliseconds since 1970.
        public let startedAt: Int64
        public let finishedAt: Int64?

        init(_ json: JSONValue) throws {
            guard let id = json["id"]?.string, let state = json["state"]?.string.flatMap(State.init) else {
                throw GatewayProblem.unreadable("no id or state in the answer about a broadcast")
            }
            func count(_ name: String) -> Int { Int(json[name]?.integer ?? 0) }
            self.id = id
            self.state = state
            audience = json["audience"]?.integer.map { Int($0) }
            published = count("published")
            acknowledged = count("acknowledged")
            pushed = count("pushed")
            failed = count("failed")
            var skipped: [String: Int] = [:]
            for member in json["skipped"]?.members ?? [] { skipped[member.name] = member.value.integer.map { Int($0) } }
            self.skipped = skipped
            startedAt = json["startedAt"]?.integer ?? 0
            finishedAt = json["finishedAt"]?.integer
        }
    }

    public func broadcast(_ id: String) async throws -> Broadcast {
        try Broadcast(await call(.get, ["v1", "broadcasts", id]).json())
    }

    /// Stops it for good; what was delivered stays.
    @discardableResult
    public func cancelBroadcast(_ id: String) async throws -> Broadcast { try await change("cancel", id) }

    /// Holds it up: nobody new is reached until ``resumeBroadcast(_:)``.
    @discardableResult
    public func pauseBroadcast(_ id: String) async throws -> Broadcast { try await change("pause", id) }

    @discardableResult
    public func resumeBroadcast(_ id: String) async throws -> Broadcast { try await change("resume", id) }

    private func change(_ action: String, _ id: String) async throws -> Broadcast {
        try Broadcast(await call(.post, ["v1", "broadcasts", id, action]).json())
    }
}
