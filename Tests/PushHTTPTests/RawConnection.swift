import Foundation

/// A bare TCP connection to a listener of the test, for requests that no HTTP client would send. Reads give up after ten
/// seconds.
///
/// `@unchecked Sendable`: `isEnded` is written on the queue of an exchange and read after it; a test makes one exchange
/// at a time.
final class RawConnection: @unchecked Sendable {
    struct Refused: Error {}

    private let socketNumber: Int32
    /// The peer has closed the connection.
    private(set) var isEnded = false

    init(port: Int) throws {
        for family in [AF_INET, AF_INET6] {
            let number = socket(family, Int32(SOCK_STREAM.rawValue), 0)
            var timeout = timeval(tv_sec: 10, tv_usec: 0)
            setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
            let result =
                if family == AF_INET { Self.connectV4(number, port: port) } else { Self.connectV6(number, port: port) }
            if result == 0 {
                socketNumber = number
                return
            }
            close(number)
        }
        throw Refused()
    }

    deinit { close(socketNumber) }

    /// Sends `text` and reads until `mark` was read or the peer closes.
    func exchange(_ text: String, until mark: String?) async throws -> String {
        // Blocking calls have no place on the threads that tasks share.
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try self.exchangeBlocking(text, until: mark) })
            }
        }
    }

    private func exchangeBlocking(_ text: String, until mark: String?) throws -> String {
        let bytes = Array(text.utf8)
        guard send(socketNumber, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw Refused()
        }
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = recv(socketNumber, &buffer, buffer.count, 0)
            if count <= 0 {
                isEnded = count == 0 || errno == ECONNRESET
                break
            }
            received += buffer[..<count]
            if let mark, String(decoding: received, as: UTF8.self).contains(mark) { break }
        }
        return String(decoding: received, as: UTF8.self)
    }

    private static func connectV4(_ number: Int32, port: Int) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    private static func connectV6(_ number: Int32, port: Int) -> Int32 {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = in_port_t(port).bigEndian
        address.sin6_addr = in6addr_loopback
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(number, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
            }
        }
    }
}
