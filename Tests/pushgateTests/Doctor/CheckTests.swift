import Foundation
import PushGateClient
import Testing

@testable import pushgate

@Suite("What doctor makes of what it sees")
struct CheckTests {
    @Test func `a port is free or served, and anything else is wrong`() {
        let address = HostPort(host: "127.0.0.1", port: 8080)
        func state(_ port: ListeningPort.State, _ isServing: Bool) -> Finding.State {
            PortCheck.finding("http", address, port, isServing: isServing).state
        }
        #expect(state(.free, false) == .ok && state(.taken, true) == .ok)
        #expect(state(.free, true) == .wrong && state(.taken, false) == .wrong)
        #expect(state(.unusable("no such address"), false) == .wrong)
    }

    @Test func `a store is whole and of this version, or it says what to do`() {
        func states(_ damage: [String], _ missing: [String], _ unknown: [String]) -> [Finding.State] {
            StoreCheck.findings(damage: damage, missing: missing, unknown: unknown, path: "/db").map(\.state)
        }
        #expect(states([], [], []) == [.ok, .ok])
        #expect(states(["row 1 missing from index"], [], []) == [.wrong, .ok])
        #expect(states([], ["v009"], []) == [.ok, .warning])
        #expect(states([], ["v009"], ["v099"]) == [.ok, .wrong])
    }

    @Test func `a file that is no database is wrong`() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "doctor-\(UUID().uuidString)").path
        try Data(String(repeating: "not a database ", count: 500).utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(StoreCheck.findings(database: path).map(\.state) == [.wrong])
        #expect(StoreCheck.findings(database: path + "-none").map(\.state) == [.ok])
    }

    @Test func `the clock is neither long ago nor behind what was written`() {
        let now = Date(timeIntervalSince1970: 1_800_000_000)
        #expect(ClockCheck.finding(now: now, newestFile: nil).state == .ok)
        #expect(ClockCheck.finding(now: now, newestFile: now.addingTimeInterval(-9)).state == .ok)
        #expect(ClockCheck.finding(now: now, newestFile: now.addingTimeInterval(3600)).state == .wrong)
        #expect(ClockCheck.finding(now: Date(timeIntervalSince1970: 0), newestFile: nil).state == .wrong)
    }

    @Test func `a disk that is nearly full is wrong, one that will be is worth a warning`() {
        func state(_ mebibytes: UInt64, files: UInt64 = 1_000_000) -> Finding.State {
            DiskCheck.finding(freeBytes: mebibytes << 20, freeFiles: files, hasFileLimit: true, path: "/").state
        }
        #expect(state(100_000) == .ok && state(500) == .warning && state(50) == .wrong)
        #expect(state(100_000, files: 3) == .wrong)
    }

    @Test func `nobody else may read what is private`() {
        func finding(_ mode: mode_t, allowed: mode_t = 0o700, owner: uid_t = 7, user: uid_t = 7) -> Finding? {
            RightsCheck.finding("/data/private/x", mode: mode, owner: owner, allowed: allowed, user: user)
        }
        #expect(finding(0o600) == nil && finding(0o700) == nil && finding(0o711, allowed: 0o711) == nil)
        #expect(finding(0o644)?.remedy == "chmod 600 /data/private/x")
        #expect(finding(0o755, allowed: 0o711)?.remedy == "chmod 711 /data/private/x")
        #expect(finding(0o600, owner: 8)?.state == .wrong && finding(0o600, owner: 8, user: 0) == nil)
    }

    @Test func `each credential has a line of its own`() {
        func finding(_ item: JSONValue) -> Finding? {
            CredentialCheck.findings(in: ["items": [item]]).first
        }
        func state(_ outcome: String, _ state: String = "running") -> Finding.State? {
            finding(["tenantNo": "acme", "vendor": "fcm", "outcome": .string(outcome), "state": .string(state)])?.state
        }
        #expect(state("sent") == .ok && state("dead") == .ok && state("drop") == .ok && state("slow") == .warning)
        #expect(state("auth") == .wrong && state("retry") == .wrong && state("unknown") == .wrong)
        #expect(state("retry", "stopped") == .wrong)
        let refused = finding([
            "tenantNo": "acme", "appId": "app_1", "vendor": "apns", "outcome": "auth", "code": "BadTopic",
            "remedy": "Check topic.",
        ])
        #expect(refused?.line == "WRONG    credential acme apns of app_1: refused (BadTopic)\n         -> Check topic.")
        #expect(CredentialCheck.findings(in: ["items": []]).map(\.state) == [.ok])
    }
}
