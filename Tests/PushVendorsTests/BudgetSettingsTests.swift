import Logging
import PushCore
import Testing

@testable import PushVendors

@Suite struct BudgetSettingsTests {
    private func vendors() throws -> LiveVendors {
        try LiveVendors(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, allowPrivateEndpoints: true)
    }

    private func webhook(_ quota: String) throws -> RawJSON {
        try RawJSON(parsing: Array(#"{"url":"http://127.0.0.1:9/in","quota":\#(quota)}"#.utf8))
    }

    @Test func `a quota is kept, shown and given to the sender`() async throws {
        let vendors = try vendors()
        let quota = #"{"perDay":10,"marketingPerDay":5,"perDevicePerDay":3,"marketingPerDevicePerDay":1,"perSecond":2}"#
        let stored = try vendors.validate(try webhook(quota), for: .webhook)
        let budget = PushBudget(
            perDay: 10, marketingPerDay: 5, perDevicePerDay: 3, marketingPerDevicePerDay: 1, perSecond: 2)
        #expect(vendors.budget(of: stored, for: .webhook) == budget)
        #expect(vendors.publicFields(of: stored, for: .webhook).object?["quota"]?.text == quota)
        let sender = try vendors.makeSender(for: .webhook, settings: stored, tenantNo: "acme")
        #expect(sender.budget == budget)
        await sender.shutdown()
    }

    @Test func `without a quota nothing is bounded, and none is shown`() throws {
        let vendors = try vendors()
        let stored = try vendors.validate(try webhook("null"), for: .webhook)
        #expect(vendors.budget(of: stored, for: .webhook) == .unlimited)
        #expect(vendors.publicFields(of: stored, for: .webhook).object?["quota"] == nil)
    }

    @Test(arguments: [
        ("[]", "/quota"), (#"{"perDay":0}"#, "/quota/perDay"), (#"{"perDay":1.5}"#, "/quota/perDay"),
        (#"{"perSecond":"9"}"#, "/quota/perSecond"), (#"{"perday":9}"#, "/quota/perday"),
        (#"{"marketingPerDay":-1}"#, "/quota/marketingPerDay"),
    ])
    func `a quota that is none is refused with its place`(quota: String, pointer: String) throws {
        let vendors = try vendors()
        let error = #expect(throws: GatewayError.self) { try vendors.validate(try webhook(quota), for: .webhook) }
        #expect(error?.errors.map(\.pointer) == [pointer])
    }
}
