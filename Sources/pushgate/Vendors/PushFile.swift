import Foundation
import Glibc
import PushSimulators

/// Accepted pushes as lines of a file. Each line is handed to the system whole, so that it outlives this process.
struct PushFile: Sendable {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: path])
        }
    }

    func append(_ push: RecordedPush) {
        let line = Array((PushLine(push).text + "\n").utf8)
        // A push that is not in the file would count as lost: better no simulator than a wrong one.
        if write(descriptor, line, line.count) != line.count { abort() }
    }
}
