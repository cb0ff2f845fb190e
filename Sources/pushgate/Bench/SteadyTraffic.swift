import PushGateClient
import PushSimulators

/// Messages at a steady rate, each to one person whose phone is away, however long the gateway takes to answer.
struct SteadyTraffic: Sendable {
    let api: GatewayAPI
    let people: Crowd.People
    /// Of the messages' ids.
    let prefix: String
    /// Messages in one request.
    let count: Int
    /// From one request to the next.
    let interval: Duration

    /// Sends as long as `goesOn` says so of the next request's number.
    /// - Returns: when the gateway took each message, in milliseconds since 1970, by its id.
    func send(while goesOn: @Sendable (Int) -> Bool) async throws -> [String: Int64] {
        try await withThrowingTaskGroup(of: [String: Int64].self) { group in
            let start = ContinuousClock.now
            var page = 0
            while goesOn(page) {
                try await Task.sleep(until: start + interval * page, clock: .continuous)
                let numbers = page * count..<(page + 1) * count
                group.addTask { try await send(numbers) }
                page += 1
            }
            var all: [String: Int64] = [:]
            for try await times in group { all.merge(times) { first, _ in first } }
            return all
        }
    }

    private func send(_ numbers: Range<Int>) async throws -> [String: Int64] {
        let messages = numbers.map { number in
            OutgoingMessage(
                id: "\(prefix)\(number)", to: "user:" + people.users[number % people.users.count],
                text: "Message \(number)")
        }
        var times: [String: Int64] = [:]
        for result in try await api.send(messages) {
            guard let id = result["id"]?.string, let time = result["serverTime"]?.integer else { continue }
            times[id] = Int64(time)
        }
        return times
    }
}

extension VendorSimulator {
    /// Until so many pushes are there, or nothing has come for `quiet`.
    @discardableResult
    func arrived(_ vendor: SimulatedVendor, count: Int, quiet: Duration = .seconds(15)) async throws -> Int {
        var (last, quietSince) = (-1, ContinuousClock.now)
        while true {
            let now = counters(vendor).accepted
            if now >= count { return now }
            if now != last { (last, quietSince) = (now, .now) }
            if ContinuousClock.now - quietSince > quiet { return now }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}
