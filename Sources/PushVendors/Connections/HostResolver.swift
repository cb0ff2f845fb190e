import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Turns a host into its addresses. Handed in, so that the address rule can be tested without a name server.
package struct HostResolver: Sendable {
    package struct Failure: Error, Sendable {
        package let reason: String

        package init(_ reason: String) { self.reason = reason }
    }

    private let resolve: @Sendable (String) async throws(Failure) -> [IPAddress]

    package init(_ resolve: @escaping @Sendable (String) async throws(Failure) -> [IPAddress]) {
        self.resolve = resolve
    }

    package func addresses(of host: String) async throws(Failure) -> [IPAddress] { try await resolve(host) }

    /// The system's resolver, on a thread that may block, for at most five seconds.
    package static let system = HostResolver { host async throws(Failure) in
        try await Self.lookUp(host, timeout: .seconds(5))
    }

    /// What the numeric spellings of a host mean (`127.0.0.1`, `2130706433`, `0x7f.1`, `0177.0.0.1`, `::1`); empty for
    /// a name. Asks no server and does not block.
    package static func numericAddresses(of host: String) -> [IPAddress] {
        (try? getAddresses(host, flags: AI_NUMERICHOST)) ?? []
    }

    private static func lookUp(_ host: String, timeout: TimeAmount) async throws(Failure) -> [IPAddress] {
        let once = OneAnswer<Result<[IPAddress], Failure>>()
        let timer = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: timeout) {
            once.give(.failure(Failure("looking up the host took too long")))
        }
        defer { timer.cancel() }
        // A look-up cannot be stopped; one that takes too long keeps its thread until the resolver gives up.
        let answer = await withCheckedContinuation { continuation in
            once.wait(continuation)
            NIOThreadPool.singleton.submit { state in
                guard case .active = state else { return once.give(.failure(Failure("shutting down"))) }
                once.give(Result { () throws(Failure) in try getAddresses(host, flags: AI_ADDRCONFIG) })
            }
        }
        return try answer.get()
    }

    private static func getAddresses(_ host: String, flags: CInt) throws(Failure) -> [IPAddress] {
        var hints = addrinfo()
        hints.ai_flags = flags
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &list)
        guard code == 0 else { throw Failure(gai_strerror(code).map { String(cString: $0) } ?? "unknown host") }
        defer { freeaddrinfo(list) }
        var found: [IPAddress] = []
        var next = list
        while let entry = next {
            if let address = Self.address(of: entry.pointee), !found.contains(address) { found.append(address) }
            next = entry.pointee.ai_next
        }
        guard !found.isEmpty else { throw Failure("the host has no address") }
        return found
    }

    private static func address(of entry: addrinfo) -> IPAddress? {
        guard let raw = UnsafeRawPointer(entry.ai_addr) else { return nil }
        switch entry.ai_family {
        case AF_INET: return IPAddress(SocketAddress(raw.load(as: sockaddr_in.self)))
        case AF_INET6: return IPAddress(SocketAddress(raw.load(as: sockaddr_in6.self)))
        default: return nil
        }
    }
}

/// Resumes a continuation with the first of several answers.
private final class OneAnswer<Answer: Sendable>: Sendable {
    private enum State {
        case idle
        case answered(Answer)
        case waiting(CheckedContinuation<Answer, Never>)
        case done
    }

    private let state = Mutex<State>(.idle)

    func wait(_ continuation: CheckedContinuation<Answer, Never>) {
        let early: Answer? = state.withLock { state in
            if case .answered(let answer) = state {
                state = .done
                return answer
            }
            state = .waiting(continuation)
            return nil
        }
        if let early { continuation.resume(returning: early) }
    }

    func give(_ answer: Answer) {
        let continuation: CheckedContinuation<Answer, Never>? = state.withLock { state in
            switch state {
            case .idle:
                state = .answered(answer)
                return nil
            case .waiting(let continuation):
                state = .done
                return continuation
            case .answered, .done: return nil
            }
        }
        continuation?.resume(returning: answer)
    }
}
