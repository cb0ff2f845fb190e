import Foundation
import MosquittoClient
import TestWaiting
import Testing

@Suite(.serialized) struct TLSTests {
    @Test func `a session over TLS carries messages in both directions`() async throws {
        let certificate = try Certificate()
        let broker = try await TestBroker.started(listener: certificate.listenerLines)
        let loop = try MQTTLoop()
        let log = EventLog()
        var options = broker.options("one")
        options.tls = MQTTSession.TLS(caFile: certificate.file.path)
        options.subscriptions = [MQTTSubscription("t")]
        let session = try loop.makeSession(options, handler: log.handler)
        try await log.waits { $0.isSubscribed }
        let completions = Completions()
        for index in 0..<3000 {
            try session.publish(topic: "t", payload: Array(repeating: 1, count: 300)) { completions.add(index, $0) }
        }
        try await eventually("all is acknowledged and received") {
            completions.count == 3000 && log.messages.count == 3000
        }
        #expect(completions.allAre { $0 == .acknowledged(reasonCode: 0) })
        await loop.shutdown()
    }

    @Test func `a certificate nobody vouches for ends the attempt, and the loop stays idle`() async throws {
        let certificate = try Certificate()
        let other = try Certificate()
        let broker = try await TestBroker.started(listener: certificate.listenerLines)
        let loop = try MQTTLoop()
        let log = EventLog()
        var options = broker.options("one")
        options.tls = MQTTSession.TLS(caFile: other.file.path)
        _ = try loop.makeSession(options, handler: log.handler)
        try await log.waits { $0.failures.count >= 2 }
        #expect(log.failures.allSatisfy { $0.kind == .tls })
        #expect(log.connects == 0)
        await loop.shutdown(drain: .zero)
    }

    @Test func `a plain peer on the other side is an error, not a loop`() async throws {
        let broker = try await TestBroker.started()
        let certificate = try Certificate()
        let loop = try MQTTLoop()
        let log = EventLog()
        var options = broker.options("one")
        options.tls = MQTTSession.TLS(caFile: certificate.file.path)
        options.connectTimeout = .seconds(30)
        _ = try loop.makeSession(options, handler: log.handler)
        try await log.waits { !$0.failures.isEmpty }
        await loop.shutdown(drain: .zero)
    }
}

/// A self-signed certificate for 127.0.0.1.
struct Certificate {
    let file: URL
    let key: URL

    init() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        file = folder.appending(path: "cert.pem")
        key = folder.appending(path: "key.pem")
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key.path, "-out", file.path,
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw TestBroker.DidNotStart() }
    }

    var listenerLines: [String] { ["certfile \(file.path)", "keyfile \(key.path)", "tls_version tlsv1.2"] }
}
