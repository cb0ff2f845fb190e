import Foundation

/// Milliseconds since 1970-01-01T00:00:00Z: the unit of every time in the API, in rows and in payloads.
public typealias Milliseconds = Int64

/// Calendar time, handed in from outside so that rules can be tested. What has to be measured (deadlines, back-off)
/// uses a monotonic clock instead.
public struct WallClock: Sendable {
    private let read: @Sendable () -> Milliseconds

    public init(_ read: @escaping @Sendable () -> Milliseconds) { self.read = read }

    public var now: Milliseconds { read() }

    public static let system = WallClock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Milliseconds(time.tv_sec) * 1000 + Milliseconds(time.tv_nsec) / 1_000_000
    }
}
