/// How fast, how often and how long events are tried. Times are milliseconds.
struct WebhookPace: Sendable {
    /// Events of one tenant in memory at once.
    var itemsMax = 1000
    /// Requests to one endpoint at once.
    var requestsMax = 16
    /// Events of one tenant read at once.
    var pageMax = 500
    /// Failures in a row after which the endpoint counts as down.
    var downAfter = 5
    /// Between the tries of an endpoint that is down, and of an event that holds up its account.
    var probePauses: [Int64] = [5000, 10_000, 20_000, 40_000, 60_000]
    /// Failed tries of one event, while others succeed, after which its account goes on without it.
    var strikesMax = 3
    /// Between the tries of an event that waits alone (Standard Webhooks 1.0, "Retries"; the first two tries are those
    /// that held up its account).
    var alonePauses: [Milliseconds] = [300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000]
    /// For so long after it happened an event is tried.
    var triedFor: Milliseconds = 86_400_000
    /// For so long an endpoint may ask to be left alone.
    var pauseMax: Int64 = 3_600_000
    /// What was delivered out of turn is written down at the latest after this.
    var gapMax: Int64 = 250

    func probePause(_ tries: Int) -> Int64 { probePauses[min(max(tries, 0), probePauses.count - 1)] }
    /// The older the event, the longer.
    func alonePause(age: Milliseconds) -> Milliseconds {
        var passed: Milliseconds = 0
        for pause in alonePauses {
            passed += pause
            if age < passed { return pause }
        }
        return alonePauses.last ?? triedFor
    }
}

/// A point in time on both clocks: what is on disk is calendar time, pauses in memory are measured.
struct WebhookMoment: Sendable, Equatable {
    var wall: Milliseconds
    /// Of a clock that only goes forward.
    var steady: Int64
}

/// Whether an endpoint answers. Outlives the events that are in memory.
struct EndpointHealth: Sendable, Equatable {
    private(set) var failuresInARow = 0
    /// Requests that were answered well so far.
    private(set) var successes: UInt64 = 0
    private(set) var isDown = false
    private var probes = 0
    /// Nothing new begins before, in steady milliseconds.
    private(set) var restUntil: Int64 = .min

    /// True when the endpoint had been down.
    mutating func succeeded() -> Bool {
        defer { isDown = false }
        failuresInARow = 0
        successes += 1
        probes = 0
        restUntil = .min
        return isDown
    }

    /// - Parameters:
    ///   - isProbe: the one try of an endpoint that is down.
    ///   - retryAfter: what the endpoint asked for, in milliseconds.
    mutating func failed(isProbe: Bool, retryAfter: Int64?, at now: Int64, pace: WebhookPace) {
        failuresInARow += 1
        if isDown {
            // Requests that were under way when it went down say nothing new.
            if isProbe {
                probes += 1
                restUntil = now + pace.probePause(probes)
            }
        } else if failuresInARow >= pace.downAfter {
            isDown = true
            probes = 0
            restUntil = now + pace.probePause(0)
        }
        if let retryAfter { restUntil = max(restUntil, now + min(max(retryAfter, 0), pace.pauseMax)) }
    }
}
