import PushCore

/// What a seed is mostly about.
enum ScenarioKind: CaseIterable {
    /// Devices, broker and acknowledgements; vendors are well.
    case delivery
    /// Vendors and their answers; nobody is connected.
    case vendors
    /// All of it, and the clock is set.
    case everything
}

/// A short life of a gateway, told by a seed: some dozen steps in which anything may happen, then quiet, in which all has
/// to come to an end.
struct DeliveryScenario {
    let kind: ScenarioKind
    let world: World

    init(seed: UInt64, isTold: Bool = false) {
        var random = SeededRandom(seed: seed)
        kind = ScenarioKind.allCases[Int(seed % UInt64(ScenarioKind.allCases.count))]
        var limits = Limits()
        limits.publishesOutstandingMax = random.pick([2, 4, 4000])
        limits.feedEntriesMax = random.pick([2, 6, 16_384])
        limits.pushJobsInMemoryMax = random.pick([4, 20, 16_000])
        let accounts = 1 + random.below(3)
        world = World(random: random, accounts: accounts, limits: limits, isTold: isTold)
        makeDevices()
        makeVendors()
    }

    private func makeDevices() {
        for account in world.disk.heads.indices {
            for _ in 0..<world.random.below(3) + (account == 0 ? 1 : 0) {
                let key = DeviceKey(rawValue: Int64(world.disk.devices.count + 1))
                world.disk.devices.append(
                    SimulatedDisk.DeviceRow(
                        key: key, deviceID: "dev_\(key.rawValue)", account: account, startSeq: 0,
                        tokens: tokens().map { SimulatedDisk.TokenRow(token: $0) }))
                var side = World.DeviceSide()
                side.manner = world.random.pick(World.DeviceSide.Manner.allCases)
                world.sides.append(side)
            }
        }
    }

    private func makeVendors() {
        let isBounded = world.random.chance(25)
        let budget = isBounded ? PushBudget(perDay: world.random.number(1, 6)) : .unlimited
        world.vendors = [
            SimulatedVendor(vendor: .apns, form: .single, concurrentMax: 1 + world.random.below(3), budget: .unlimited),
            SimulatedVendor(
                vendor: .huawei, form: world.random.pick([.single, .sameContent(max: 3), .anyContent(max: 2)]),
                concurrentMax: 1 + world.random.below(2), budget: budget),
        ]
        for vendor in world.vendors { world.disk.putCredential(vendor.vendor, at: 0) }
    }

    private func tokens() -> [PushToken] {
        var tokens: [PushToken] = []
        if world.random.chance(30) { tokens.append(token(.apns, kind: .voip)) }
        if world.random.chance(50) { tokens.append(token(.apns)) }
        if world.random.chance(60) || tokens.isEmpty && world.random.chance(80) { tokens.append(token(.huawei)) }
        return tokens
    }

    private func token(_ vendor: Vendor, kind: PushToken.Kind = .alert) -> PushToken {
        PushToken(vendor: vendor, token: "t\(world.random.number(1, 1 << 40))", kind: kind)
    }

    // MARK: The run

    /// Returns what was wrong.
    func run() -> [String] {
        if kind != .vendors {
            for index in world.sides.indices where world.random.chance(60) { world.connect(index) }
        }
        world.start()
        world.settle()
        if world.random.chance(50) { world.pass(15_000) }
        let steps = 12 + world.random.below(20)
        for _ in 0..<steps where world.faults.isEmpty {
            for _ in 0...world.random.below(2) { act() }
            world.settle()
            world.pass(stepLength())
        }
        calm()
        if world.faults.isEmpty { world.checkEnd() }
        world.gateway?.bury(world)
        world.gateway = nil
        return world.faults
    }

    private func stepLength() -> Int64 {
        switch world.random.below(10) {
        case 0..<4: world.random.number(1, 50)
        case 4..<7: world.random.number(50, 1000)
        case 7..<9: world.random.number(1000, 5000)
        default: world.random.number(5000, 40_000)
        }
    }

    /// No more faults: from here on everything has to be settled in bounded time.
    private func calm() {
        guard world.faults.isEmpty else { return }
        world.note { "from here on nothing fails" }
        world.commitsUntilCrash = nil
        world.diskMood = .well
        world.brokerRoom = 8
        for index in world.vendors.indices { world.vendors[index].mood = .well }
        world.returnBroker()
        var length: Int64 = 100
        for _ in 0..<80 where world.faults.isEmpty {
            if world.isSettled { return }
            world.pass(length)
            length = min(length * 2, 120_000)
            // What waits for a far time waits alone.
            if length == 120_000, let due = world.disk.lanesWithJobs.values.min(), due > world.wall {
                world.pass(due - world.wall)
            }
        }
    }

    // MARK: What happens

    private func act() {
        switch world.random.below(100) {
        case 0..<34: send()
        case 34..<46 where kind != .vendors: move()
        case 46..<58 where kind != .delivery: changeMood()
        case 58..<63: crash()
        case 63..<67: world.diskMood = world.random.pick([.well, .well, .slow, .failing])
        case 67..<71 where kind != .vendors:
            if world.isBrokerUp { world.loseBroker() } else { world.returnBroker() }
        case 71..<75: changeTokens()
        case 75..<78: revoke()
        case 78..<80: deregister()
        case 80..<82 where kind != .delivery: putCredential()
        case 82..<84 where kind == .everything: jump()
        case 84..<87: toBackground()
        case 87..<89: world.brokerRoom = world.random.pick([1, 3, 8])
        case 89..<91: world.isCacheCold.toggle()
        case 91..<93: restart()
        default: break
        }
    }

    private static let options: [PushOptions] = [
        "{}", "{}", "{}", #"{"policy":"always"}"#, #"{"policy":"never"}"#, #"{"after":3}"#, #"{"after":90}"#,
        #"{"ttl":0}"#, #"{"ttl":7}"#, #"{"class":"marketing"}"#, #"{"class":"marketing","policy":"always"}"#,
    ].map { PushOptions(archived: RawJSON(archived: Array($0.utf8))) }
    private static let text = RawJSON(archived: Array(#"{"text":"hi"}"#.utf8))
    private static let invite = RawJSON(archived: Array(#"{"text":"hi","status":"invite"}"#.utf8))

    private func send() {
        let key = MessageKey(rawValue: Int64(world.disk.messages.count + 1))
        let isCall = world.random.chance(25)
        let accounts = world.disk.heads.indices.filter { _ in world.random.chance(60) }
        let receivers = accounts.isEmpty ? [0] : accounts
        // Server times never go back.
        let serverTime = max(world.wall, world.disk.messages.last?.serverTime ?? 0)
        let message = ArchivedMessage(
            key: key, tenantKey: SimulatedDisk.tenant.key, tenantNo: "acme", id: "m\(key.rawValue)",
            form: receivers.count > 1 ? .audience : .single,
            from: world.random.chance(10) ? world.disk.accounts[0].id : "acct_sender",
            to: world.disk.accounts[receivers[0]].id, target: nil, type: isCall ? .call : .text,
            content: isCall ? Self.invite : Self.text, timestamp: serverTime, isBackground: false,
            serverTime: serverTime, revision: 0,
            timeToLiveSeconds: world.random.chance(20) ? world.random.number(1, 60) : nil, state: .live,
            push: world.random.pick(Self.options))
        world.disk.messages.append(message)
        var entries: [InboxEntry] = []
        for account in receivers {
            world.disk.heads[account] += 1
            let isOwn = message.from == world.disk.accounts[account].id
            entries.append(
                InboxEntry(
                    position: Int64(world.disk.entries.count + 1), account: world.disk.accounts[account].key,
                    seq: world.disk.heads[account], message: key, flags: isOwn ? .own : [],
                    revision: world.random.chance(5) ? 1 : 0))
            world.disk.entries.append(entries[entries.count - 1])
            world.committedAt.append(world.steady)
            world.isHandedOver.append(false)
        }
        world.note { "message \(key.rawValue) to accounts \(receivers.map { $0 + 1 })" }
        world.gateway?.feed.committed([CommittedEntries(message: message, entries: entries)])
    }

    private func move() {
        let index = world.random.below(world.sides.count)
        if world.sides[index].connection == nil { world.connect(index) } else { world.disconnect(index) }
        if world.random.chance(20) { world.sides[index].manner = world.random.pick(World.DeviceSide.Manner.allCases) }
    }

    private func toBackground() {
        let index = world.random.below(world.sides.count)
        guard world.sides[index].connection != nil else { return }
        world.sides[index].wasInBackground = true
        world.gateway?.presence.setBackground(true, deviceID: world.disk.devices[index].deviceID)
    }

    private func changeMood() {
        let index = world.random.below(world.vendors.count)
        world.vendors[index].mood = world.random.pick(VendorMood.allCases)
        world.note { "\(world.vendors[index].vendor) is \(world.vendors[index].mood)" }
    }

    private func crash() {
        if world.random.chance(30) {
            world.crash()
        } else {
            world.commitsUntilCrash = (world.random.below(5), world.random.chance(50) ? .beforeCommit : .afterCommit)
        }
    }

    /// SIGTERM: what is under way is let end, for a while.
    private func restart() {
        guard let gateway = world.gateway else { return }
        world.note { "the gateway is asked to stop" }
        gateway.stop()
        for _ in 0..<world.random.below(8) { world.pass(world.random.number(1, 3000)) }
        if world.gateway === gateway { world.crash() }
    }

    private func jump() {
        world.hasJumped = true
        let hour: Int64 = 3_600_000
        let length = world.random.pick([-hour, hour, -24 * hour, 24 * hour, -500, 30_000])
        world.note { "the clock is set by \(length) ms" }
        world.wall += length
    }

    // MARK: What changes

    /// The change is on disk; its caller is answered when nothing can begin any more on what was true before.
    private func change(_ body: (inout SimulatedDisk) -> Void, answered: @escaping @Sendable (World) -> Void) {
        body(&world.disk)
        world.checkDisk()
        guard let gateway = world.gateway, !gateway.sleeps.isOver else { return }
        let world = world
        gateway.run {
            await gateway.queue.devicesChanged()
            if !gateway.sleeps.isOver { answered(world) }
        }
    }

    private func changeTokens() {
        let row = world.disk.devices[world.random.below(world.disk.devices.count)]
        guard row.isActive else { return }
        let tokens = tokens()
        world.note { "\(row.deviceID) changes its tokens" }
        change({ $0.setTokens(tokens, of: row.key) }, answered: { _ in })
    }

    private func deregister() {
        let index = world.random.below(world.disk.devices.count)
        let row = world.disk.devices[index]
        guard row.isActive, world.disk.devices.count > 1 else { return }
        world.note { "\(row.deviceID) leaves" }
        change({ $0.deregister(row.key) }, answered: { $0.endedDevices.insert(row.key) })
        world.disconnect(index)
        world.sides[index].comesBackAt = nil
    }

    private func revoke() {
        guard !world.disk.messages.isEmpty else { return }
        let key = MessageKey(rawValue: Int64(1 + world.random.below(world.disk.messages.count)))
        world.note { "message \(key.rawValue) is revoked" }
        let head = Int64(world.disk.entries.count)
        change({ $0.revoke(key) }, answered: { $0.revokedMessages.insert(key) })
        world.gateway?.feed.changed(key, through: head)
    }

    private func putCredential() {
        let index = world.random.below(world.vendors.count)
        let vendor = world.vendors[index].vendor
        world.note { "the credential of \(vendor) is put anew" }
        world.disk.putCredential(vendor, at: world.wall)
        world.vendors[index].pausedUntil = 0
        for push in world.disk.pushes where push.state == .waiting { world.notes[push.key]?.notBefore = .min }
        guard let gateway = world.gateway, !gateway.sleeps.isOver else { return }
        gateway.run { try? await gateway.queue.reloadSettings() }
    }
}
