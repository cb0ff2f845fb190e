import ArgumentParser
import Foundation
import PushCredentials
import PushGateClient

/// `pushgate torture-sync`: looks with strace whether anything of a message leaves the gateway before the commit that
/// covers it is synced.
struct SyncCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "torture-sync", shouldDisplay: false)

    @Option(help: "Messages through each door.")
    var messages = 200
    @Option(help: "Where to work; removed afterwards when nothing was wrong.")
    var folder: String?

    private static let prefix = "synced-"
    private static let digits = 6

    func run() async throws {
        try await reportingFaults {
            guard let strace = Strace.path else {
                return say("sync check: SKIPPED, strace is not installed")
            }
            let path =
                folder ?? FileManager.default.temporaryDirectory.appending(path: "pushgate-sync-\(getpid())").path
            let stage = try TortureStage(folder: path)
            let accepted: [String]
            var strangers: Set<String> = []
            do {
                try stage.startGateway(under: [
                    strace, "-f", "-y", "-tt", "-s", "4200", "-o", path + "/strace.txt", "-e",
                    "trace=fdatasync,fsync,pwrite64,write,writev,sendto,sendmsg",
                ])
                try await stage.untilReady(within: .seconds(120))
                accepted = try await send(to: stage)
                // What a device sent passes through the broker on its way in.
                if let broker = stage.brokerProcessID { strangers = [String(broker)] }
            } catch {
                await stage.tearDown()
                throw error
            }
            await stage.tearDown()
            try judge(accepted, strangers, path)
        }
    }

    private func judge(_ accepted: [String], _ strangers: Set<String>, _ path: String) throws {
        let text = try String(contentsOfFile: path + "/strace.txt", encoding: .utf8)
        var log = StraceLog(prefix: Self.prefix, digits: Self.digits, strangers: strangers)
        for line in text.split(separator: "\n") { log.read(line) }
        let faults = log.faults(accepted: accepted)
        for fault in faults.prefix(20) { say(fault) }
        say(
            "sync check: \(accepted.count) messages answered, \(log.syncs.count) syncs of the log, "
                + "\(faults.count) left before they were synced")
        guard faults.isEmpty, !accepted.isEmpty else {
            say("the trace is in \(path)/strace.txt")
            throw ExitCode.failure
        }
        try? FileManager.default.removeItem(atPath: path)  // what is left does no harm
    }

    /// Half over HTTP, half over MQTT, several at a time so that commits are shared.
    private func send(to stage: TortureStage) async throws -> [String] {
        let admin = try stage.operatorAPI()
        try await admin.createTenant("sync", name: "Sync")
        let app = try await admin.createApp(tenantNo: "sync", name: "Sync")
        let api = stage.api.authorized(by: .app(id: app.id, secret: app.secret))
        let now = Int64(Date().timeIntervalSince1970)
        let signature = try UserSignature.makeJWT(
            appID: app.id, userID: "ann", key: app.signingKey, issuedAt: now, expiresAt: now + 3600)
        let session = try await stage.api.register(
            DeviceRegistration(uniqueCode: "ann", userID: "ann", osType: .android), signature: signature)
        let bob = try await api.createAccount(userID: "bob")
        let loop = try ClientLoop()
        let device = DeviceClient(session, loop: loop) { _, _ in }
        try device.connect()
        _ = try await stage.waitFor("the device to connect", within: .seconds(60)) { device.isConnected ? true : nil }
        var ids: [String] = []
        for page in stride(from: 0, to: 2 * messages, by: 8) {
            let more = (page..<min(page + 8, 2 * messages)).map {
                Self.prefix + String(format: "%0\(Self.digits)d", $0)
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, id) in more.enumerated() {
                    let message = OutgoingMessage(id: id, to: bob, text: "hello")
                    group.addTask {
                        if number.isMultiple(of: 2) {
                            try await api.send(message)
                        } else {
                            try await device.send(message)
                        }
                    }
                }
                try await group.waitForAll()
            }
            ids += more
        }
        await device.disconnect()
        await loop.shutdown(drain: .zero)
        return ids
    }
}
