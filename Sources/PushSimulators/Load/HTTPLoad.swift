import NIOCore
import NIOPosix
import Synchronization

/// Keeps a number of HTTP/1.1 connections busy: each sends its next request when the last one is answered. Lean on
/// purpose, so that on one machine the gateway is measured and not the generator.
public final class HTTPLoad: Sendable {
    public struct Request: Sendable {
        public let method: String
        /// With its query, escaped.
        public let path: String
        public let bearer: String
        /// JSON.
        public let body: [UInt8]

        public init(_ method: String = "POST", path: String, bearer: String, body: [UInt8] = []) {
            self.method = method
            self.path = path
            self.bearer = bearer
            self.body = body
        }
    }

    public struct Answer: Sendable {
        public let number: Int
        /// HTTP status; 0 where the connection broke.
        public let status: Int
        /// Empty unless ``Plan/keepsBodies``.
        public let body: [UInt8]
    }

    /// How much is sent, and how fast.
    public struct Plan: Sendable {
        public var connections: Int
        public var duration: Duration
        public var requestsMax = Int.max
        /// Requests a second, each at its time whether or not earlier ones were answered late; nil: as fast as they are
        /// answered.
        public var ratePerSecond: Double?
        public var keepsBodies = false
        /// `false` holds the next requests back.
        public var mayGoOn: @Sendable () -> Bool = { true }

        public init(connections: Int, duration: Duration) {
            self.connections = connections
            self.duration = duration
        }
    }

    /// Makes a request from its number. `due` is when it should leave: now, or earlier where all connections were busy.
    /// Called on a thread of the load.
    public typealias Requests = @Sendable (_ number: Int, _ due: ContinuousClock.Instant) -> Request
    public typealias Answered = @Sendable (Answer) -> Void

    private static let lastAnswersWithin: Duration = .seconds(30)

    private let host: String
    private let port: Int
    private let group: MultiThreadedEventLoopGroup

    public init(host: String, port: Int, threads: Int = 1) {
        self.host = host
        self.port = port
        group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
    }

    /// Sends as planned, then waits for the answers that are still out, 30 seconds at most. To be called once.
    /// - Returns: how many requests were sent.
    public func run(
        _ plan: Plan, request: @escaping Requests, answered: @escaping Answered
    ) async throws -> Int {
        let state = LoadState(plan)
        let host = "\(host):\(port)"
        let channels = try await withThrowingTaskGroup(of: (any Channel).self) { tasks in
            for _ in 0..<plan.connections {
                tasks.addTask {
                    try await ClientBootstrap(group: self.group)
                        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                        .channelInitializer { channel in
                            channel.eventLoop.makeCompletedFuture {
                                try channel.pipeline.syncOperations.addHandler(
                                    LoadHandler(state, host: host, request: request, answered: answered))
                            }
                        }
                        .connect(host: self.host, port: self.port).get()
                }
            }
            return try await tasks.reduce(into: []) { $0.append($1) }
        }
        let clock = Task {
            try await Task.sleep(for: plan.duration)
            state.stop()
            try await Task.sleep(for: Self.lastAnswersWithin)
            for channel in channels { channel.close(promise: nil) }
        }
        for channel in channels { try await channel.closeFuture.get() }
        clock.cancel()
        try await group.shutdownGracefully()
        return state.sent
    }
}

/// What all connections of one run share.
final class LoadState: Sendable {
    let plan: HTTPLoad.Plan
    private let start = ContinuousClock.now
    private let next = Atomic<Int>(0)
    private let isStopping = Atomic<Bool>(false)

    init(_ plan: HTTPLoad.Plan) { self.plan = plan }

    var sent: Int { min(next.load(ordering: .acquiring), plan.requestsMax) }

    func stop() { isStopping.store(true, ordering: .releasing) }

    var isEnded: Bool { isStopping.load(ordering: .acquiring) }

    /// The next request's number, nil when there is none.
    func nextNumber() -> Int? {
        let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
        return number < plan.requestsMax ? number : nil
    }

    func due(_ number: Int) -> ContinuousClock.Instant {
        guard let rate = plan.ratePerSecond else { return .now }
        return start + .seconds(Double(number) / rate)
    }
}
