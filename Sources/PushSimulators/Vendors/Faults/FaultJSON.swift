/// The form of faults on the control page: `{"vendor": "apns", "fault": "slow", "milliseconds": 500, "requests": 3,
/// "on": "send"}`. Members beside those: `milliseconds` (slow), `afterAccepting` (hang, reset), `retryAfter` (seconds)
/// or `retryAfterDate` (seconds ahead, sent as a date), `status` (serverError), `tokens`, `code`, `timestamp`
/// (deadTokens), `every` (partialBatch), `code` (code), `afterRequests` (goAway).
enum FaultJSON {
    /// - Throws: ``VendorSimulatorError/invalid(_:)`` with what is wrong.
    static func read(_ value: JSONValue) throws -> ActiveFault {
        guard let name = value["vendor"]?.string, let vendor = SimulatedVendor(rawValue: name) else {
            throw VendorSimulatorError.invalid("vendor must be one of \(known(SimulatedVendor.self))")
        }
        guard let purpose = RequestPurpose(rawValue: value["on"]?.string ?? "send") else {
            throw VendorSimulatorError.invalid("on must be one of \(known(RequestPurpose.self))")
        }
        let remaining = value["requests"]?.integer.map { Int(clamping: $0) }
        if let remaining, remaining < 1 { throw VendorSimulatorError.invalid("requests must be at least 1") }
        return ActiveFault(vendor: vendor, purpose: purpose, fault: try fault(value), remaining: remaining)
    }

    private static func known<Value: CaseIterable & RawRepresentable>(_: Value.Type) -> String
    where Value.RawValue == String {
        Value.allCases.map(\.rawValue).joined(separator: ", ")
    }

    private static func fault(_ value: JSONValue) throws -> VendorFault {
        let afterAccepting = value["afterAccepting"]?.bool ?? false
        switch value["fault"]?.string {
        case "slow": return .slow(milliseconds: try number(value, "milliseconds", in: 0...3_600_000))
        case "hang": return .hang(afterAccepting: afterAccepting)
        case "reset": return .reset(afterAccepting: afterAccepting)
        case "tooManyRequests": return .tooManyRequests(retryAfter: try retryAfter(value))
        case "serverError":
            let status = value["status"] == nil ? 503 : try number(value, "status", in: 500...599)
            return .serverError(status: status, retryAfter: try retryAfter(value))
        case "deadTokens":
            let tokens = value["tokens"]?.array.map { Set($0.compactMap(\.string)) }
            return .deadTokens(tokens, code: value["code"]?.string, timestamp: value["timestamp"]?.integer)
        case "partialBatch": return .partialBatch(every: try number(value, "every", in: 1...1_000_000))
        case "expiredAuthorization": return .expiredAuthorization
        case "code":
            guard let code = value["code"]?.string else { throw VendorSimulatorError.invalid("code is missing") }
            return .code(code)
        case "garbage": return .garbage
        case "goAway": return .goAway(afterRequests: try number(value, "afterRequests", in: 1...1_000_000_000))
        case "refuseStream": return .refuseStream
        default:
            throw VendorSimulatorError.invalid(
                "fault must be one of slow, hang, reset, tooManyRequests, serverError, deadTokens, "
                    + "partialBatch, expiredAuthorization, code, garbage, goAway, refuseStream")
        }
    }

    private static func number(_ value: JSONValue, _ name: String, in range: ClosedRange<Int>) throws -> Int {
        guard let number = value[name]?.integer, range.contains(Int(clamping: number)) else {
            throw VendorSimulatorError.invalid("\(name) must be an integer in \(range)")
        }
        return Int(number)
    }

    private static func retryAfter(_ value: JSONValue) throws -> RetryAfter? {
        if value["retryAfter"] != nil { return .seconds(try number(value, "retryAfter", in: 0...1_000_000)) }
        if value["retryAfterDate"] != nil {
            return .date(secondsAhead: try number(value, "retryAfterDate", in: 0...1_000_000))
        }
        return nil
    }

    static func write(_ fault: ActiveFault) -> JSONValue {
        var members: [String: JSONValue] = [
            "vendor": .string(fault.vendor.rawValue), "on": .string(fault.purpose.rawValue),
            "fault": .string(fault.fault.name),
        ]
        members["requests"] = fault.remaining.map { .integer(Int64($0)) }
        switch fault.fault {
        case .slow(let milliseconds): members["milliseconds"] = .integer(Int64(milliseconds))
        case .hang(let afterAccepting), .reset(let afterAccepting):
            members["afterAccepting"] = .bool(afterAccepting)
        case .tooManyRequests(let retryAfter): write(retryAfter, into: &members)
        case .serverError(let status, let retryAfter):
            members["status"] = .integer(Int64(status))
            write(retryAfter, into: &members)
        case .deadTokens(let tokens, let code, let timestamp):
            members["tokens"] = tokens.map { .array($0.sorted().map { .string($0) }) }
            members["code"] = code.map { .string($0) }
            members["timestamp"] = timestamp.map { .integer($0) }
        case .partialBatch(let every): members["every"] = .integer(Int64(every))
        case .code(let code): members["code"] = .string(code)
        case .goAway(let afterRequests): members["afterRequests"] = .integer(Int64(afterRequests))
        case .expiredAuthorization, .garbage, .refuseStream: break
        }
        return .object(members)
    }

    private static func write(_ retryAfter: RetryAfter?, into members: inout [String: JSONValue]) {
        switch retryAfter {
        case .seconds(let seconds): members["retryAfter"] = .integer(Int64(seconds))
        case .date(let ahead): members["retryAfterDate"] = .integer(Int64(ahead))
        case nil: break
        }
    }
}
