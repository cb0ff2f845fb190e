import Foundation

/// A write-ahead log as it lies on disk (<https://www.sqlite.org/fileformat2.html#walformat>), read without SQLite,
/// which would pass over what is broken and take the rest for the whole.
struct WriteAheadLog {
    /// Frames up to the last one that a commit ends, in order and whole.
    private(set) var committedFrames = 0
    /// Pages of the database after the last commit; nil when there is none.
    private(set) var databasePages: Int?
    /// Pages that the committed frames hold.
    private(set) var pages: Set<UInt32> = []
    /// As they stand in the header: they tell this log from earlier ones in the same file.
    let salts: [UInt8]

    /// - Returns: nil where there is no log, or one without a header.
    init?(_ bytes: Data, pageSize: Int) {
        guard bytes.count >= Self.headerBytes, pageSize > 0 else { return nil }
        var found = Walk(salts: Array(bytes[bytes.startIndex + 16..<bytes.startIndex + 24]))
        bytes.withUnsafeBytes { found.walk($0, pageSize: pageSize) }
        guard found.hasHeader else { return nil }
        (committedFrames, databasePages, pages) = (found.committed, found.databasePages, found.pages)
        salts = found.salts
    }

    static let headerBytes = 32
    private static let frameHeaderBytes = 24

    private struct Walk {
        let salts: [UInt8]
        var hasHeader = false
        var committed = 0
        var databasePages: Int?
        var pages: Set<UInt32> = []

        private var sum: (UInt32, UInt32) = (0, 0)
        private var isBigEndian = false

        init(salts: [UInt8]) { self.salts = salts }

        mutating func walk(_ bytes: UnsafeRawBufferPointer, pageSize: Int) {
            let magic = number(bytes, 0)
            guard magic & 0xFFFF_FFFE == 0x377F_0682 else { return }
            isBigEndian = magic & 1 == 1
            add(bytes, 0..<24)
            guard sum == (number(bytes, 24), number(bytes, 28)), Int(number(bytes, 8)) == pageSize else { return }
            hasHeader = true
            var offset = WriteAheadLog.headerBytes
            var frame = 0
            var uncommitted: [UInt32] = []
            while offset + WriteAheadLog.frameHeaderBytes + pageSize <= bytes.count {
                guard salts.indices.allSatisfy({ bytes[offset + 8 + $0] == salts[$0] }) else { return }
                add(bytes, offset..<offset + 8)
                let data = offset + WriteAheadLog.frameHeaderBytes
                add(bytes, data..<data + pageSize)
                guard sum == (number(bytes, offset + 16), number(bytes, offset + 20)) else { return }
                frame += 1
                uncommitted.append(number(bytes, offset))
                let size = number(bytes, offset + 4)
                if size > 0 {
                    committed = frame
                    databasePages = Int(size)
                    pages.formUnion(uncommitted)
                    uncommitted = []
                }
                offset = data + pageSize
            }
        }

        private func number(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> UInt32 {
            UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }

        private mutating func add(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
            var (first, second) = sum
            var offset = range.lowerBound
            while offset < range.upperBound {
                let one = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
                let two = bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
                first = first &+ (isBigEndian ? UInt32(bigEndian: one) : UInt32(littleEndian: one)) &+ second
                second = second &+ (isBigEndian ? UInt32(bigEndian: two) : UInt32(littleEndian: two)) &+ first
                offset += 8
            }
            sum = (first, second)
        }
    }
}

/// What the connections of the last process knew of the log (<https://www.sqlite.org/walformat.html>, the wal-index):
/// it outlives `kill -9` in the file beside the database, and is written only after the frames it counts are synced.
struct WriteAheadIndex {
    let frames: Int
    /// Frames that a checkpoint has copied into the database.
    let copied: Int
    let salts: [UInt8]

    /// - Returns: nil where it says nothing that can be relied on.
    init?(_ bytes: Data) {
        guard bytes.count >= 100 else { return nil }
        let first = Array(bytes.prefix(48))
        // Written twice, so that a torn one is told.
        guard first == Array(bytes.dropFirst(48).prefix(48)), first[12] == 1 else { return nil }
        func number(_ offset: Int) -> UInt32 {
            bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
        }
        guard number(0) == 3_007_000 else { return nil }
        frames = Int(number(16))
        copied = Int(number(96))
        salts = Array(first[32..<40])
    }
}
