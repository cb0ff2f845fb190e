import PushCore

/// The gateway's road to the broker.
struct SimulatedPublisher: DownlinkPublisher, @unchecked Sendable {
    let world: World
    let sleeps: SteppedSleeps

    func publish(
        topic: String, payload: [UInt8], expirySeconds: UInt32?, account: AccountKey,
        completion: @escaping @Sendable (PublishOutcome) -> Void
    ) -> Bool {
        guard !sleeps.isOver, world.isBrokerUp, world.inFlight.count < world.brokerRoom else { return false }
        let index = Int(account.rawValue) - 1
        let seq = Self.seq(in: payload)
        world.checkPublish(account: index, seq: seq, payload: payload, expirySeconds: expirySeconds)
        world.inFlight.append(World.Publish(account: index, seq: seq, completion: completion))
        return true
    }

    func publishTransient(topic: String, payload: [UInt8]) {}

    private static let seqKey = Array(#","seq":"#.utf8)

    private static func seq(in payload: [UInt8]) -> Int64 {
        guard var index = payload.firstRange(of: seqKey)?.upperBound else { return 0 }
        var seq: Int64 = 0
        while index < payload.count, (48...57).contains(payload[index]) {
            seq = seq * 10 + Int64(payload[index] - 48)
            index += 1
        }
        return seq
    }
}

/// The broker and the devices behind it.
extension World {
    // MARK: Publishing

    /// The broker works on some of what it has: of one account in order, between accounts in any.
    func moveBroker() {
        guard isBrokerUp else { return }
        var held: Set<Int> = []
        var index = 0
        while index < inFlight.count {
            let publish = inFlight[index]
            guard !held.contains(publish.account), random.chance(60) else {
                held.insert(publish.account)
                index += 1
                continue
            }
            inFlight.remove(at: index)
            let hasReceiver = deliver(publish)
            markHandedOver(publish)
            publish.completion(hasReceiver ? .taken : .nobodySubscribed)
        }
    }

    /// To whoever is there. Returns whether anybody was.
    @discardableResult
    func deliver(_ publish: Publish) -> Bool {
        var hasReceiver = false
        for index in sides.indices
        where disk.devices[index].account == publish.account && sides[index].connection != nil {
            hasReceiver = true
            if publish.seq <= sides[index].stored { continue }
            // After a gap the device asks for all that it lacks.
            sides[index].stored =
                publish.seq == sides[index].stored + 1 ? publish.seq : disk.heads[publish.account]
            scheduleAcknowledgement(index)
        }
        return hasReceiver
    }

    private func scheduleAcknowledgement(_ index: Int) {
        let after: Int64
        switch sides[index].manner {
        case .silent: return
        case .prompt: after = random.number(1, 300)
        case .late: after = random.number(1500, 14_000)
        }
        sides[index].acknowledgements.append((steady + after, sides[index].stored))
    }

    // MARK: Coming and going

    func connect(_ index: Int) {
        guard isBrokerUp, disk.devices[index].isActive, sides[index].connection == nil else { return }
        lastConnection += 1
        note { "device \(index + 1) connects" }
        sides[index].connection = lastConnection
        sides[index].connectedSince = steady
        sides[index].comesBackAt = nil
        sides[index].stored = max(sides[index].stored, disk.heads[disk.devices[index].account])
        scheduleAcknowledgement(index)
        gateway?.presence.apply([.connected(connection(index))])
    }

    func disconnect(_ index: Int) {
        guard sides[index].connection != nil else { return }
        note { "device \(index + 1) disconnects" }
        let connection = connection(index)
        leave(index)
        if isBrokerUp { gateway?.presence.apply([.disconnected(connection)]) }
    }

    private func leave(_ index: Int) {
        sides[index].connection = nil
        sides[index].connectedSince = .max
        sides[index].acknowledgements = []
        sides[index].wasInBackground = false
    }

    private func connection(_ index: Int) -> DeviceConnection {
        DeviceConnection(
            connection: sides[index].connection ?? 0, deviceID: disk.devices[index].deviceID, at: wall)
    }

    func moveDevices() {
        for index in sides.indices {
            if let back = sides[index].comesBackAt, back <= steady { connect(index) }
            while let next = sides[index].acknowledgements.first, next.at <= steady {
                sides[index].acknowledgements.removeFirst()
                acknowledge(index, next.seq)
            }
        }
    }

    private func acknowledge(_ index: Int, _ seq: Int64) {
        guard disk.devices[index].isActive, seq > disk.devices[index].acknowledged else { return }
        note { "device \(index + 1) acknowledges \(seq)" }
        disk.devices[index].acknowledged = seq
        let row = disk.devices[index]
        gateway?.planner.acknowledged(row.key, account: disk.accounts[row.account].key, seq: seq)
    }

    // MARK: The broker's own life

    func loseBroker() {
        guard isBrokerUp else { return }
        note { "the broker is lost" }
        isBrokerUp = false
        brokerLostAt = steady
        // What is in flight is sent again later, whether or not it had arrived.
        for publish in inFlight where random.chance(40) { deliver(publish) }
        for index in sides.indices where sides[index].connection != nil {
            leave(index)
            sides[index].comesBackAt = random.chance(70) ? steady + random.number(100, 20_000) : nil
        }
        gateway?.presence.lost()
        gateway?.doubtEnds = nil
    }

    func returnBroker() {
        guard !isBrokerUp else { return }
        note { "the broker is back" }
        isBrokerUp = true
        for index in sides.indices where sides[index].comesBackAt != nil {
            sides[index].comesBackAt = steady + random.number(10, 18_000)
        }
        tellPresence()
    }

    /// The broker's snapshot; the doubt ends some time later.
    func tellPresence() {
        guard let gateway else { return }
        let connected = sides.indices.filter { sides[$0].connection != nil }
        gateway.doubt = gateway.presence.snapshot(connected.map(connection))
        gateway.doubtEnds = steady + limits.presenceDoubt.milliseconds
    }

    func movePresence() {
        guard let gateway, let end = gateway.doubtEnds, end <= steady else { return }
        gateway.doubtEnds = nil
        if gateway.presence.endDoubt(gateway.doubt) { gateway.planner.presenceDoubtEnded() }
    }
}
