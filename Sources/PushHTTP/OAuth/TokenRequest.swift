import PushCore

/// The parameters of a token request, from a form (RFC 6749, appendix B) or a JSON object.
struct TokenRequest {
    let grantType: String?
    let scope: String?
    let clientID: String?
    let clientSecret: String?

    init(contentType: String?, _ body: [UInt8]) throws(GatewayError) {
        let isJSON = contentType == nil ? body.first == UInt8(ascii: "{") : MediaTypes.isJSON(contentType)
        if isJSON, !body.isEmpty {
            try self.init(json: body)
        } else if contentType == nil || body.isEmpty || MediaTypes.isForm(contentType) {
            guard let text = String(validating: body, as: UTF8.self) else {
                throw GatewayError(.invalidRequest, "The form is not UTF-8.")
            }
            let form = try QueryParameters(parsing: text[...], what: "The form")
            self.init { form[$0] }
        } else {
            throw GatewayError(.invalidRequest, "The body must be a form or application/json, in UTF-8.")
        }
    }

    private init(json: [UInt8]) throws(GatewayError) {
        let document: RawJSON
        do throws(JSONFault) {
            document = try RawJSON(parsing: json)
        } catch {
            throw GatewayError(.invalidRequest, "The body is no valid JSON, at byte \(error.offset): \(error.reason)")
        }
        var reader = try BodyReader(parsing: document)
        var texts: [String: String] = [:]
        for name in ["grant_type", "scope", "client_id", "client_secret"] { texts[name] = reader.string(name) }
        try reader.finish()
        self.init { texts[$0] }
    }

    /// A parameter without a value counts as absent (RFC 6749, 3.2).
    private init(_ value: (String) -> String?) {
        func present(_ name: String) -> String? { value(name).flatMap { $0.isEmpty ? nil : $0 } }
        grantType = present("grant_type")
        scope = present("scope")
        clientID = present("client_id")
        clientSecret = present("client_secret")
    }
}
