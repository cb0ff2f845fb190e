import DequeModule

/// Jobs of one lane that were claimed and wait for a free request: as they are on disk, nothing is read for them yet.
struct Backlog: Sendable {
    private var jobs: [MessageClass: Deque<PushJob>] = [:]
    /// Of messages whose pushes were not all alike: how many fit into a request.
    private var perRequest: [MessageKey: Int] = [:]

    private static let messagesKnownMax = 1000

    var count: Int { jobs.values.reduce(0) { $0 + $1.count } }
    var isEmpty: Bool { jobs.values.allSatisfy(\.isEmpty) }

    func count(of messageClass: MessageClass) -> Int { jobs[messageClass]?.count ?? 0 }

    mutating func append(_ job: PushJob) { jobs[job.messageClass, default: []].append(job) }

    /// Jobs that did not fit come first the next time.
    mutating func putBack(_ returned: [PushJob]) {
        for messageClass in MessageClass.allCases {
            let mine = returned.filter { $0.messageClass == messageClass }
            if !mine.isEmpty { jobs[messageClass, default: []].prepend(contentsOf: mine) }
        }
    }

    mutating func removeAll() -> [PushJob] {
        defer { jobs = [:] }
        return MessageClass.allCases.flatMap { jobs[$0] ?? [] }
    }

    mutating func remove(_ messageClass: MessageClass) -> [PushJob] {
        jobs.removeValue(forKey: messageClass).map(Array.init) ?? []
    }

    /// Removes the jobs that `isChosen` says.
    mutating func remove(where isChosen: (PushJob) -> Bool) -> [PushJob] {
        var removed: [PushJob] = []
        for (messageClass, waiting) in jobs where waiting.contains(where: isChosen) {
            removed += waiting.filter(isChosen)
            jobs[messageClass] = waiting.filter { !isChosen($0) }
        }
        return removed
    }

    /// A message's pushes were not alike: `jobs` of them needed `requests` requests.
    mutating func learn(_ message: MessageKey, jobs: Int, requests: Int) {
        if perRequest.count >= Self.messagesKnownMax { perRequest.removeAll() }
        perRequest[message] = max(1, jobs / max(1, requests))
    }

    /// Takes jobs for at most `requests` requests, transactional ones first: of one message together where a request
    /// carries one content.
    mutating func take(requests: Int, form: BatchForm, jobsMax: Int) -> [PushJob] {
        var taken: [PushJob] = []
        var room = Room(requests: requests, form: form)
        for messageClass in MessageClass.allCases {
            // Taken out, so that it is changed in place: this runs for every few requests, however much waits.
            guard var waiting = jobs.removeValue(forKey: messageClass), !waiting.isEmpty else { continue }
            var left: [PushJob] = []
            while taken.count < jobsMax, !room.isFull, let job = waiting.popFirst() {
                if room.add(job, perRequest: perRequest[job.message]) {
                    taken.append(job)
                } else {
                    left.append(job)
                }
            }
            waiting.prepend(contentsOf: left)
            jobs[messageClass] = waiting
        }
        return taken
    }

    /// Counts requests while jobs are picked.
    private struct Room {
        let requests: Int
        let form: BatchForm
        private var used = 0
        /// Places left in the request that was last begun for a message.
        private var open: [Name: Int] = [:]
        private var openPlaces = 0

        private struct Name: Hashable {
            let message: MessageKey
            let turn: Int
        }

        init(requests: Int, form: BatchForm) {
            self.requests = requests
            self.form = form
        }

        var isFull: Bool { used >= requests && openPlaces == 0 }

        mutating func add(_ job: PushJob, perRequest: Int?) -> Bool {
            let name: Name
            let places: Int
            switch form {
            case .single: (name, places) = (Name(message: job.message, turn: job.turn), 1)
            case .anyContent(let max): (name, places) = (Name(message: MessageKey(rawValue: 0), turn: 0), max)
            case .sameContent(let max):
                (name, places) = (Name(message: job.message, turn: job.turn), min(max, perRequest ?? max))
            }
            if let left = open[name], left > 0 {
                open[name] = left - 1
                openPlaces -= 1
                return true
            }
            guard used < requests else { return false }
            used += 1
            open[name] = places - 1
            openPlaces += places - 1
            return true
        }
    }
}
