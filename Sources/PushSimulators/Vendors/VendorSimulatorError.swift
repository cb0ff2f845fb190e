/// What calls on a ``VendorSimulator`` throw.
public enum VendorSimulatorError: Error, Equatable {
    /// No push that fits arrived within the time given.
    case nothingArrived
    /// The simulator was shut down while something was waited for.
    case closed
    /// A listener has no port: the simulator cannot be reached.
    case noAddress
    /// The configuration or a fault contradicts itself; the text says how.
    case invalid(String)
}
