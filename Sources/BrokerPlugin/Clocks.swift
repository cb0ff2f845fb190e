#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

enum WallClock {
    /// Since 1970.
    static var milliseconds: Int64 { read(CLOCK_REALTIME) }
}

enum MonotonicClock {
    /// Since some moment before the broker's start.
    static var milliseconds: Int64 { read(CLOCK_MONOTONIC) }
}

private func read(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    guard clock_gettime(clock, &time) == 0 else { return 0 }
    return Int64(time.tv_sec) &* 1000 &+ Int64(time.tv_nsec) / 1_000_000
}
