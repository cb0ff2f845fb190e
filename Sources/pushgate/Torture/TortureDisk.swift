import Foundation
import Glibc

/// The data directory as a file system of its own, so that it can be full without the machine's disk being it. Needs
/// the right to mount; without it there is no full disk, and the run says so.
struct TortureDisk: Sendable {
    let path: String
    /// Why there is none.
    let reason: String?

    private static let roomy = "size=75%"

    init(_ path: String) {
        self.path = path
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            reason = "\(path): \(error.localizedDescription)"
            return
        }
        let code = mount("tmpfs", path, "tmpfs", 0, Self.roomy + ",mode=0711")
        reason = code == 0 ? nil : "mount: \(String(cString: strerror(errno)))"
    }

    var isThere: Bool { reason == nil }

    /// Leaves room for so many bytes more than are used now.
    func fill(leaving bytes: UInt64) throws {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw TortureFault("\(path): \(String(cString: strerror(errno)))") }
        let used = UInt64(status.f_blocks - status.f_bfree) * UInt64(status.f_frsize)
        try resize("size=\(used + bytes)")
    }

    func free() throws { try resize(Self.roomy) }

    private func resize(_ option: String) throws {
        guard mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT), option) == 0 else {
            throw TortureFault("\(path) cannot be resized: \(String(cString: strerror(errno)))")
        }
    }

    func unmount() { if isThere { umount2(path, Int32(MNT_DETACH)) } }
}
