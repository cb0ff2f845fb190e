/// What devices and apps do with messages: send, synchronize, read one. Every door (HTTP, MQTT) calls these and adds
/// nothing but its encoding.
public struct Messaging: Sendable {
    let archive: any MessageArchive
    private let devices: any DeviceStore
    private let delivery: any DeliveryStore
    private let publisher: any DownlinkPublisher
    private let receipts: Receipts
    let beforeSend: (any BeforeSend)?
    private let expansionWaiting: @Sendable () -> Void
    private let pushCredentials: @Sendable () -> [CredentialStatus]
    let ids: IDGenerator
    let limits: Limits
    let clock: WallClock

    /// - Parameters:
    ///   - beforeSend: asks tenants' services; nil = nobody is asked.
    ///   - pushCredentials: how the vendors' credentials do, for the trace of pushes that wait for one.
    public init(
        archive: any MessageArchive, devices: any DeviceStore, delivery: any DeliveryStore,
        publisher: any DownlinkPublisher, receipts: Receipts, expansionWaiting: @escaping @Sendable () -> Void,
        ids: IDGenerator, limits: Limits, clock: WallClock,
        beforeSend: (any BeforeSend)? = nil,
        pushCredentials: @escaping @Sendable () -> [CredentialStatus] = { [] }
    ) {
        self.beforeSend = beforeSend
        self.pushCredentials = pushCredentials
        self.archive = archive
        self.devices = devices
        self.delivery = delivery
        self.publisher = publisher
        self.receipts = receipts
        self.expansionWaiting = expansionWaiting
        self.ids = ids
        self.limits = limits
        self.clock = clock
    }

    // MARK: Sending

    /// Archives a message and returns when it is on disk with its audience; delivery follows from the archive.
    public func send(
        _ body: RawJSON, as principal: Principal, options: SendOptions = .standard
    ) async throws -> Acceptance {
        try checkMaySend(principal)
        let message = try parse(body, as: principal, options: options)
        if message.isEphemeral { return try await sendEphemeral(message, as: principal) }
        switch try await questioned(message, from: principal) {
        case .answered(let acceptance): return acceptance
        case .message(let message):
            let acceptance = try await archive.accept(message, from: principal)
            noteAccepted(acceptance)
            return acceptance
        }
    }

    func checkMaySend(_ principal: Principal) throws(GatewayError) {
        if case .app = principal { _ = try principal.app(with: .messagesSend) }
    }

    func parse(
        _ body: RawJSON, as principal: Principal, options: SendOptions = .standard
    ) throws(GatewayError) -> Message {
        try Message(
            parsing: body, as: principal, limits: limits.effective(for: principal.tenant), ids: ids, now: clock.now,
            options: options)
    }

    /// Wakes whoever goes on with a message that was accepted.
    func noteAccepted(_ acceptance: Acceptance) {
        if acceptance.recipients == nil { expansionWaiting() }
    }

    /// Never archived, no `seq`, no push: only for devices that are there now.
    func sendEphemeral(_ message: Message, as principal: Principal) async throws -> Acceptance {
        let delivery = try await archive.receivers(of: message, from: principal)
        let template = EphemeralTemplate(delivery.message)
        let aliases = delivery.message.numbers.map { _ in MessageAliases(of: delivery.message) }
        if delivery.message.form == .broadcast {
            publisher.publishTransient(
                topic: Topics.broadcast(tenantNo: delivery.message.tenantNo), payload: template.payload(account: "*"))
            return Acceptance(
                id: message.id, serverTime: delivery.message.serverTime, recipients: nil, isDuplicate: false,
                ownSeq: nil, numbers: delivery.message.numbers, aliases: aliases)
        }
        for account in delivery.accounts {
            publisher.publishTransient(
                topic: Topics.inbox(account: account.id), payload: template.payload(account: account.id))
        }
        return Acceptance(
            id: message.id, serverTime: delivery.message.serverTime, recipients: delivery.accounts.count,
            isDuplicate: false, ownSeq: nil, numbers: delivery.message.numbers, aliases: aliases)
    }

    // MARK: Receiving

    /// What a device asks for when it catches up.
    public struct SyncRequest: Sendable {
        public var after: Int64
        public var broadcastAfter: Int64?
        public var limit: Int

        /// From the query of a GET, where everything is text.
        public init(after: String?, broadcastAfter: String?, limit: String?, limits: Limits) throws(GatewayError) {
            self.limit = try PageRequest(limit: limit, cursor: nil, limits: limits).limit
            self.after = try Self.cursor("after", after) ?? 0
            self.broadcastAfter = try Self.cursor("broadcastAfter", broadcastAfter)
        }

        /// From the payload of an MQTT request.
        public init(parsing body: RawJSON, limits: Limits) throws(GatewayError) {
            var reader = try BodyReader(parsing: body)
            after = reader.integer("after", in: 0...Int64.max) ?? 0
            broadcastAfter = reader.integer("broadcastAfter", in: 0...Int64.max)
            limit =
                reader.integer("limit", in: 1...Int64(limits.pageItemsMax)).map { Int($0) } ?? limits.pageItemsDefault
            try reader.finish()
        }

        private static func cursor(_ name: String, _ text: String?) throws(GatewayError) -> Int64? {
            guard let text else { return nil }
            guard let number = Int64(text), number >= 0 else {
                throw GatewayError(.invalidRequest, "\(name) must be a whole number that is not negative.")
            }
            return number
        }
    }

    /// Everything after a cursor in `seq` order, and an acknowledgement of what is up to it.
    ///
    /// - Parameters:
    ///   - bytesMax: the page ends before it would grow beyond this, but always holds one item.
    ///   - withBroadcast: over HTTP the broadcast head is always told, over MQTT when it is asked for.
    public func sync(
        _ request: SyncRequest, as device: DeviceIdentity, bytesMax: Int = .max, withBroadcast: Bool = true
    ) async throws -> RawJSON {
        let (after, broadcastAfter) = (request.after, request.broadcastAfter ?? 0)
        if after > 0 || broadcastAfter > 0 {
            _ = try await receipts.acknowledge(
                seq: after > 0 ? after : nil, broadcastSeq: broadcastAfter > 0 ? broadcastAfter : nil, as: device)
        }
        let page = try await archive.inbox(of: device.account.key, after: request.after, limit: request.limit)
        let now = clock.now
        var items: [[UInt8]] = []
        var bytes = 0
        for item in page.items {
            let payload = DownlinkTemplate(
                item.message, revision: item.entry.revision, isBurned: item.isBurned, now: now
            ).payload(account: device.account.id, seq: item.entry.seq)
            bytes += payload.count + 1
            if bytes > bytesMax, !items.isEmpty { break }
            items.append(payload)
        }
        let last = items.isEmpty ? request.after : page.items[items.count - 1].entry.seq
        let broadcasts =
            withBroadcast
            ? try await broadcasts(request, as: device, bytesMax: bytesMax - bytes, isAlone: items.isEmpty) : nil
        return .object(reserving: bytes + (broadcasts?.bytes.count ?? 0) + Self.pageFrameBytes) { writer in
            writer.array("items") { writer in for item in items { writer.raw(RawJSON(archived: item)) } }
            writer.member("head", page.head)
            writer.member("more", last < page.head)
            writer.member("broadcast", ifPresent: broadcasts)
        }
    }

    private static let pageFrameBytes = 512

    /// The broadcast channel's part of a page: only its head where nothing was asked for. Beside items of the inbox it
    /// has what still fits, alone always one.
    private func broadcasts(
        _ request: SyncRequest, as device: DeviceIdentity, bytesMax: Int, isAlone: Bool
    ) async throws -> RawJSON {
        let page = try await archive.broadcasts(
            of: device.tenant.key, after: request.broadcastAfter ?? 0,
            limit: request.broadcastAfter == nil ? 0 : request.limit)
        let now = clock.now
        var items: [[UInt8]] = []
        var bytes = 0
        for entry in page.items {
            let payload = entry.payload(now: now)
            bytes += payload.count + 1
            if bytes > bytesMax, !(isAlone && items.isEmpty) { break }
            items.append(payload)
        }
        let last = items.isEmpty ? request.broadcastAfter : page.items[items.count - 1].seq
        return .object { writer in
            writer.array("items") { writer in for item in items { writer.raw(RawJSON(archived: item)) } }
            writer.member("head", page.head)
            writer.member("more", last.map { $0 < page.head } ?? false)
        }
    }

    /// One message by any of its names, for apps. Scope `messages:read`.
    public func lookUp(key: String?, as principal: Principal) async throws -> RawJSON {
        _ = try principal.app(with: .messagesRead)
        guard let key, !key.isEmpty else {
            throw GatewayError(.invalidRequest, "key is required: an id, a MsgKey or a client's msgID.")
        }
        return try await read(id: key, as: principal)
    }

    /// One message, by its id or an alias, for its sender, its receivers, and apps of the tenant; apps also see its
    /// aliases, which tell how many messages the archive has, and its trace. Throws `conflict` for an alias of several.
    public func read(id: String, as principal: Principal) async throws -> RawJSON {
        let unknown = GatewayError(.notFound, "There is no such message.")
        guard let message = try await archive.message(naming: id, for: principal) else { throw unknown }
        var trace: [DeviceTrace]?
        var skipped: [String: Int] = [:]
        var isBurned = false
        var reader: AccountRef?
        switch principal {
        case .app:
            _ = try principal.app(with: .messagesRead)
            trace = try await delivery.trace(of: message)
            if message.form == .broadcast { skipped = try await delivery.skippedCounts(of: message.key) }
        case .device(let device):
            // A broadcast is everybody's, the sender's own is in no inbox if it did not want a copy.
            let isReader = message.from == device.account.id || message.form == .broadcast
            guard isReader ? true : try await archive.hasEntry(of: message.key, account: device.account.key) else {
                throw unknown
            }
            reader = device.account
            isBurned = try await archive.hasBurned(message, account: device.account.key)
        }
        let now = clock.now
        let isAnyWaiting = trace?.contains { $0.waiting != nil } ?? false
        let credentials = Dictionary(
            isAnyWaiting ? pushCredentials().map { ($0.lane, $0) } : [], uniquingKeysWith: { first, _ in first })
        return .object { writer in
            writer.member("message", Self.original(message, for: reader, isBurned: isBurned, now: now))
            guard let trace else { return }
            writer.member("aliases", MessageAliases(of: message).json)
            writer.array("trace") { writer in
                for device in trace {
                    let credential = device.waiting.flatMap { credentials[$0.lane] }
                    TraceAnswer(trace: device, credential: credential, now: now).write(into: &writer)
                }
            }
            writer.counts("skipped", skipped)
        }
    }

    /// The original as its sender wrote it, in the contract's key order.
    ///
    /// - Parameters:
    ///   - reader: an account that asks; nil for an app, which also sees what has outlived its `ttl`.
    ///   - isBurned: the reader burned its own copy; others may still have theirs.
    static func original(
        _ message: ArchivedMessage, for reader: AccountRef?, isBurned: Bool, now: Milliseconds
    ) -> RawJSON {
        let reason = message.reasonForNoContent(
            revision: nil, isBurned: isBurned, now: reader == nil ? message.serverTime : now)
        return .object { writer in
            writer.member("id", message.id)
            writer.member("from", message.from)
            // Who else is in an audience is nothing to its receivers.
            let isReceiver = message.form == .audience && reader.map { $0.id != message.from } ?? false
            writer.member("to", isReceiver ? reader?.id ?? message.to : message.to)
            writer.member("target", ifPresent: message.target)
            writer.member("tenantNo", message.tenantNo)
            writer.member("type", message.type.rawValue)
            if let content = message.content, reason == nil {
                writer.member("content", content)
            } else {
                writer.null("content")
            }
            writer.member("timestamp", message.timestamp)
            writer.member("isBackground", message.isBackground)
            writer.member("serverTime", message.serverTime)
            writer.member("revision", message.revision)
            writer.member("ttl", ifPresent: message.timeToLiveSeconds)
            if let reason { writer.member(reason.rawValue, true) }
            if message.numbers != nil { writer.member("aliases", MessageAliases(of: message).json) }
        }
    }
}

/// The downlink of a message that has no place in any inbox: the same keys without `seq`.
private struct EphemeralTemplate {
    private let message: ArchivedMessage

    init(_ message: ArchivedMessage) { self.message = message }

    func payload(account: String) -> [UInt8] {
        JSONWriter.object { writer in
            let isGroup = message.form == .group
            writer.member("id", message.id)
            writer.member("from", isGroup ? message.to : message.from)
            writer.member("to", message.form == .single ? message.to : account)
            if isGroup { writer.member("target", message.from) }
            writer.member("tenantNo", message.tenantNo)
            writer.member("type", message.type.rawValue)
            writer.member("content", message.content ?? .emptyObject)
            writer.member("timestamp", message.timestamp)
            writer.member("isBackground", message.isBackground)
            writer.member("serverTime", message.serverTime)
            writer.member("revision", message.revision)
            if message.numbers != nil { writer.member("aliases", MessageAliases(of: message).json) }
        }
    }
}
