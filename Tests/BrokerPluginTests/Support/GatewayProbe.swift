import BrokerControl
import Foundation
import TestWaiting

/// The gateway's presence connection.
final class GatewayProbe {
    let probe: MQTTProbe
    private var lastNumber: UInt64?
    private var changes: [BrokerReport.Change] = []

    init(_ broker: TestBroker) throws {
        probe = try MQTTProbe(port: broker.port)
        let code = try probe.connect(
            clientID: BrokerIdentity.presenceClientID, username: BrokerIdentity.gatewayUsername,
            password: broker.gatewayPassword)
        guard code == MQTTProbe.accepted else { throw MQTTProbe.Closed() }
    }

    func command(_ command: BrokerCommand) throws {
        try probe.publish(BrokerTopic.control, Array(JSONEncoder().encode(command)))
    }

    /// The next report. Throws when a number is missing.
    func nextReport() throws -> BrokerReport {
        let message = try probe.nextMessage()
        guard message.topic == BrokerTopic.presence else { return try nextReport() }
        let report = try JSONDecoder().decode(BrokerReport.self, from: Data(message.payload.utf8))
        if let lastNumber, report.number != lastNumber + 1 {
            throw DeadlineMissed("a report between \(lastNumber) and \(report.number)")
        }
        lastNumber = report.number
        return report
    }

    @discardableResult
    func waitFor(_ isWanted: (BrokerReport) -> Bool) throws -> BrokerReport {
        while true {
            let report = try nextReport()
            if isWanted(report) { return report }
        }
    }

    func nextChange() throws -> BrokerReport.Change {
        while changes.isEmpty {
            if case .changes(let more) = try nextReport().body { changes = more }
        }
        return changes.removeFirst()
    }

    func nextConnected() throws -> BrokerConnection? {
        if case .connected(let connection) = try nextChange() { connection } else { nil }
    }

    func nextDisconnected() throws -> BrokerConnection? {
        if case .disconnected(let connection) = try nextChange() { connection } else { nil }
    }
}
