import PushCore

/// The settings every vendor may have (contract, section 11 and to 4): where to call instead of the vendor's own
/// hosts, and what a push has when its sender does not say.
struct CommonSettings: Sendable {
    let endpoint: EndpointURL?
    let channel: String?
    let category: String?
    let badgeClass: String?
    /// `quota`: what the tenant allows itself with this credential.
    let budget: PushBudget

    init(_ reader: inout SettingsReader, policy: EndpointPolicy, secureOnly: Bool = false) {
        endpoint = reader.url("endpoint", required: false, policy: policy, secureOnly: secureOnly)
        channel = reader.optionalString("channel")
        category = reader.optionalString("category")
        badgeClass = reader.optionalString("badgeClass")
        budget = reader.budget("quota")
    }

    func write(into writer: inout JSONWriter) {
        writer.member("endpoint", ifPresent: endpoint?.text)
        writer.member("channel", ifPresent: channel)
        writer.member("category", ifPresent: category)
        writer.member("badgeClass", ifPresent: badgeClass)
        if budget != .unlimited { writer.member("quota", budget.json) }
    }

    /// The push with the tenant's defaults for what is absent.
    func completing(_ push: VendorPush) -> VendorPush {
        var push = push
        push.channel = push.channel ?? channel
        push.category = push.category ?? category
        return push
    }
}
