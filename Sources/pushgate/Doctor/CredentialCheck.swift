import PushGateClient

/// Every vendor credential, asked by the running gateway.
enum CredentialCheck {
    static func findings(of gateway: RunningGateway, _ state: RunningGateway.State) async -> [Finding] {
        guard state.isServing else {
            return [Finding("credentials", .skipped, "the gateway is not running: it is the one that asks vendors")]
        }
        do {
            return findings(in: try await gateway.credentialChecks())
        } catch {
            return [
                Finding(
                    "credentials", .wrong, "could not be checked: \(FaultText.of(error))",
                    remedy: "Name the gateway's data directory with --data-dir, or set PUSHGATE_ADMIN_TOKEN.")
            ]
        }
    }

    static func findings(in answer: JSONValue) -> [Finding] {
        let items = answer["items"]?.array ?? []
        if items.isEmpty { return [Finding("credentials", .ok, "no vendor is configured")] }
        return items.map(finding)
    }

    private static func finding(_ item: JSONValue) -> Finding {
        let app = item["appId"]?.string.map { " of \($0)" } ?? ""
        let name = "credential \(item["tenantNo"]?.string ?? "?") \(item["vendor"]?.string ?? "?")\(app)"
        let outcome = item["outcome"]?.string ?? "unknown"
        let words = [item["code"]?.string, item["text"]?.string].compactMap(\.self).joined(separator: ": ")
        let said = words.isEmpty ? "" : " (\(words))"
        let remedy = item["remedy"]?.string
        if item["state"]?.string == "stopped" {
            return Finding(name, .wrong, "stopped; the vendor says \(outcome)\(said)", remedy: remedy)
        }
        switch outcome {
        // A token that is dead is said with a good credential only; the check names nobody's.
        case "sent", "dead": return Finding(name, .ok, "accepted")
        case "drop": return Finding(name, .ok, "accepted as far as it can be checked\(said)")
        case "slow": return Finding(name, .warning, "accepted, and asked to go slower\(said)", remedy: remedy)
        case "auth": return Finding(name, .wrong, "refused\(said)", remedy: remedy)
        default: return Finding(name, .wrong, "no answer that says anything\(said)", remedy: remedy)
        }
    }
}
