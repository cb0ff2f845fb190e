import Foundation

/// Where the broker's plugin is: beside the executable (as `swift build` puts it), or in `lib/pushgate` next to its
/// `bin` (as it is installed).
enum PluginLibrary {
    static let fileName = "libPushGateBrokerPlugin.so"

    static func path() throws -> String {
        let executable = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let folder = URL(fileURLWithPath: executable).deletingLastPathComponent()
        let places = [
            folder.appending(path: fileName), folder.appending(path: "../lib/pushgate/\(fileName)").standardizedFileURL,
        ].map(\.path)
        guard let found = places.first(where: FileManager.default.isReadableFile(atPath:)) else {
            throw DataDirectory.Fault(
                description: "The broker's plugin is missing: expected \(places.joined(separator: " or ")).")
        }
        return found
    }
}
