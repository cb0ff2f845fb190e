import ArgumentParser
import Foundation
import Glibc
import PushGateClient
import Synchronization

/// `pushgate torture-ledger`, started by `torture`: reads lines on standard input, and prints the report as one line of
/// JSON when it was told the end, or when whoever told it has gone.
struct LedgerProcess: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "torture-ledger", shouldDisplay: false)

    func run() throws {
        var ledger = Ledger()
        while let line = readLine(strippingNewline: true) {
            guard let told = LedgerLine(line) else {
                ledger.couldNotRead()
                continue
            }
            ledger.take(told)
            guard case .end(let file) = told else { continue }
            for push in try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n") {
                if let push = PushLine(push) { ledger.take(push) } else { ledger.couldNotRead() }
            }
            break
        }
        say(LedgerReport(ledger).json.description)
    }
}

/// The way to the ledger's process. Lines leave in the order in which they were told.
final class LedgerPipe: Sendable {
    private let process: ChildProcess
    private let waiting = Mutex<[UInt8]>([])
    private static let flushedAt = 32 * 1024

    init(outputFile: String) throws {
        process = try ChildProcess("ledger", arguments: ["torture-ledger"], outputFile: outputFile)
    }

    /// Blocks while the ledger cannot keep up.
    func tell(_ line: LedgerLine) {
        waiting.withLock { waiting in
            waiting.append(contentsOf: line.text.utf8)
            waiting.append(UInt8(ascii: "\n"))
            if waiting.count >= Self.flushedAt { flush(&waiting) }
        }
    }

    func flush() { waiting.withLock { flush(&$0) } }

    private func flush(_ waiting: inout [UInt8]) {
        let descriptor = process.input
        var written = 0
        while written < waiting.count {
            let count = waiting.withUnsafeBytes { bytes in
                write(descriptor, bytes.baseAddress?.advanced(by: written), bytes.count - written)
            }
            if count < 0, errno == EINTR { continue }
            // It has ended: asking for its report says so.
            guard count > 0 else { break }
            written += count
        }
        waiting.removeAll(keepingCapacity: true)
    }

    /// The report on everything that was told.
    func report(pushes: String, within limit: Duration) async throws -> JSONValue {
        tell(.end(pushes: pushes))
        flush()
        let deadline = ContinuousClock.now + limit
        while process.isRunning {
            guard ContinuousClock.now < deadline else {
                throw TortureFault("the ledger did not report within \(limit)")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        guard let line = process.output.split(separator: "\n").last else {
            throw TortureFault("the ledger ended without a report")
        }
        return try JSONValue(parsing: Array(line.utf8))
    }

    func stop() async { await process.stop(within: .seconds(1)) }
}

/// What keeps a run from being carried out; not a finding.
struct TortureFault: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
