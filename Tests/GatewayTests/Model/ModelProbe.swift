import Foundation
import PushGateClient

/// Looks at what the gateway shows and compares it with the model, which stands still meanwhile.
struct ModelProbe: Sendable {
    /// An event that was seen for the first time.
    struct Sighting: Sendable {
        let account: String
        let seq: Int64
        let item: JSONValue
    }

    let model: ReferenceModel
    let app: GatewayAPI
    /// By account: a device of it that may acknowledge what it synchronizes.
    let auditors: [String: GatewayAPI]

    static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }
    /// The gateway's clock is this machine's; its server time may be a little ahead, since it never goes back.
    private static let slack: Int64 = 100

    private func timed<Value>(
        _ body: () async throws -> Value
    ) async throws -> (value: Value, moment: ReferenceModel.Moment) {
        let before = Self.now
        let value = try await body()
        return (value, before - Self.slack...Self.now + Self.slack)
    }

    private func auditor(_ account: String) throws -> GatewayAPI {
        guard let api = auditors[account] else { throw ModelMismatch("nobody synchronizes for \(account)") }
        return api
    }

    // MARK: Inbox

    /// The inbox after `seq`, up to its end or one page.
    func inbox(of account: String, after seq: Int64, limit: Int = 500, all: Bool = true) async throws -> [Sighting] {
        guard let expected = model.accounts[account] else { return [] }
        var after = seq
        var sightings: [Sighting] = []
        while true {
            let (page, moment) = try await timed { [after] in
                try await auditor(account).sync(after: after, limit: limit)
            }
            try expect(page.head == expected.head, "head of \(account) is \(page.head), expected \(expected.head)")
            let items = expected.entries.dropFirst(Int(after)).prefix(limit)
            try expect(
                page.items.count == items.count,
                "\(page.items.count) items of \(account) after \(after), expected \(items.count)")
            for (found, entry) in zip(page.items, items) {
                try sightings += compare(found, entry, of: account, moment)
            }
            after += Int64(items.count)
            try expect(page.more == (after < expected.head), "more is \(page.more)")
            if !page.more || !all { return sightings }
        }
    }

    /// - Returns: an event that was not seen before.
    func compare(
        _ found: Entry, _ entry: ReferenceModel.Entry, of account: String, _ moment: ReferenceModel.Moment
    ) throws -> [Sighting] {
        let json = found.json
        let item = model.item(entry, of: account, at: moment)
        if let wrong = item.mismatch(json) {
            throw ModelMismatch("entry \(entry.seq) of \(account): \(wrong)\n  found    \(json)\n  expected \(item)")
        }
        guard case .event = entry.source, entry.id == nil else { return [] }
        return [Sighting(account: account, seq: entry.seq, item: json)]
    }

    // MARK: History

    /// A history from its beginning, at most `pages` pages, by the device or the app.
    func history(
        of account: String, with peer: String?, order: String, limit: Int, pages: Int = .max, byApp: Bool
    ) async throws {
        var cursor: String?
        var found: [JSONValue] = []
        var isWhole = false
        let (_, moment) = try await timed {
            for _ in 0..<pages {
                let page =
                    byApp
                    ? try await app.history(with: peer, account: account, order: order, limit: limit, cursor: cursor)
                    : try await auditor(account).history(with: peer, order: order, limit: limit, cursor: cursor)
                guard let items = page["items"]?.array, let next = page["nextCursor"] else {
                    throw ModelMismatch("a page of history without items or nextCursor: \(page)")
                }
                try expect(items.count <= limit, "\(items.count) items on a page of \(limit)")
                found += items
                cursor = next.string
                isWhole = next.isNull
                if isWhole { break }
            }
        }
        var expected = model.history(of: account, with: peer, at: moment)
        if order == "desc" { expected.reverse() }
        try compare(found, expected, isWhole, "history of \(account) with \(peer ?? "all"), \(order)")
    }

    private func compare(
        _ found: [JSONValue], _ expected: [ReferenceModel.HistoryItem], _ isWhole: Bool, _ what: String
    ) throws {
        var rest = expected[...]
        for item in found {
            while let first = rest.first, first.mayBeLeftOut, first.item.mismatch(item) != nil { rest.removeFirst() }
            guard let next = rest.popFirst() else { throw ModelMismatch("\(what): too much: \(item)") }
            if let wrong = next.item.mismatch(item) {
                throw ModelMismatch("\(what): \(wrong)\n  found    \(item)\n  expected \(next.item)")
            }
        }
        if isWhole, let missing = rest.first(where: { !$0.mayBeLeftOut }) {
            throw ModelMismatch("\(what): missing: \(missing.item)")
        }
    }

    // MARK: Read state

    func unread(of account: String, byApp: Bool) async throws {
        let answer =
            byApp
            ? try await app.call(.get, ["v1", "unread"], query: ["account": account, "ids": "true"]).json()
            : try await auditor(account).call(.get, ["v1", "unread"], query: ["ids": "true"]).json()
        var expected: [String: [String]] = [:]
        for peer in model.peers(of: account) {
            let ids = model.unread(of: account, with: peer)
            if !ids.isEmpty { expected[peer] = ids }
        }
        var found: [String: [String]] = [:]
        for peer in answer["peers"]?.array ?? [] where peer["unread"] != 0 {
            let ids = (peer["ids"]?.array ?? []).compactMap(\.string)
            try expect(peer["unread"]?.integer == Int64(ids.count), "unread is not the number of ids: \(peer)")
            found[peer["peer"]?.string ?? ""] = ids
        }
        let total = expected.values.reduce(0) { $0 + $1.count }
        try expect(
            found == expected && answer["total"]?.integer == Int64(total),
            "unread of \(account) is \(answer), expected \(total): \(expected)")
    }

    func conversations(of account: String) async throws {
        let (answer, moment) = try await timed {
            try await auditor(account).call(.get, ["v1", "conversations"], query: ["limit": "500"]).json()
        }
        let found = answer["items"]?.array ?? []
        let expected = model.peers(of: account)
        try expect(
            found.compactMap { $0["peer"]?.string } == expected,
            "conversations of \(account) are \(found.compactMap { $0["peer"] }), expected \(expected)")
        for (item, peer) in zip(found, expected) {
            let history = model.history(of: account, with: peer, at: moment)
            let last = model.accounts[account]?.entries.last { $0.peer == peer }?.seq
            try expect(
                item["lastSeq"]?.integer == last
                    && item["unread"]?.integer == Int64(model.unread(of: account, with: peer).count),
                "conversation \(item), expected lastSeq \(last ?? 0)")
            // What has expired may be passed over.
            let candidates = history.reversed().prefix { $0.mayBeLeftOut } + history.last { !$0.mayBeLeftOut }.asArray
            guard let message = item["last"], candidates.contains(where: { $0.item.mismatch(message) == nil }) else {
                throw ModelMismatch(
                    "last message in \(item), expected \(candidates.map(\.item.description))")
            }
        }
    }

    // MARK: One message

    /// What the app is shown of a message, its trace included.
    func message(_ id: String, mustBeDecided: Bool = false) async throws {
        guard let message = model.messages[id] else { return }
        let (answer, moment) = try await timed { try await app.message(id) }
        if let wrong = Field.mismatch(model.original(message, at: moment), answer["message"] ?? .null) {
            throw ModelMismatch("message \(id): \(wrong) in \(answer["message"] ?? .null)")
        }
        guard var rows = answer["trace"]?.array else { throw ModelMismatch("\(id) has no trace: \(answer)") }
        for expected in model.trace(message, at: moment) {
            let index = rows.firstIndex { row in
                row["account"]?.string == expected.account && row["deviceId"]?.string == expected.deviceID
            }
            guard let index else {
                throw ModelMismatch("trace of \(id) has no \(expected.deviceID ?? expected.account): \(answer)")
            }
            try compare(rows.remove(at: index), expected, id, mustBeDecided: mustBeDecided)
        }
        try expect(rows.isEmpty, "trace of \(id) has more than expected: \(rows)")
    }

    private func compare(
        _ row: JSONValue, _ expected: ReferenceModel.ExpectedTrace, _ id: String, mustBeDecided: Bool
    ) throws {
        let outcome = row["outcome"]?.string ?? ""
        let stages = (row["stages"]?.array ?? []).compactMap { $0["stage"]?.string }
        let isAcknowledged = stages.contains("acknowledged")
        var wrong: String?
        if !expected.outcomes.contains(outcome) {
            wrong = "outcome, expected \(expected.outcomes)"
        } else if isAcknowledged != (outcome == "acknowledged") {
            wrong = "the stage acknowledged and the outcome differ"
        } else if let known = expected.isAcknowledged, known != isAcknowledged {
            wrong = "acknowledged: \(isAcknowledged)"
        } else if stages.contains("read") != expected.isRead {
            wrong = "the stage read, expected \(expected.isRead)"
        } else if stages.first != "archived" {
            wrong = "the first stage is not archived"
        } else if !isAcknowledged, let reason = row["reason"]?.string, !expected.reasons.contains(reason) {
            wrong = "reason \(reason), expected \(expected.reasons.sorted())"
        } else if mustBeDecided, outcome == "waiting", expected.deviceID != nil {
            wrong = "it is not decided"
        } else if mustBeDecided, !stages.contains("published") {
            wrong = "it was not published"
        }
        if let wrong { throw ModelMismatch("trace of \(id): \(wrong): \(row)") }
    }

    /// Who sent or received a message may read it; for others of the tenant, and for other tenants, it is not there.
    func visibility(of id: String, to account: String, foreignApp: GatewayAPI) async throws {
        guard let message = model.messages[id] else { return }
        let isVisible = message.senderAccount == account || message.copy(of: account) != nil
        do {
            let answer = try await auditor(account).message(id)
            try expect(isVisible, "\(account) sees \(id): \(answer)")
            try expect(answer["trace"] == nil, "a device sees the trace")
            let isErased = message.state != .live || message.burned[account] != nil
            if isErased { try expect(answer["message"]?["content"] == .null, "\(id) is not erased: \(answer)") }
        } catch let problem as GatewayProblem {
            try expect(!isVisible && problem.code == "not_found", "\(account) reads \(id): \(problem)")
        }
        do {
            throw ModelMismatch("another tenant sees \(id): \(try await foreignApp.message(id))")
        } catch let problem as GatewayProblem {
            try expect(problem.code == "not_found", "another tenant reads \(id): \(problem)")
        }
    }

    // MARK: Devices

    /// The registry's rows of one user.
    func devices(of account: ReferenceModel.Account) async throws {
        let answer = try await app.account(userID: account.userID)
        let found = answer["devices"]?.array ?? []
        let expected = model.devices.filter { $0.account == account.id }
        try expect(found.count == expected.count, "devices of \(account.userID): \(found)")
        for device in expected {
            guard let row = found.first(where: { $0["deviceId"]?.string == device.deviceID }) else {
                throw ModelMismatch("\(device.deviceID) is not in \(found)")
            }
            try expect(
                (row["status"]?.string == "active") == device.isActive, "status of \(device): \(row)")
            let seq = row["cursor"]?["seq"]?.integer ?? -1
            try expect(
                device.isCursorExact ? seq == device.cursor : seq >= device.cursor, "cursor of \(device): \(row)")
        }
    }

    private func expect(_ condition: Bool, _ text: @autoclosure () -> String) throws {
        if !condition { throw ModelMismatch(text()) }
    }
}

extension Optional {
    fileprivate var asArray: [Wrapped] { map { [$0] } ?? [] }
}
