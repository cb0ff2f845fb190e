import BrokerControl
import Foundation
import Testing

@testable import BrokerPolicy

struct ReportQueueTests {
    private func connection(_ number: Int) -> BrokerConnection {
        BrokerConnection(connection: UInt64(number), device: "dev_\(number)", account: "acct_a", at: 1)
    }

    private func takeAll(_ queue: inout ReportQueue, from start: Int64 = 0) throws -> [BrokerReport] {
        var reports: [BrokerReport] = []
        var time = start
        while true {
            let taken = queue.take(at: time)
            if taken.isEmpty { return reports }
            #expect(taken.count <= ReportQueue.reportsPerTickMax)
            reports += try taken.map { try JSONDecoder().decode(BrokerReport.self, from: Data($0)) }
            time += 100
        }
    }

    @Test func `changes come in order, in batches, with numbers without gaps`() throws {
        var queue = ReportQueue(boot: "b")
        for number in 0..<450 { queue.append(.connected(connection(number))) }
        let reports = try takeAll(&queue)
        #expect(reports.map(\.number) == [1, 2, 3])
        #expect(reports.allSatisfy { $0.boot == "b" })
        let batches = reports.map { report -> [BrokerReport.Change] in
            if case .changes(let changes) = report.body { changes } else { [] }
        }
        #expect(batches.map(\.count) == [200, 200, 50])
        #expect(batches.joined().elementsEqual((0..<450).map { .connected(connection($0)) }))
    }

    @Test func `a lone change goes at once, the next ones together`() {
        var queue = ReportQueue(boot: "b")
        queue.append(.connected(connection(1)))
        #expect(queue.take(at: 5).count == 1)
        queue.append(.connected(connection(2)))
        #expect(queue.take(at: 6).isEmpty)
        queue.append(.connected(connection(3)))
        #expect(queue.take(at: 15).count == 1)
        #expect(queue.take(at: 115).isEmpty)
    }

    @Test func `a snapshot comes in pages between what was before and what came after`() throws {
        var queue = ReportQueue(boot: "b")
        queue.append(.connected(connection(0)))
        queue.appendSnapshot(request: "r", connections: (0..<5_100).map(connection))
        queue.append(.disconnected(connection(0)))
        let reports = try takeAll(&queue)
        #expect(reports.count == 13)
        #expect(reports.first?.body == .changes([.connected(connection(0))]))
        #expect(reports.last?.body == .changes([.disconnected(connection(0))]))
        var seen: [BrokerConnection] = []
        for (index, report) in reports.dropFirst().dropLast().enumerated() {
            guard case .snapshot("r", let page, let isLast, let connections) = report.body else {
                Issue.record("not a page: \(report.number)")
                continue
            }
            #expect(page == index && isLast == (index == 10))
            seen += connections
        }
        #expect(seen == (0..<5_100).map(connection))
    }

    @Test func `the snapshot of nobody is one empty page`() throws {
        var queue = ReportQueue(boot: "b")
        queue.appendSnapshot(request: "r", connections: [])
        #expect(try takeAll(&queue).map(\.body) == [.snapshot(request: "r", page: 0, isLast: true, connections: [])])
    }

    @Test func `too many changes leave a gap in the numbers`() throws {
        var queue = ReportQueue(boot: "b")
        queue.append(.ready)
        #expect(try takeAll(&queue).map(\.number) == [1])
        for number in 0...ReportQueue.changesMax { queue.append(.connected(connection(number))) }
        let reports = try takeAll(&queue, from: 1000)
        #expect(reports.map(\.number) == [3])
        #expect(reports.map(\.body) == [.changes([])])
    }

    @Test func `snapshots are not asked for without end`() throws {
        var queue = ReportQueue(boot: "b")
        for number in 0..<100 { queue.appendSnapshot(request: "\(number)", connections: []) }
        #expect(try takeAll(&queue).count == ReportQueue.snapshotsMax)
    }
}
