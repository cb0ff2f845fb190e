/// A device's part of a trace as the API answers it, with what can be done where the device did not get the message.
struct TraceAnswer {
    let trace: DeviceTrace
    /// How the credential does that a push waits for.
    let credential: CredentialStatus?
    let now: Milliseconds

    func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("account", trace.account)
            writer.member("userId", trace.userID)
            writer.member("deviceId", ifPresent: trace.deviceID)
            writer.member("osType", ifPresent: trace.osType?.rawValue)
            writer.member("outcome", trace.outcome)
            writer.member("reason", ifPresent: trace.reason)
            writer.member("remedy", ifPresent: remedy)
            if let waiting = trace.waiting {
                writer.member("attempts", waiting.attempts)
                writer.member("nextTryAt", waiting.nextTryAt)
            }
            writer.array("stages") { writer in for stage in trace.stages { write(stage, into: &writer) } }
        }
    }

    private func write(_ stage: DeviceTrace.Stage, into writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("stage", stage.stage)
            writer.member("at", ifPresent: stage.at)
            writer.member("vendor", ifPresent: stage.vendor?.rawValue)
            writer.member("vendorId", ifPresent: stage.vendorID)
            writer.member("detail", ifPresent: stage.detail)
            writer.member("remedy", ifPresent: Self.remedy(for: stage))
        }
    }

    static func remedy(for stage: DeviceTrace.Stage) -> String? {
        switch stage.stage {
        case "push_failed":
            guard let vendor = stage.vendor, let code = stage.code else { return nil }
            return Remedies.sentence(for: vendor, code: code)
        case "receipt": return stage.meaning.flatMap { Remedies.sentence(for: $0) }
        default: return nil
        }
    }

    /// Of the device as a whole; nil where it has the message, or the vendor has it and said nothing else.
    var remedy: String? {
        switch trace.outcome {
        case "acknowledged": return nil
        case "pushed":
            // A vendor may report twice, in any order: what reached the device counts.
            let meanings = trace.stages.compactMap(\.meaning)
            if meanings.contains(where: \.reachedDevice) { return nil }
            return meanings.last.flatMap { Remedies.sentence(for: $0) }
        case "waiting":
            if let waiting = trace.waiting {
                return Remedies.sentence(forWaiting: waiting, credential: credential, now: now)
            }
            return Remedies.sentence(for: .waiting)
        default:
            let reason = trace.reason.flatMap(SkipReason.init)
            let last = trace.stages.last { $0.stage == "push_failed" || $0.stage == "push_skipped" }
            if reason == .vendorRefused || reason == .tokenDead || reason == .expired, let vendor = last?.vendor,
                let code = last?.code, let sentence = Remedies.sentence(for: vendor, code: code)
            {
                return sentence
            }
            return reason.flatMap { Remedies.sentence(for: $0, vendor: last?.vendor) }
        }
    }
}
