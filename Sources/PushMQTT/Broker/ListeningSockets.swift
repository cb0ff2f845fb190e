import Foundation

/// What a process really listens on, from /proc: Mosquitto 2.0.11 was seen to ignore the address of a WebSocket
/// listener and to listen on all interfaces.
enum ListeningSockets {
    struct Entry: Hashable {
        let host: String
        let port: UInt16
        let inode: String

        var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    /// Listening TCP sockets of a process. Where the kernel does not show whose a socket is, those on `ports`.
    static func of(processID: Int32, ports: Set<UInt16>) -> [Entry] {
        let all = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { path in
            // No IPv6: no file, no sockets.
            parse((try? String(contentsOfFile: path, encoding: .utf8)) ?? "")
        }
        let folder = "/proc/\(processID)/fd"
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            return all.filter { ports.contains($0.port) }
        }
        let inodes = Set(names.compactMap { socketInode(ofDescriptor: "\(folder)/\($0)") })
        return all.filter { inodes.contains($0.inode) }
    }

    /// From the link `socket:[4711]`. `nil` for other files, and for a descriptor that was closed meanwhile.
    private static func socketInode(ofDescriptor path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 64)
        let count = readlink(path, &buffer, buffer.count)
        guard count > 0 else { return nil }
        let target = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard target.hasPrefix("socket:["), target.hasSuffix("]") else { return nil }
        return String(target.dropFirst("socket:[".count).dropLast())
    }

    /// The lines of /proc/net/tcp or tcp6 in state LISTEN (0A). Addresses are hexadecimal, each group of four bytes in
    /// the machine's byte order (proc(5)).
    static func parse(_ text: String) -> [Entry] {
        text.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count > 9, fields[3] == "0A" else { return nil }
            let parts = fields[1].split(separator: ":")
            guard parts.count == 2, let port = UInt16(parts[1], radix: 16), let host = host(parts[0]) else {
                return nil
            }
            return Entry(host: host, port: port, inode: String(fields[9]))
        }
    }

    private static func host(_ hexadecimal: Substring) -> String? {
        guard hexadecimal.count == 8 || hexadecimal.count == 32 else { return nil }
        var words: [UInt32] = []
        var rest = hexadecimal
        while !rest.isEmpty {
            guard let word = UInt32(rest.prefix(8), radix: 16) else { return nil }
            words.append(word)
            rest = rest.dropFirst(8)
        }
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = words.count == 1 ? AF_INET : AF_INET6
        let text = words.withUnsafeBytes { bytes in
            inet_ntop(family, bytes.baseAddress, &buffer, socklen_t(buffer.count)).map { String(cString: $0) }
        }
        // libwebsockets binds an IPv6 socket to the IPv4 address in its mapped form (RFC 4291, 2.5.5.2).
        guard let text, text.hasPrefix("::ffff:"), text.contains(".") else { return text }
        return String(text.dropFirst("::ffff:".count))
    }
}
