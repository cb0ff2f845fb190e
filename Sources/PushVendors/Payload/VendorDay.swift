import PushCore

/// The day by which phone makers in China count their quotas: it begins at midnight in Beijing (UTC+8, no summer time).
enum VendorDay {
    static let beijingOffsetSeconds: Int64 = 8 * 3600

    private static let dayMilliseconds: Int64 = 86_400_000

    /// From now to the next midnight.
    static func untilNext(now: Milliseconds, offsetSeconds: Int64 = beijingOffsetSeconds) -> Duration {
        until(hour: 0, now: now, offsetSeconds: offsetSeconds)
    }

    /// From now to the next time that the clock shows this hour.
    static func until(hour: Int64, now: Milliseconds, offsetSeconds: Int64 = beijingOffsetSeconds) -> Duration {
        let local = now + offsetSeconds * 1000 - hour * 3_600_000
        let passed = ((local % dayMilliseconds) + dayMilliseconds) % dayMilliseconds
        return .milliseconds(dayMilliseconds - passed)
    }
}
