import Testing

@testable import PushCore

@Suite struct RemediesTests {
    @Test func `every reason for no push says what can be done`() {
        for reason in SkipReason.allCases where reason != .acknowledged {
            let sentence = Remedies.sentence(for: reason, vendor: .huawei) ?? ""
            #expect(sentence.hasSuffix(".") && sentence.count > 20, "\(reason)")
        }
        #expect(Remedies.sentence(for: .acknowledged) == nil)
        #expect(
            Remedies.sentence(for: .vendorNotConfigured, vendor: .huawei)?.contains("PUT /v1/settings/push/huawei")
                == true)
    }

    @Test func `codes of the vendors have their own words`() {
        #expect(
            Remedies.sentence(for: .apns, code: "BadDeviceToken")
                == "The token belongs to the other APNs environment or another app: check environment and topic.")
        #expect(Remedies.sentence(for: .fcm, code: "UNREGISTERED")?.contains("registers again") == true)
        for (vendor, code) in [
            (Vendor.webpush, "410"), (.huawei, "80300007"), (.honor, "80200001"), (.xiaomi, "27001"), (.oppo, "10000"),
            (.vivo, "10302"), (.meizu, "110002"), (.wns, "403"), (.webhook, "rejected"),
        ] {
            #expect(Remedies.sentence(for: vendor, code: code)?.hasSuffix(".") == true, "\(vendor) \(code)")
        }
        // The same number means different things.
        #expect(Remedies.sentence(for: .oppo, code: "10000") != Remedies.sentence(for: .vivo, code: "10000"))
        // What every vendor's transport can say, and what nobody knows.
        for vendor in Vendor.allCases {
            #expect(
                Remedies.sentence(for: vendor, code: "503") != nil && Remedies.sentence(for: vendor, code: "?") == nil)
        }
    }

    @Test func `a receipt has a remedy exactly where the device was not reached`() {
        for meaning in VendorReceipt.Meaning.allCases where meaning != .held {
            #expect((Remedies.sentence(for: meaning) == nil) == meaning.reachedDevice, "\(meaning)")
        }
    }

    private func answer(
        outcome: String, reason: String? = nil, stages: [DeviceTrace.Stage] = [], waiting: DeviceTrace.Waiting? = nil,
        credential: CredentialStatus? = nil
    ) -> TraceAnswer {
        TraceAnswer(
            trace: DeviceTrace(
                account: "a", userID: "u", deviceID: "d", osType: nil, outcome: outcome, reason: reason,
                stages: stages, waiting: waiting), credential: credential, now: 1_700_000_000_000)
    }

    @Test func `a waiting push says when it is tried again, after how many tries`() {
        let waiting = DeviceTrace.Waiting(
            lane: 1, vendor: .fcm, attempts: 3, nextTryAt: 1_700_000_060_000, isUnderWay: false)
        #expect(
            answer(outcome: "waiting", waiting: waiting).remedy
                == "The next try with fcm is at 2023-11-14T22:14:20Z, after 3 tries.")
        var json = JSONWriter()
        answer(outcome: "waiting", waiting: waiting).write(into: &json)
        let object = RawJSON(archived: json.bytes).object
        #expect(object?["attempts"]?.integer == 3 && object?["nextTryAt"]?.integer == 1_700_000_060_000)
    }

    @Test func `a stopped credential is named with its code and time`() throws {
        let waiting = DeviceTrace.Waiting(lane: 1, vendor: .apns, attempts: 1, nextTryAt: 0, isUnderWay: false)
        let stopped = CredentialStatus(
            tenantKey: TenantKey(rawValue: 1), app: nil, vendor: .apns, lane: 1, state: .stopped,
            code: "InvalidProviderToken", since: 1_700_000_000_000)
        let remedy = try #require(answer(outcome: "waiting", waiting: waiting, credential: stopped).remedy)
        for words in [
            "stopped since 2023-11-14T22:13:20Z", "InvalidProviderToken", "PUT /v1/settings/push/apns", "keyId",
        ] {
            #expect(remedy.contains(words), "\(remedy)")
        }
    }

    @Test func `a failed push has the remedy of its code, a pushed one that of its receipt`() {
        let failed = DeviceTrace.Stage(
            stage: "push_failed", at: 1, vendor: .apns, detail: "BadTopic: x", code: "BadTopic")
        #expect(
            answer(outcome: "not_pushed", reason: "vendor_refused", stages: [failed]).remedy
                == Remedies.sentence(for: .apns, code: "BadTopic"))
        #expect(TraceAnswer.remedy(for: failed) != nil)
        func receipt(_ meaning: VendorReceipt.Meaning) -> DeviceTrace.Stage {
            .init(stage: "receipt", at: 2, vendor: .huawei, code: "x", meaning: meaning)
        }
        #expect(answer(outcome: "pushed").remedy == nil)
        #expect(answer(outcome: "pushed", stages: [receipt(.delivered)]).remedy == nil)
        #expect(answer(outcome: "pushed", stages: [receipt(.shown), receipt(.other)]).remedy == nil)
        #expect(
            answer(outcome: "pushed", stages: [receipt(.notificationsOff)]).remedy
                == Remedies.sentence(for: .notificationsOff))
        #expect(answer(outcome: "acknowledged", reason: "no_token").remedy == nil)
    }

    @Test(
        arguments: [
            (.refused, .stopped, "because it was refused"),
            (.tokensDying, .stopped, "too many of its tokens"),
            (.failing, .slowed, "does not answer"), (.pace, .slowed, "asked for a slower pace"),
        ] as [(CredentialStatus.Reason, CredentialStatus.State, String)])
    func `what holds a credential back is named as it is`(
        reason: CredentialStatus.Reason, state: CredentialStatus.State, words: String
    ) throws {
        let status = CredentialStatus(
            tenantKey: TenantKey(rawValue: 1), app: nil, vendor: .fcm, lane: 1, state: state,
            reason: reason)
        let waiting = DeviceTrace.Waiting(
            lane: 1, vendor: .fcm, attempts: 1, nextTryAt: 1_700_000_060_000, isUnderWay: false)
        let remedy = try #require(
            answer(outcome: "waiting", waiting: waiting, credential: status).remedy)
        #expect(remedy.contains(words), "\(remedy)")
    }
}
