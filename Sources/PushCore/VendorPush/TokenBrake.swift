import Synchronization

/// Tells tokens that die from a credential that is wrong (contract details, to sections 7 and 11, *Brake*).
///
/// A wrong credential or environment makes a vendor call every token dead. When at least 20 tokens were answered within
/// ten minutes and more than 20 % of the answers are of the codes that a wrong configuration gives as well, the
/// credential is to be stopped and the tokens are to be believed no more. It is looked at for a tenant's vendor as a
/// whole and for each of its credentials alone, so that a large good credential does not hide a small wrong one.
///
/// A lane that was stopped stays in doubt until a vendor's answer shows that it is good: its doubtful answers stop it again,
/// however few, so that a probe never costs a token.
public final class TokenBrake: Sendable {
    /// What a vendor said of one token. An answer that says nothing of the token (a fault, a refused credential) is none.
    public struct Answer: Sendable {
        public let lane: Int64
        public let token: PushToken
        /// The code is one that a wrong credential or environment gives as well.
        public let isDoubtful: Bool
        /// It shows that the credential is good. A push that is refused for its payload is neither this nor doubtful.
        public let isProof: Bool

        /// - Parameter isProof: nil = whatever is not doubtful.
        public init(lane: Int64, token: PushToken, isDoubtful: Bool, isProof: Bool? = nil) {
            self.lane = lane
            self.token = token
            self.isDoubtful = isDoubtful
            self.isProof = isProof ?? !isDoubtful
        }
    }

    public static let window: Duration = .seconds(600)
    public static let tokensMin = 20
    /// Doubtful answers in a hundred that are still believed.
    public static let percentMax = 20

    private struct Subject: Hashable {
        let tenant: TenantKey
        let vendor: Vendor
    }

    private struct State {
        var lanes: [Subject: [Int64: AnswerWindow]] = [:]
        var doubted: Set<Int64> = []
        /// The time of the first answer.
        var origin: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    private static let subjectsMax = 10_000
    private static let lanesPerSubjectMax = 100

    public init() {}

    /// Counts answers of one tenant's vendor and returns the lanes that are to be stopped now.
    public func note(
        _ answers: [Answer], tenant: TenantKey, vendor: Vendor, at now: ContinuousClock.Instant
    ) -> Set<Int64> {
        let subject = Subject(tenant: tenant, vendor: vendor)
        return state.withLock { state in
            let origin = state.origin ?? now
            state.origin = origin
            let slice = AnswerWindow.slice(at: now - origin)
            var lanes = state.lanes[subject] ?? [:]
            var stopped: Set<Int64> = []
            for answer in answers {
                if state.doubted.contains(answer.lane) {
                    if answer.isDoubtful { stopped.insert(answer.lane) }
                    if answer.isProof { state.doubted.remove(answer.lane) }
                }
                lanes[answer.lane, default: AnswerWindow()].add(answer, in: slice)
            }
            for lane in lanes.keys {
                lanes[lane]?.forget(before: slice)
                if lanes[lane]?.isEmpty == true { lanes[lane] = nil }
            }
            let all = AnswerWindow(merging: lanes.values)
            // Where the whole is over the bound so is one of its parts, and only those parts are at fault.
            let overall = all.isSuspicious
            for (lane, window) in lanes where window.isSuspicious || (overall && window.isOverShare) {
                stopped.insert(lane)
            }
            // What was counted has been acted upon: afterwards it is counted anew.
            for lane in stopped { lanes[lane] = nil }
            state.doubted.formUnion(stopped)
            Self.keep(lanes, of: subject, in: &state)
            return stopped
        }
    }

    /// The lane's credential is no longer doubted: it was changed, or a test of it went well.
    public func forget(lanes: some Sequence<Int64>) {
        state.withLock { $0.doubted.subtract(lanes) }
    }

    /// The lane was in doubt before this start, and nothing has cleared it since.
    public func doubt(lanes: some Sequence<Int64>) {
        state.withLock { $0.doubted.formUnion(lanes) }
    }

    /// Whether a lane was stopped and no answer has cleared it since.
    public func isDoubted(_ lane: Int64) -> Bool { state.withLock { $0.doubted.contains(lane) } }

    private static func keep(_ lanes: [Int64: AnswerWindow], of subject: Subject, in state: inout State) {
        var lanes = lanes
        // Lanes are numbered as they are made: old ones belong to credentials that were replaced.
        while lanes.count > lanesPerSubjectMax, let oldest = lanes.keys.min() { lanes[oldest] = nil }
        state.lanes[subject] = lanes.isEmpty ? nil : lanes
        guard state.lanes.count > subjectsMax else { return }
        // Better to count some tenants anew than to grow without bound.
        for other in state.lanes.keys.prefix(state.lanes.count - subjectsMax) where other != subject {
            state.lanes[other] = nil
        }
    }
}

/// The answers of the last ten minutes, in slices of time. Tokens are kept as hashes, and only as many as decide.
struct AnswerWindow: Sendable {
    private struct Slice {
        var answers = 0
        var doubtful = 0
        /// Different tokens; beyond the number that decides nothing more is added.
        var tokens: Set<Int> = []

        mutating func add(_ tokens: some Sequence<Int>) {
            for token in tokens where self.tokens.count < TokenBrake.tokensMin { self.tokens.insert(token) }
        }
    }

    private static let sliceSeconds: Int64 = 30
    private static var sliceCount: Int64 { TokenBrake.window.components.seconds / sliceSeconds }

    private var slices: [Int64: Slice] = [:]

    init() {}

    init(merging windows: some Sequence<AnswerWindow>) {
        for window in windows {
            for (number, slice) in window.slices {
                slices[number, default: Slice()].answers += slice.answers
                slices[number]?.doubtful += slice.doubtful
                slices[number]?.add(slice.tokens)
            }
        }
    }

    static func slice(at time: Duration) -> Int64 { time.components.seconds / sliceSeconds }

    var isEmpty: Bool { slices.isEmpty }

    mutating func add(_ answer: TokenBrake.Answer, in number: Int64) {
        slices[number, default: Slice()].answers += 1
        if answer.isDoubtful { slices[number]?.doubtful += 1 }
        slices[number]?.add(CollectionOfOne(answer.token.hashValue))
    }

    /// Drops what is older than the window that ends with a slice.
    mutating func forget(before number: Int64) {
        slices = slices.filter { $0.key > number - Self.sliceCount }
    }

    /// Whether more of the answers are doubtful than is believed.
    var isOverShare: Bool {
        let doubtful = slices.values.reduce(0) { $0 + $1.doubtful }
        let answers = slices.values.reduce(0) { $0 + $1.answers }
        return doubtful * 100 > answers * TokenBrake.percentMax
    }

    /// Whether that is so of enough tokens to say so.
    var isSuspicious: Bool {
        guard isOverShare else { return false }
        var tokens: Set<Int> = []
        for slice in slices.values {
            tokens.formUnion(slice.tokens)
            if tokens.count >= TokenBrake.tokensMin { return true }
        }
        return false
    }
}
