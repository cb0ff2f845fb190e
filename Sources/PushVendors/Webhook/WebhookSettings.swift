import PushCore
import PushCredentials

/// A tenant's own receiver of pushes.
struct WebhookSettings: VendorSettings {
    static let vendor = Vendor.webhook

    let url: EndpointURL
    let secret: WebhookSecret
    let common: CommonSettings

    init(reading settings: RawJSON, policy: EndpointPolicy) throws(GatewayError) {
        var reader = SettingsReader(settings)
        let url = reader.url("url", required: true, policy: policy)
        var secret: WebhookSecret? = WebhookSecret()
        if let text = reader.optionalString("secret") {
            secret = WebhookSecret(text)
            if secret == nil { reader.fault("secret", "must be whsec_ and 24 to 64 bytes in base64") }
        }
        common = CommonSettings(&reader, policy: policy)
        try reader.finish()
        guard let url, let secret else { throw .invalid("/url", "is required") }
        self.url = url
        self.secret = secret
    }

    /// The URL that is called: with an `endpoint`, that base with the path of `url`.
    var target: EndpointURL {
        guard let endpoint = common.endpoint else { return url }
        return endpoint.replacingPath(with: url)
    }

    var stored: RawJSON {
        .object { writer in
            writer.member("url", url.text)
            writer.member("secret", secret.text)
            common.write(into: &writer)
        }
    }

    var publicFields: RawJSON {
        .object { writer in
            writer.member("url", url.text)
            common.write(into: &writer)
        }
    }

    var tenantURLs: [(pointer: String, url: EndpointURL)] {
        [("/url", url)] + (common.endpoint.map { [("/endpoint", $0)] } ?? [])
    }

    func makeSender(in surroundings: SenderSurroundings) -> any VendorSender {
        WebhookSender(settings: self, surroundings: surroundings)
    }
}
