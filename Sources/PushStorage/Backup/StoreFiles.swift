import Foundation

/// What the files of a store say of themselves before anybody opens them: SQLite takes a cut off log for a shorter one,
/// and a cut off file for damage only when it comes to the place.
public enum StoreFiles {
    /// What is missing, in words that name the file; nil when nothing is. Changes nothing. To be asked while no process
    /// has the store open. Takes as long as reading the log.
    public static func damage(at path: String) throws -> String? {
        guard let file = FileHandle(forReadingAtPath: path) else { return nil }  // no store yet
        defer { try? file.close() }  // nothing was written
        let size = try file.seekToEnd()
        if size == 0 { return nil }
        try file.seek(toOffset: 0)
        let header = try file.read(upToCount: 100) ?? Data()
        guard header.count == 100, header.prefix(15) == Data("SQLite format 3".utf8) else {
            return "\(path) is no database: its first bytes are not those of one"
        }
        let pageSize = number(header, 16, bytes: 2) == 1 ? 65_536 : number(header, 16, bytes: 2)
        guard pageSize >= 512 else { return "\(path) is no database: it says that its pages have \(pageSize) bytes" }
        let logPath = path + "-wal"
        let log = WriteAheadLog(contents(logPath), pageSize: pageSize)
        if let lost = lostFrames(log, WriteAheadIndex(contents(path + "-shm"))) {
            return "\(logPath) has lost the end of what was written: \(lost)"
        }
        // The header's own count holds when it was written with the last change (offsets 24 and 92).
        let counted = number(header, 24) == number(header, 92) ? number(header, 28) : 0
        let pages = log?.databasePages ?? counted
        let whole = Int(size) / pageSize
        guard pages > whole else { return nil }
        let missing = (whole + 1...pages).filter { log?.pages.contains(UInt32(clamping: $0)) != true }
        guard let first = missing.first else { return nil }
        return "\(path) is cut off: it ends after page \(whole) of \(pages), page \(first) is missing"
    }

    private static func lostFrames(_ log: WriteAheadLog?, _ index: WriteAheadIndex?) -> String? {
        // What a checkpoint has copied is in the database, whatever happened to the log.
        guard let index, index.frames > index.copied else { return nil }
        guard let log else { return "it is empty, and \(index.frames) pages are known to have been in it" }
        guard log.salts == index.salts, log.committedFrames < index.frames else { return nil }
        return "\(log.committedFrames) of \(index.frames) pages are there and whole"
    }

    private static func contents(_ path: String) -> Data {
        (try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)) ?? Data()  // it need not be there
    }

    private static func number(_ data: Data, _ offset: Int, bytes: Int = 4) -> Int {
        data.dropFirst(offset).prefix(bytes).reduce(0) { $0 << 8 | Int($1) }
    }
}
