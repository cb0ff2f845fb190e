import Foundation

struct DeadlineMissed: Error, CustomStringConvertible {
    let description: String
}

/// Waits until something is so that nobody tells about: looks again every few milliseconds, and throws when it has not
/// become so in time.
func eventually(_ what: String, within seconds: Double = 10, _ isSo: () throws -> Bool) throws {
    let deadline = Date(timeIntervalSinceNow: seconds)
    while try !isSo() {
        guard Date() < deadline else { throw DeadlineMissed(description: what) }
        poll(nil, 0, 5)
    }
}
