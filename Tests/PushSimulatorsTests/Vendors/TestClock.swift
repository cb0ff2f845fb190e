import Foundation
import Synchronization

/// A clock that a test moves.
final class TestClock: Sendable {
    private let time = Atomic<Int64>(Int64(Date().timeIntervalSince1970 * 1000))

    var milliseconds: Int64 { time.load(ordering: .acquiring) }

    func advance(seconds: Int64) { time.add(seconds * 1000, ordering: .acquiringAndReleasing) }
}
