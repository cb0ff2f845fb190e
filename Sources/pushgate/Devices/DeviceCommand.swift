import ArgumentParser

/// `pushgate device`
struct DeviceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device", abstract: "What a phone or browser does.", subcommands: [DeviceSimulate.self])
}
