import Foundation

/// One small JSON file, replaced as a whole and synced to disk, so that a crash leaves the old one or the new one.
///
/// A file that cannot be read as a position counts as none: then everything is fetched again, and nothing is lost.
public final class FileStore: LocalStore {
    private let file: URL

    /// - Parameter file: in a folder that exists, one file a device.
    public init(_ file: URL) { self.file = file }

    public func load(account: String) throws -> LocalPosition? {
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        let bytes = Array(try Data(contentsOf: file))
        guard let json = try? JSONValue(parsing: bytes), json["account"]?.string == account else { return nil }
        func number(_ name: String) -> Int64 { json[name]?.integer ?? 0 }
        return LocalPosition(
            account: account, seq: number("seq"), broadcastSeq: number("broadcastSeq"),
            acknowledgedSeq: number("acknowledgedSeq"), acknowledgedBroadcastSeq: number("acknowledgedBroadcastSeq"),
            seen: (json["seen"]?.array ?? []).compactMap { pair in
                guard let pair = pair.array, pair.count == 2, let id = pair[0].string, let revision = pair[1].integer
                else { return nil }
                return EntryKey(id: id, revision: revision)
            })
    }

    public func save(_ position: LocalPosition) throws {
        let json: JSONValue = [
            "account": .string(position.account), "seq": JSONValue(position.seq),
            "broadcastSeq": JSONValue(position.broadcastSeq), "acknowledgedSeq": JSONValue(position.acknowledgedSeq),
            "acknowledgedBroadcastSeq": JSONValue(position.acknowledgedBroadcastSeq),
            "seen": .array(position.seen.map { [.string($0.id), JSONValue($0.revision)] }),
        ]
        let temporary = file.appendingPathExtension("new")
        try Data(json.bytes).write(to: temporary)
        let handle = try FileHandle(forWritingTo: temporary)
        defer { try? handle.close() }  // nothing is lost: it was synced
        try handle.synchronize()
        guard rename(temporary.path, file.path) == 0 else {
            throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: file.path])
        }
    }
}
