import Foundation
import NIOCore

/// APNs: `POST /3/device/<token>`. Strict, and in a fixed order: duplicates, apns-id, method, topic, collapse id,
/// priority, expiration, push type, path and device token, authorization, payload. The first thing that is wrong is
/// the answer. A body that is not a JSON object is `PayloadEmpty`: Apple documents no reason of its own for it.
final class APNsService: VendorService {
    let vendor = SimulatedVendor.apns
    private let verifier: ProviderTokenVerifier
    private let expiredTokenEndsConnection: Bool
    private let record: PushRecord
    private let faults: FaultBoard
    private let clock: @Sendable () -> Int64

    init(
        verifier: ProviderTokenVerifier, expiredTokenEndsConnection: Bool, record: PushRecord, faults: FaultBoard,
        clock: @escaping @Sendable () -> Int64
    ) {
        self.verifier = verifier
        self.expiredTokenEndsConnection = expiredTokenEndsConnection
        self.record = record
        self.faults = faults
        self.clock = clock
    }

    /// The listener serves nothing but APNs: every path is its own, the wrong ones included.
    func purpose(of request: SimulatorRequest) -> RequestPurpose? { .send }

    private struct Refused: Error {
        let reason: APNsReason
        let detail: String

        init(_ reason: APNsReason, _ detail: String) {
            self.reason = reason
            self.detail = detail
        }
    }

    func answer(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        let fields = APNsFields(request.headers)
        let isIdValid = fields.id.map(APNsFields.isCanonicalId) ?? false
        let id = isIdValid ? fields.id ?? "" : UUID().uuidString.lowercased()
        do {
            let push = try check(request, fields, id: id, isIdValid: isIdValid, connection)
            if let dead = faults.deadToken(.apns, token: push.token) {
                let reason = dead.code.flatMap(APNsReason.init(rawValue:)) ?? .unregistered
                return refusal(reason, id: id, timestamp: dead.timestamp)
            }
            record.accept(push)
            return SimulatorResponse(status: 200, headers: [("apns-id", id)])
        } catch let refused as Refused {
            var response = refusal(refused.reason, id: id, timestamp: nil)
            response.refusal = "\(refused.reason.rawValue): \(refused.detail)"
            return response
        } catch {
            return refusal(.internalServerError, id: id, timestamp: nil)
        }
    }

    // MARK: Rules, in their order

    private func check(
        _ request: SimulatorRequest, _ fields: APNsFields, id: String, isIdValid: Bool,
        _ connection: SimulatorConnection
    ) throws -> RecordedPush {
        if fields.hasDuplicates { throw Refused(.duplicateHeaders, "a header field is there twice") }
        if fields.id != nil, !isIdValid { throw Refused(.badMessageId, "apns-id is not a UUID in lower case") }
        guard request.method == "POST" else { throw Refused(.methodNotAllowed, request.method) }
        let topic = try topic(fields)
        if let collapseId = fields.collapseId, collapseId.isEmpty || collapseId.utf8.count > 64 {
            throw Refused(.badCollapseId, "apns-collapse-id has \(collapseId.utf8.count) bytes")
        }
        if let priority = fields.priority, !["10", "5", "1"].contains(priority) {
            throw Refused(.badPriority, "apns-priority is \(priority)")
        }
        let expiration = try expiration(fields)
        let payload = try? JSONParser.parse(request.body)
        let pushType = try pushType(fields, topic: topic, aps: payload?["aps"])
        let token = try deviceToken(request.path)
        let providerToken = try authorize(fields, connection)
        let baseTopic = topic.dropLast(pushType.topicSuffix.count)
        guard pushType == .mdm || providerToken.topics.contains(String(baseTopic)) else {
            throw Refused(.topicDisallowed, "\(topic) is none of the team's topics")
        }
        if request.body.readableBytes == 0 { throw Refused(.payloadEmpty, "no body") }
        if request.body.readableBytes > pushType.mostPayloadBytes {
            throw Refused(.payloadTooLarge, "\(request.body.readableBytes) bytes")
        }
        guard let payload, payload.object != nil else { throw Refused(.payloadEmpty, "the body is no JSON object") }
        let now = clock()
        return push(
            request, fields, pushType, token: token, id: id, payload: payload,
            isExpired: expiration.map { $0 > 0 && $0 <= now / 1000 } ?? false, now: now)
    }

    private func topic(_ fields: APNsFields) throws -> String {
        guard let topic = fields.topic else { throw Refused(.missingTopic, "no apns-topic") }
        let isPlain = topic.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        guard !topic.isEmpty, isPlain else { throw Refused(.badTopic, "apns-topic is no bundle id") }
        return topic
    }

    /// Epoch seconds; 0 is one try, now.
    private func expiration(_ fields: APNsFields) throws -> Int64? {
        guard let text = fields.expiration else { return nil }
        guard let seconds = Int64(text), seconds >= 0, text.utf8.first != UInt8(ascii: "+") else {
            throw Refused(.badExpirationDate, "apns-expiration is no number of seconds")
        }
        // Milliseconds by mistake would be a date some ten thousand years ahead.
        guard seconds < 100_000_000_000 else { throw Refused(.badExpirationDate, "apns-expiration is not in seconds") }
        return seconds
    }

    private func pushType(_ fields: APNsFields, topic: String, aps: JSONValue?) throws -> APNsPushType {
        guard let pushType = fields.pushType.flatMap(APNsPushType.init(rawValue:)) else {
            throw Refused(.invalidPushType, "apns-push-type is \(fields.pushType ?? "absent")")
        }
        guard topic.hasSuffix(pushType.topicSuffix) else {
            throw Refused(.badTopic, "\(pushType.rawValue) needs a topic that ends in \(pushType.topicSuffix)")
        }
        let isNoticed = aps?["alert"] != nil || aps?["sound"] != nil || aps?["badge"] != nil
        switch pushType {
        case .background:
            guard fields.priority == "5" else { throw Refused(.badPriority, "background needs priority 5") }
            guard aps?["content-available"]?.integer == 1, !isNoticed else {
                throw Refused(.invalidPushType, "background is content-available 1 without alert, sound and badge")
            }
        case .alert:
            // Without a readable payload the size or the syntax is what is wrong, further down.
            guard aps == nil || isNoticed else {
                throw Refused(.invalidPushType, "alert without alert, sound and badge")
            }
        default: break
        }
        return pushType
    }

    private func deviceToken(_ path: String) throws -> String {
        let prefix = "/3/device"
        guard path == prefix || path.hasPrefix(prefix + "/") else { throw Refused(.badPath, path) }
        let token = path.dropFirst(prefix.count + 1)
        guard !token.isEmpty else { throw Refused(.missingDeviceToken, "no token in the path") }
        guard !token.contains("/") else { throw Refused(.badPath, path) }
        guard APNsFields.isDeviceToken(token) else {
            throw Refused(.badDeviceToken, "a token is 64 to 200 hexadecimal digits")
        }
        return String(token)
    }

    private func authorize(_ fields: APNsFields, _ connection: SimulatorConnection) throws -> ProviderToken {
        guard let authorization = fields.authorization else {
            throw Refused(.missingProviderToken, "no authorization")
        }
        if connection.isRefused { throw Refused(.expiredProviderToken, "the connection has to be opened anew") }
        let now = clock() / 1000
        do throws(APNsReason) {
            if let token = connection.providerToken, connection.providerTokenText == authorization {
                try verifier.checkAge(token, now: now)
                return token
            }
            guard authorization.prefix(7).lowercased() == "bearer " else { throw .invalidProviderToken }
            let token = try verifier.verify(String(authorization.dropFirst(7)), now: now)
            if let bound = connection.providerToken {
                if bound.teamId != token.teamId { throw .invalidProviderToken }
                if bound.keyId != token.keyId { throw .unrelatedKeyIdInToken }
            }
            connection.providerToken = token
            connection.providerTokenText = authorization
            connection.onFirstValidToken?()
            connection.onFirstValidToken = nil
            return token
        } catch {
            if error == .expiredProviderToken { connection.isRefused = expiredTokenEndsConnection }
            throw Refused(error, "the provider token")
        }
    }

    private func push(
        _ request: SimulatorRequest, _ fields: APNsFields, _ pushType: APNsPushType, token: String, id: String,
        payload: JSONValue, isExpired: Bool, now: Int64
    ) -> RecordedPush {
        let aps = payload["aps"]
        let alert = aps?["alert"]
        let isVisible = pushType == .voip || alert != nil || aps?["sound"] != nil
        return RecordedPush(
            vendor: .apns, token: token, messageId: payload["messageId"]?.string, title: alert?["title"]?.string,
            body: alert?["body"]?.string ?? alert?.string, form: isVisible ? .visible : .silent,
            replaceKey: fields.collapseId, vendorId: id, discarded: isExpired ? .expired : nil, receivedAt: now,
            payloadBytes: request.body, fields: request.headers)
    }

    // MARK: Faults

    private func refusal(_ reason: APNsReason, id: String, timestamp: Int64?) -> SimulatorResponse {
        var body = #"{"reason":"\#(reason.rawValue)""#
        if reason.status == 410 { body += #","timestamp":\#(timestamp ?? clock())"# }
        return SimulatorResponse(
            status: reason.status, headers: [("apns-id", id), ("content-type", "application/json")], body: body + "}")
    }

    private func refusal(_ reason: APNsReason) -> SimulatorResponse {
        refusal(reason, id: UUID().uuidString.lowercased(), timestamp: nil)
    }

    func tooManyRequests(retryAfter: String?) -> SimulatorResponse {
        refusal(.tooManyRequests).adding("retry-after", retryAfter)
    }

    func serverError(status: Int, retryAfter: String?) -> SimulatorResponse {
        var response = refusal(status == 503 ? .serviceUnavailable : .internalServerError)
        response.status = status
        return response.adding("retry-after", retryAfter)
    }

    func expiredAuthorization(_ request: SimulatorRequest, on connection: SimulatorConnection) -> SimulatorResponse {
        verifier.allowUpdate()
        connection.isRefused = expiredTokenEndsConnection
        return refusal(.expiredProviderToken)
    }

    func refusal(code: String) -> SimulatorResponse? { APNsReason(rawValue: code).map { refusal($0) } }
}
