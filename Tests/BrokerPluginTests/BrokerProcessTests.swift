import BrokerControl
import Foundation
import Testing

@Suite(.serialized) struct BrokerProcessTests {
    @Test func `the broker ends with the gateway's end of the pipe`() async throws {
        let broker = try await TestBroker(isLifelineUsed: true)
        _ = try broker.gateway()
        #expect(broker.process.isRunning)
        try broker.endLifeline()
        try await broker.waitUntilEnded()
        #expect(broker.process.terminationReason == .exit && broker.process.terminationStatus == 0)
        #expect(broker.hasLogged("the gateway is gone"))
    }

    @Test func `without a lifeline standard input means nothing`() async throws {
        let broker = try await TestBroker()
        try broker.endLifeline()
        let gateway = try broker.gateway()
        _ = try broker.device("a")
        #expect(try gateway.nextConnected()?.device == "dev_a")
    }

    @Test func `the plugin needs no Swift library outside`() throws {
        let ldd = Process()
        let output = Pipe()
        ldd.executableURL = URL(fileURLWithPath: "/usr/bin/ldd")
        ldd.arguments = [try TestBroker.builtPlugin().path]
        ldd.standardOutput = output
        try ldd.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        ldd.waitUntilExit()
        #expect(text.contains("libc.so"))
        for library in ["libswift", "Foundation", "BlocksRuntime", "dispatch", "not found"] {
            #expect(!text.contains(library), "\(text)")
        }
    }

    /// Not even while it starts is the broker somebody who can read the toolchain.
    @Test(.enabled(if: getuid() == 0, "needs root, to become the broker's user"))
    func `the plugin loads under a user who can read nothing else`() async throws {
        let broker = try await TestBroker(
            isLifelineUsed: true,
            launcher: ["/usr/bin/setpriv", "--reuid=mosquitto", "--regid=mosquitto", "--clear-groups"])
        let gateway = try broker.gateway()
        _ = try broker.device("a")
        #expect(try gateway.nextConnected()?.device == "dev_a")
        try broker.endLifeline()
        try await broker.waitUntilEnded()
    }

    @Test(arguments: [
        [BrokerPluginOption.keysFile: nil], [BrokerPluginOption.keysFile: "/nowhere/keys.json"],
        [BrokerPluginOption.keysFile: "/dev/null"], [BrokerPluginOption.gatewayPasswordHash: nil],
        [BrokerPluginOption.gatewayPasswordHash: "not-a-hash"], [BrokerPluginOption.lifeline: "perhaps"],
    ])
    func `the broker does not start with wrong options, and says why`(changed: [String: String?]) async throws {
        let broker = try await TestBroker { options in
            for (name, value) in changed { options[name] = value }
        }
        try await broker.waitUntilEnded()
        #expect(broker.process.terminationStatus != 0)
        #expect(broker.hasLogged("pushgate: cannot start: "))
    }
}
