import PushGateClient

/// What the gateway says of messages with which something is wrong.
struct TortureTraces {
    let stage: TortureStage

    private static let most = 20

    func of(_ report: JSONValue) async -> [String: JSONValue] {
        var traces: [String: JSONValue] = [:]
        for finding in report["findings"]?.array ?? [] {
            guard let id = finding["id"]?.string, traces[id] == nil, traces.count < Self.most else { continue }
            traces[id] = await trace(id)
        }
        return traces
    }

    /// What is not in order by itself: devices that did not acknowledge.
    private static func open(_ answer: JSONValue) -> JSONValue {
        .array((answer["trace"]?.array ?? []).filter { $0["outcome"]?.string != "acknowledged" })
    }

    /// Any tenant's: the ids of a run are told apart by their number.
    private func trace(_ id: String) async -> JSONValue {
        do {
            let admin = try stage.operatorAPI()
            let tenants = try await admin.whole(["v1", "admin", "tenants"])["items"]?.array ?? []
            for tenant in tenants.compactMap({ $0["tenantNo"]?.string }) {
                let api = stage.api.authorized(by: .admin(try stage.directory.operatorToken(), tenantNo: tenant))
                do {
                    let trace = Self.open(try await api.message(id))
                    guard trace.array?.isEmpty ?? true else { return trace }
                    // Of a broadcast most is counted, not told device by device.
                    return (try? await api.call(.get, ["v1", "broadcasts", id]).json()) ?? trace  // it is none
                } catch let problem as GatewayProblem where problem.status == 404 {
                    continue
                }
            }
            return "the gateway does not know it"
        } catch {
            return .string("\(error)")
        }
    }
}
