import BrokerControl

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Commands and reports as JSON, in the form that `Codable` gives them.
enum CommandText {
    /// The broker's own limit for a packet is 2 MiB.
    private static let bytesMax = 4 * 1024 * 1024

    static func decode(_ text: [UInt8]) -> BrokerCommand? {
        guard text.count <= bytesMax else { return nil }
        return try? JSONDecoder().decode(BrokerCommand.self, from: Data(text))
    }

    static func encode(_ report: BrokerReport) -> [UInt8]? {
        (try? JSONEncoder().encode(report)).map(Array.init)
    }
}
