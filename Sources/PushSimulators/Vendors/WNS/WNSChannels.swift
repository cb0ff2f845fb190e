import Crypto
import Foundation
import Synchronization

/// The channel URIs that the simulated Windows devices opened.
final class WNSChannels: Sendable {
    enum Channel {
        case open
        /// The app behind it is registered with another client id.
        case otherApp
        /// Closed by the app, or expired.
        case closed
    }

    private struct Entry {
        let uri: String
        let isOtherApps: Bool
        let expiresAt: Int64
        var isClosed = false
    }

    private static let lifetimeMilliseconds: Int64 = 30 * 86_400_000
    private let base: String
    private let clock: @Sendable () -> Int64
    private let entries = Mutex<[String: Entry]>([:])

    /// - Parameter base: the origin that channel URIs begin with.
    init(base: String, clock: @escaping @Sendable () -> Int64) {
        self.base = base
        self.clock = clock
    }

    /// - Returns: the channel URI. Its token has characters that are percent-encoded, as the real ones do, so that
    ///   whoever writes the URI anew is found out.
    func open(otherApp: Bool, base: String?) -> String {
        let random = SymmetricKey(size: .init(bitCount: 320)).withUnsafeBytes { Data($0) }
        let token = (random.base64EncodedString() + "/+==").replacing("+", with: "%2b").replacing("/", with: "%2f")
            .replacing("=", with: "%3d")
        let uri = "\(base ?? self.base)/w/?token=\(token)"
        let entry = Entry(uri: uri, isOtherApps: otherApp, expiresAt: clock() + Self.lifetimeMilliseconds)
        entries.withLock { $0["token=\(token)"] = entry }
        return uri
    }

    func close(_ uri: String) {
        guard let query = uri.split(separator: "?", maxSplits: 1).last else { return }
        entries.withLock { $0[String(query)]?.isClosed = true }
    }

    /// - Parameter query: of the request's target, as it came.
    /// - Returns: the URI as it was given out; nil when there never was such a channel.
    func find(query: String) -> (uri: String, channel: Channel)? {
        guard let entry = entries.withLock({ $0[query] }) else { return nil }
        if entry.isClosed || entry.expiresAt <= clock() { return (entry.uri, .closed) }
        return (entry.uri, entry.isOtherApps ? .otherApp : .open)
    }
}
