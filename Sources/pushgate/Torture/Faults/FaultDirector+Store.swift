import Foundation
import Glibc

/// Calls of the store to its files that fail, in the gateway that runs.
extension FaultDirector {
    private static let failures = [
        ("pwrite64", "EIO"), ("fdatasync", "EIO"), ("pwrite64", "ENOSPC"), ("fdatasync", "ENOSPC"), ("pread64", "EIO"),
        ("ftruncate", "EIO"),
    ]
    /// For a call of this kind to come: some are rare.
    private static let patience = Duration.seconds(5)

    func failStoreCall(_ number: Int, _ random: inout SeededRandom) async throws {
        guard let strace = Strace.path, let gateway = stage.gatewayProcessID else {
            throw TortureFault("there is no gateway to fail")
        }
        let (call, error) = Self.failures[number % Self.failures.count]
        let place = Int.random(in: 1...5, using: &random)
        let files = ["", "-wal"].flatMap { ["-P", stage.directory.databasePath + $0] }
        let injector = try ChildProcess(
            "strace", executable: strace,
            arguments: ["-f", "-q", "-p", "\(gateway)"] + files + [
                "-e", "trace=\(call)", "-e", "inject=\(call):error=\(error):when=\(place)", "-s", "0",
            ], outputFile: stage.folder + "/strace-\(call)-\(error).txt")
        let deadline = ContinuousClock.now + Self.patience
        while !injector.output.contains("(INJECTED)"), injector.isRunning, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(50))
        }
        await injector.stop(within: .seconds(5))
        try await stage.untilReady()
    }
}

/// The program that looks at a process's calls, and spoils them.
enum Strace {
    static let path = ["/usr/bin/strace", "/usr/local/bin/strace", "/bin/strace"]
        .first(where: FileManager.default.isExecutableFile(atPath:))
}
