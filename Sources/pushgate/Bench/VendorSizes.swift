import ArgumentParser

/// How large the workloads with vendors are.
struct VendorSizes: ParsableArguments {
    @Option(help: "fallback: pushes for each vendor.")
    var jobs = 50_000
    @Option(help: "fallback: pushes that wait when the gateway is killed; 0 leaves this out.")
    var waiting = 100_000
    @Option(help: "faults: pushes to the vendor that goes wrong, for each way.")
    var pushes = 10_000
    @Option(help: "faults: pushes a second to the other vendor.")
    var rate = 200
    @Option(help: "faults: milliseconds by which the other vendor's p99 may grow in any case.")
    var floor = 5.0
    @Option(help: "faults: milliseconds by which a request may come late after Retry-After in any case.")
    var late = 250
    @Option(help: "faults: seconds for which the other vendor is measured alone.")
    var alone = 8
    @Option(help: "faults: how often each way is gone through; of the other vendor's p99 the one in the middle counts.")
    var rounds = 1
    @Option(help: "faults: only these ways, separated by commas.")
    var modes = ""

    func validate() throws {
        guard pushes >= 100, rate >= 10, floor >= 0, late >= 0, alone > 0, rounds > 0 else {
            throw ValidationError("At least 100 pushes, and 10 a second.")
        }
        guard jobs > 0, waiting >= 0 else { throw ValidationError("Numbers must be positive.") }
        _ = try chosenModes()
    }

    func chosenModes() throws -> [FaultMode] {
        guard !modes.isEmpty else { return FaultMode.broken }
        let names = modes.split(separator: ",").map(String.init)
        let known = FaultMode.broken.map(\.name)
        if let unknown = names.first(where: { !known.contains($0) }) {
            throw ValidationError("There is no \(unknown) among \(known.joined(separator: ", ")).")
        }
        return FaultMode.broken.filter { names.contains($0.name) }
    }
}
