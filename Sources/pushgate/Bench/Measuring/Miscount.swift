import ArgumentParser

/// A fault in what the count of a measurement is given, to see that the measurement notices: one arrival is kept from
/// it, or told twice.
enum Miscount: String, Sendable, ExpressibleByArgument {
    case lost, doubled

    /// A number of things that arrived.
    func changed(_ count: Int) -> Int { self == .lost ? count - 1 : count + 1 }
}

extension Optional where Wrapped == Miscount {
    func changed(_ count: Int) -> Int { self?.changed(count) ?? count }
}
