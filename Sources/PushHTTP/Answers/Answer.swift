import HTTPTypes
import Hummingbird
import NIOCore
import PushCore

/// What a handler answers.
struct Answer: Sendable {
    var status: HTTPResponse.Status
    var fields: HTTPFields
    var body: ByteBuffer?

    static func json(_ value: RawJSON, status: HTTPResponse.Status = .ok) -> Answer {
        Answer(status: status, fields: FieldSets.json, body: ByteBuffer(bytes: value.bytes))
    }

    static let noContent = Answer(status: .noContent, fields: FieldSets.empty, body: nil)

    /// Says what is left of the caller's limit, in the fields of draft-ietf-httpapi-ratelimit-headers-06.
    mutating func tell(_ balance: TokenBalance) {
        let rate = balance.rate
        for (name, value) in [
            (FieldNames.rateLimit, "\(rate.burst)"),
            (FieldNames.rateRemaining, "\(balance.remaining)"),
            (FieldNames.rateReset, "\(balance.secondsToFull)"),
            (FieldNames.ratePolicy, "\(rate.perSecond);w=1;burst=\(rate.burst)"),
        ] {
            if let name { fields[name] = value }
        }
    }

    /// - Parameter isHead: the same without its body, as HEAD asks for.
    func response(requestID: String, isHead: Bool) -> Response {
        var fields = fields
        if let name = FieldNames.requestID { fields.append(HTTPField(name: name, value: requestID)) }
        guard let body else { return Response(status: status, headers: fields) }
        if isHead {
            fields[.contentLength] = String(body.readableBytes)
            return Response(status: status, headers: fields)
        }
        return Response(status: status, headers: fields, body: ResponseBody(byteBuffer: body))
    }
}

/// Names that are in no registry of the HTTP library. They are valid, so none is nil.
enum FieldNames {
    static let requestID = HTTPField.Name("X-Request-Id")
    static let tenant = HTTPField.Name("X-Tenant")
    static let pragma = HTTPField.Name("Pragma")
    static let app = HTTPField.Name("X-App")
    static let rateLimit = HTTPField.Name("RateLimit-Limit")
    static let rateRemaining = HTTPField.Name("RateLimit-Remaining")
    static let rateReset = HTTPField.Name("RateLimit-Reset")
    static let ratePolicy = HTTPField.Name("RateLimit-Policy")
}

/// The header fields of answers, made once. Answers are private to their caller and change with every write, so none
/// may be stored (contract details, *Callbacks*).
enum FieldSets {
    static let json: HTTPFields = [.contentType: "application/json", .cacheControl: "no-store"]
    static let problem: HTTPFields = [.contentType: "application/problem+json", .cacheControl: "no-store"]
    static let empty: HTTPFields = [.cacheControl: "no-store"]
    /// The key set is public and changes seldom.
    static let keySet: HTTPFields = [.contentType: "application/jwk-set+json", .cacheControl: "public, max-age=300"]
    /// The document of the API (RFC 9512). It changes only with the gateway.
    static let yaml: HTTPFields = [
        .contentType: "application/yaml", .cacheControl: "public, max-age=300", .xContentTypeOptions: "nosniff",
    ]
    static let page: HTTPFields = [
        .contentType: "text/html; charset=utf-8", .cacheControl: "public, max-age=300",
        .xContentTypeOptions: "nosniff",
    ]
}
