import Glibc

/// TCP connections over which nothing is ever said.
final class IdleConnections {
    private var descriptors: [Int32] = []

    init(count: Int, port: Int) throws {
        var address = LoopbackAddress.of(port: port)
        for _ in 0..<count {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else {
                let reason = String(cString: strerror(errno))
                close()
                throw TortureFault("only \(descriptors.count) of \(count) connections can be opened: \(reason)")
            }
            descriptors.append(descriptor)
            let isConnected = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                }
            }
            guard isConnected else {
                let reason = String(cString: strerror(errno))
                close()
                throw TortureFault("port \(port) does not take \(count) connections: \(reason)")
            }
        }
    }

    func close() {
        for descriptor in descriptors { Glibc.close(descriptor) }
        descriptors = []
    }
}
