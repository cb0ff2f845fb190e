import ArgumentParser
import Glibc
import PushCore

extension WallClock {
    /// The system's clock, and beside it as many milliseconds as stand in the file now (eight bytes, little-endian):
    /// so that a test can let the clock of a running gateway jump.
    static func shifted(by path: String) throws -> WallClock {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ValidationError("clock-offset-file: \(path): \(String(cString: strerror(errno))).")
        }
        return WallClock {
            var offset: Int64 = 0
            let count = pread(descriptor, &offset, 8, 0)
            return system.now &+ (count == 8 ? Int64(littleEndian: offset) : 0)
        }
    }
}
