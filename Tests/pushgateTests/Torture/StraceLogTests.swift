import Foundation
import Testing

@testable import pushgate

@Suite struct StraceLogTests {
    private let write =
        #"71 10:00:00.1 pwrite64(9</d/private/pushgate.db-wal>, "\0\1synced-000001hello", 4096, 32) = 4096"#
    private let sync = "71 10:00:00.2 fdatasync(9</d/private/pushgate.db-wal>) = 0"
    private let answer =
        #"72 10:00:00.3 writev(12<TCP:[127.0.0.1:1->127.0.0.1:2]>, [{iov_base="{\"id\":\"synced-000001\"}", iov_len=9}], 1) = 9"#

    private func faults(_ lines: [String]) -> [String] {
        var log = StraceLog(prefix: "synced-", digits: 6, strangers: ["99"])
        for line in lines { log.read(line[...]) }
        return log.faults(accepted: ["synced-000001"])
    }

    @Test func `written, synced, answered is right`() {
        #expect(faults([write, sync, answer]) == [])
        #expect(faults([write, sync, answer.replacingOccurrences(of: "writev", with: "sendto")]) == [])
        // As another version names sockets, and without times.
        // The broker's, through which it came in.
        #expect(faults([#"99 write(5<TCP:[1]>, "synced-000001", 9) = 9"#, write, sync, answer]) == [])
        #expect(faults([write, sync, #"72 write(12<socket:[77]>, "synced-000001", 9) = 9"#]) == [])
    }

    @Test func `an answer before the sync has ended is found`() {
        #expect(faults([write, answer, sync]).count == 1)
        #expect(faults([sync, write, answer]).count == 1)
        #expect(faults([write, answer]).count == 1)
        let begun = "71 10:00:00.2 fdatasync(9</d/private/pushgate.db-wal> <unfinished ...>"
        let ended = "71 10:00:00.3 <... fdatasync resumed>) = 0"
        #expect(faults([write, begun, answer, ended]).count == 1)
        #expect(faults([write, begun, ended, answer]) == [])
        #expect(
            faults([write, begun, "71 10:00:00.3 <... fdatasync resumed>) = -1 EIO (Input/output error)", answer]).count
                == 1)
        #expect(
            faults([write, "71 fdatasync(9</d/pushgate.db-wal>) = -1 EIO (Input/output error)", answer]).count == 1)
        // Another thread's sync ends, ours does not.
        #expect(faults([write, begun, "75 10:00:00.3 <... fdatasync resumed>) = 0", answer, ended]).count == 1)
    }

    @Test func `a sync of another file, and what was not seen, do not count`() {
        #expect(faults([write, "71 fdatasync(8</d/private/pushgate.db>) = 0", answer]).count == 1)
        #expect(faults([sync, answer]).count == 1)
        #expect(faults([write, sync]).count == 1)
        #expect(faults([write, sync, answer.replacingOccurrences(of: "12<TCP", with: "12</d/log<TCP")]).count == 1)
        #expect(faults([write, sync, answer.replacingOccurrences(of: "000001", with: "000002")]).count == 1)
    }
}
