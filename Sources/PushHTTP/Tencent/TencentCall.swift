import PushCore

/// One call of `/v4` whose caller was checked: an administrator of an app.
struct TencentCall: Sendable {
    let service: TencentService
    let command: String
    /// The administrator's name: the sender of what has no `From_Account`.
    let identifier: String
    let app: AppIdentity
    let body: JSONObject
    /// When it arrived.
    let now: Milliseconds

    var principal: Principal { .app(app) }
    var tenant: TenantKey { app.tenant.key }

    // MARK: Fields

    /// The first member that is there and not null, under any of the names it has had.
    func value(_ names: String...) -> RawJSON? { names.lazy.compactMap { body[$0] }.first }

    /// A text. Throws `code` where the member is another kind of value.
    func string(_ names: String..., orThrow code: Int? = nil) throws(TencentError) -> String? {
        for name in names {
            guard let value = body[name] else { continue }
            guard let text = value.string else { throw bad(name, "is not a string", code) }
            return text
        }
        return nil
    }

    /// A text that has to be there and not be empty.
    func requiredString(_ names: String..., orThrow code: Int? = nil) throws(TencentError) -> String {
        for name in names {
            guard let value = body[name] else { continue }
            guard let text = value.string, !text.isEmpty else { throw bad(name, "is not a string or empty", code) }
            return text
        }
        throw bad(names.last ?? "", "is missing", code)
    }

    /// An integer, as a number or as its digits in a text: generations of SDKs differ.
    func integer(
        _ names: String..., in range: ClosedRange<Int64> = Int64.min...Int64.max, orThrow code: Int? = nil
    ) throws(TencentError) -> Int64? {
        for name in names {
            guard let value = body[name] else { continue }
            guard let number = value.integer ?? value.string.flatMap({ Int64($0) }), range.contains(number) else {
                throw bad(name, "is not an integer or out of range", code)
            }
            return number
        }
        return nil
    }

    /// Texts of a list. Throws `code` where the member is no list of texts or has more than `max`.
    func strings(_ names: String..., max: Int, orThrow code: Int? = nil) throws(TencentError) -> [String]? {
        for name in names {
            guard let value = body[name] else { continue }
            guard let list = value.array, list.count <= max else {
                throw bad(name, "is not an array of at most \(max)", code)
            }
            let texts = list.compactMap(\.string)
            guard texts.count == list.count else { throw bad(name, "is not an array of strings", code) }
            return texts
        }
        return nil
    }

    /// What is wrong with one field.
    func bad(_ name: String, _ what: String, _ code: Int? = nil) -> TencentError {
        TencentError(code ?? service.badField, "\(name) \(what).")
    }
}

/// What a command answers beside the envelope.
typealias TencentFields = @Sendable (inout JSONWriter) -> Void

/// One command, under one or several names of service and command.
struct TencentCommand: Sendable {
    let service: TencentService
    /// The other services that older SDKs call it by.
    let olderServices: [TencentService]
    let names: [String]
    let run: @Sendable (TencentCall) async throws -> TencentFields

    init(
        _ service: TencentService, _ names: String..., alsoIn olderServices: [TencentService] = [],
        run: @escaping @Sendable (TencentCall) async throws -> TencentFields
    ) {
        self.service = service
        self.olderServices = olderServices
        self.names = names
        self.run = run
    }

    /// For commands that answer with the envelope alone.
    static let nothing: TencentFields = { _ in }
}
