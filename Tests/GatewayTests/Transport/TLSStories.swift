import Foundation
import MosquittoClient
import PushGateClient
import TestWaiting
import Testing

extension GatewayStories {
    @Suite struct TLSStories {
        @Test func `with a certificate both doors speak TLS and nothing else`() async throws {
            let certificates = try TestCertificates()
            defer { certificates.remove() }
            var options = GatewayProcess.Options()
            options.certificates = certificates
            try await withStory(options) { story in
                let ann = try await story.register("ann")
                #expect(ann.broker.usesTLS)
                let device = StoryDevice(ann, loop: story.loop) { $0.caFile = certificates.authorityFile }
                try await device.connect()
                try await story.app.send(OutgoingMessage(id: "m", to: "user:ann", text: "hi"))
                #expect(try await device.entry("m").content?["text"]?.string == "hi")
                await device.client.disconnect()

                let stranger = try TestCertificates()
                defer { stranger.remove() }
                let distrustful = StoryDevice(ann, loop: story.loop) { $0.caFile = stranger.authorityFile }
                try distrustful.client.connect()
                let plain = try PlainClient(ann)
                try await story.app.send(OutgoingMessage(id: "m2", to: "user:ann", text: "hi"))
                try await device.connect()
                _ = try await device.entry("m2")
                #expect(!distrustful.client.isConnected && !plain.session.isConnected)
                await plain.end()
                await distrustful.client.disconnect()
                let http = GatewayAPI("http://127.0.0.1:\(story.gateway.httpPort)")
                await #expect(throws: (any Error).self) { try await http.call(.get, ["readyz"]) }
            }
        }

        @Test func `browsers connect over WebSocket with the same credential and the same rules`() async throws {
            var options = GatewayProcess.Options()
            options.hasWebSocket = true
            try await withStory(options) { story in
                let ann = try await story.register("ann")
                let port = try #require(story.gateway.webSocketPort)
                #expect(ann.broker.websocketPort.map(Int.init) == port)
                let good = try WebSocketProbe(port: port)
                #expect(try good.connect(ann, password: ann.credential.value) == 0)
                try await eventually("the device is online") {
                    let devices = try await story.app.account(userID: "ann")["devices"]?.array
                    return devices?.first?["online"]?.bool == true
                }
                good.close()
                let foreign = try Signatures.foreignCredential(
                    account: ann.account, device: ann.deviceID, tenant: ann.tenantNo)
                let bad = try WebSocketProbe(port: port)
                #expect(try bad.connect(ann, password: foreign) != 0)
                bad.close()
            }
        }
    }
}
