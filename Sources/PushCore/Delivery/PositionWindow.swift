import DequeModule

/// Consecutive log positions of which each is open until a number of things have happened to it. `mark` is the
/// position below which nothing is open: what is durable about progress in a log that is worked off out of order.
struct PositionWindow {
    private(set) var mark: Int64
    private var open: Deque<Int32> = []

    init(mark: Int64) { self.mark = mark }

    /// How many positions lie above the mark.
    var count: Int { open.count }

    /// The last position that was added.
    var last: Int64 { mark + Int64(open.count) }

    /// Adds the next position with `count` things to wait for. A position that was there before is left alone; one
    /// that the log skipped waits for nothing.
    mutating func append(_ position: Int64, waitingFor count: Int) {
        guard position > last else { return }
        while position > last + 1 {
            if open.isEmpty { mark += 1 } else { open.append(0) }
        }
        if count == 0, open.isEmpty {
            mark = position
        } else {
            open.append(Int32(count))
        }
    }

    /// One of the things that `position` waited for has happened.
    mutating func settle(_ position: Int64) {
        let index = Int(position - mark) - 1
        guard open.indices.contains(index), open[index] > 0 else { return }
        open[index] -= 1
        while open.first == 0 {
            open.removeFirst()
            mark += 1
        }
    }
}
