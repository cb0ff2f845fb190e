import Logging
import Synchronization

/// What the gateway does when tokens seem to die of a wrong credential: it believes the tokens, stops the credential
/// and says so.
public final class TokenGuard: Sendable {
    private let brake: TokenBrake
    private let store: any TokenQuarantineStore
    private let clock: WallClock
    private let runtime: Runtime
    private let logger: Logger
    private let stops = Mutex(0)

    public init(
        store: any TokenQuarantineStore, clock: WallClock, runtime: Runtime = .system, logger: Logger,
        brake: TokenBrake = TokenBrake()
    ) {
        self.brake = brake
        self.store = store
        self.clock = clock
        self.runtime = runtime
        self.logger = logger
    }

    /// How often a credential was stopped since the start.
    public var stopCount: Int { stops.withLock { $0 } }

    /// Credentials that are to be stopped now.
    public struct Doubt: Sendable {
        public let lanes: Set<Int64>
        let tenant: TenantKey
        let vendor: Vendor
        let isNew: Bool
    }

    /// Counts what a vendor said of tokens, before anything of it is written down. The lanes that come back are to be
    /// stopped, doubtful answers that came through them must not kill a token, and then ``revive(_:)`` is to be called.
    public func note(
        _ answers: [TokenBrake.Answer], tenant: TenantKey, vendor: Vendor, at now: ContinuousClock.Instant
    ) -> Doubt? {
        guard !answers.isEmpty else { return nil }
        let known = Set(answers.lazy.map(\.lane).filter(brake.isDoubted))
        let lanes = brake.note(answers, tenant: tenant, vendor: vendor, at: now)
        trust(known.filter { !brake.isDoubted($0) })
        guard !lanes.isEmpty else { return nil }
        let new = lanes.subtracting(known)
        stops.withLock { $0 += new.count }
        return Doubt(lanes: lanes, tenant: tenant, vendor: vendor, isNew: !new.isEmpty)
    }

    /// Whether a lane was stopped by the brake, and nothing has cleared it since.
    public func isDoubted(_ lane: Int64) -> Bool { brake.isDoubted(lane) }

    /// The credential was changed, or a test of it went well.
    public func clear(lanes: some Sequence<Int64>) {
        let known = Set(lanes.filter(brake.isDoubted))
        brake.forget(lanes: lanes)
        trust(known)
    }

    /// How long a doubt outlives the process.
    static let doubtKept: Duration = .seconds(86_400)

    /// A lane as it was found at the start: whether it is still in doubt.
    func recall(_ settings: VendorSettings) -> Bool {
        guard let doubtedAt = settings.doubtedAt, clock.now - doubtedAt < Self.doubtKept.milliseconds
        else {
            return false
        }
        brake.doubt(lanes: CollectionOfOne(settings.lane))
        return true
    }

    /// The doubt is over. Where the store is busy, the next start finds it still in doubt, and a probe ends that.
    private func trust(_ lanes: Set<Int64>) {
        guard !lanes.isEmpty else { return }
        runtime.start { [store, logger] in
            do { try await store.trust(lanes: lanes) } catch {
                logger.warning(
                    "a credential's doubt is over, but that could not be written down",
                    metadata: ["lanes": "\(lanes.sorted())", "error": "\(error)"])
            }
        }
    }

    /// Lets live again what doubtful answers killed in the last ten minutes, and says so. Where the store is busy the
    /// next doubtful answer, that of a probe, tries again.
    public func revive(_ doubt: Doubt) async {
        let (lanes, vendor) = (doubt.lanes, doubt.vendor)
        let now = clock.now
        do {
            let revival = try await store.doubt(
                lanes: lanes, tenant: doubt.tenant, vendor: vendor,
                since: now - TokenBrake.window.milliseconds,
                isNew: doubt.isNew, at: now)
            guard doubt.isNew || revival.tokens > 0 else { return }
            logger.error(
                """
                a vendor calls so many tokens dead that its credential or environment must be wrong; the credential is \
                stopped and the tokens live again
                """,
                metadata: [
                    "vendor": "\(vendor)", "lanes": "\(lanes.sorted())", "tokens": "\(revival.tokens)",
                    "pushes": "\(revival.pushes)",
                ])
        } catch {
            logger.error(
                "a vendor's credential is stopped, but the tokens it was refused for could not be revived",
                metadata: ["vendor": "\(vendor)", "lanes": "\(lanes.sorted())", "error": "\(error)"])
        }
    }
}
