import GRDB
import PushCore

extension Storage: TokenQuarantineStore {
    public func quarantinedTokens(
        _ filter: QuarantineFilter, after place: QuarantinePlace?, limit: Int
    ) async throws -> [QuarantinedToken] {
        try await file.read { try QuarantineRows.page($0, filter, after: place, limit: limit) }
    }

    public func restoreTokens(
        _ filter: QuarantineFilter, actor: String, at now: Milliseconds
    ) async throws -> Revival {
        let revival = try await revive(filter, at: now)
        if revival.tokens > 0 {
            try await audit(
                actor: actor, action: "push_token.restore", subject: subject(of: filter, revival), at: now)
        }
        return revival
    }

    public func doubt(
        lanes: Set<Int64>, tenant: TenantKey, vendor: Vendor, since: Milliseconds, isNew: Bool,
        at now: Milliseconds
    ) async throws -> Revival {
        // First: from here on no answer that is under way kills a token by a doubtful code.
        try await commits.run { writer in
            for lane in lanes {
                try writer.db.execute(
                    sql: "UPDATE vendor_settings SET doubted_at = ? WHERE lane = ?", arguments: [now, lane])
            }
            guard isNew else { return }
            try WebhookLog(writer: writer).record(
                .pushFailed, tenant: tenant,
                detail: { writer in
                    writer.member("vendor", vendor.rawValue)
                    writer.member("reason", "credential_stopped")
                }, at: now)
        }
        let filter = QuarantineFilter(tenant: tenant, vendor: vendor, since: since, isDoubtfulOnly: true)
        let revival = try await revive(filter, at: now)
        if isNew || revival.tokens > 0 {
            try await audit(
                actor: "gateway", action: "push_credential.stop", subject: subject(of: filter, revival), at: now)
        }
        return revival
    }

    public func trust(lanes: Set<Int64>) async throws {
        try await commits.run { writer in
            for lane in lanes {
                try writer.db.execute(
                    sql: "UPDATE vendor_settings SET doubted_at = NULL WHERE lane = ?", arguments: [lane])
            }
        }
    }

    /// What the trail says of a restoration: never a token.
    private func subject(of filter: QuarantineFilter, _ revival: Revival) -> String {
        let tenantNo = filter.tenant.flatMap { access.tenant(key: $0)?.tenantNo } ?? "*"
        let scope = [tenantNo, filter.vendor?.rawValue ?? "*"].joined(separator: "/")
        return "\(scope) tokens=\(revival.tokens) pushes=\(revival.pushes)"
    }

    /// In steps, one transaction each: others' messages wait as long as one takes.
    private func revive(_ filter: QuarantineFilter, at now: Milliseconds) async throws -> Revival {
        var revival = Revival()
        var place: TokenRevival.Place? = TokenRevival.Place()
        while let from = place {
            let (done, next) = try await commits.run { writer in
                try TokenRevival(writer: writer, now: now).step(filter, from: from)
            }
            revival.tokens += done.tokens
            revival.pushes += done.pushes
            place = next
        }
        return revival
    }
}

/// Dead tokens as rows.
enum QuarantineRows {
    static func condition(_ filter: QuarantineFilter) -> String {
        var terms = ["1"]
        if filter.tenant != nil { terms.append("t.tenant = :tenant") }
        if filter.vendor != nil { terms.append("t.vendor = :vendor") }
        if filter.device != nil { terms.append("t.device = :device") }
        if filter.since != nil { terms.append("t.ended_at >= :from") }
        if filter.isDoubtfulOnly { terms.append("t.is_doubtful = 1") }
        return terms.joined(separator: " AND ")
    }

    static func arguments(_ filter: QuarantineFilter) -> StatementArguments {
        var values: [String: (any DatabaseValueConvertible)?] = [:]
        if let tenant = filter.tenant { values["tenant"] = tenant.rawValue }
        if let vendor = filter.vendor { values["vendor"] = vendor.rawValue }
        if let device = filter.device { values["device"] = device.rawValue }
        if let since = filter.since { values["from"] = since }
        return StatementArguments(values)
    }

    /// Newest first.
    static func page(
        _ db: Database, _ filter: QuarantineFilter, after place: QuarantinePlace?, limit: Int
    ) throws -> [QuarantinedToken] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT t.key, t.vendor, t.token, t.kind, t.environment, t.set_at, t.ended_at, t.tenant, d.device_id,
                    a.user_id, t.reason, t.is_doubtful
                FROM push_token t JOIN device d ON d.key = t.device JOIN account a ON a.key = d.account
                WHERE t.state = 'dead' AND d.status = 'active' AND \(condition(filter))
                    AND (t.ended_at, t.key) < (:since, :key)
                ORDER BY t.ended_at DESC, t.key DESC LIMIT :limit
                """,
            arguments: arguments(filter).adding([
                "since": place?.since ?? .max, "key": place?.key ?? .max, "limit": limit,
            ])
        ).compactMap { row in
            guard let token = DeviceRows.token(row) else { return nil }
            return QuarantinedToken(
                place: QuarantinePlace(since: row[6], key: row[0]), tenantKey: TenantKey(rawValue: row[7]),
                deviceID: row[8], userID: row[9], token: token.token, reason: row[10], isDoubtful: row[11])
        }
    }
}

extension StatementArguments {
    func adding(_ values: [String: any DatabaseValueConvertible]) -> StatementArguments {
        self &+ StatementArguments(values)
    }
}
