import ArgumentParser
import PushCore

@main
struct PushGate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pushgate",
        abstract: "An MQTT push gateway with a device registry.",
        discussion: """
            Devices register, subscribe to their account over MQTT and get what they missed; whoever is offline or does \
            not acknowledge in time is reached through the phone maker's push service.

            `pushgate demo` shows all of it on this machine. Exit codes: 0 done, 1 failed, 64 wrong usage.

            Every setting of `serve` has one name in three places: flag, environment (PUSHGATE_…), config file.
            """,
        version: Version.text,
        subcommands: [
            Demo.self, Serve.self, TenantCommand.self, AppCommand.self, DeviceCommand.self, Send.self, Trace.self,
            Doctor.self,
            VendorsCommand.self, Migrate.self, Backup.self, Restore.self, Bench.self, Torture.self, LedgerProcess.self,
            SyncCheck.self,
        ])
}

enum Version {
    static let text = "0.1.0"
}
