import ArgumentParser

@main
struct PushGate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "pushgate")
}
