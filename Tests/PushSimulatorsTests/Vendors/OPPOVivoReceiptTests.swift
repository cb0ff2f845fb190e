import NIOCore
import NIOHPACK
import Testing

@testable import PushSimulators

/// The bodies of OPPO's and vivo's receipts.
@Suite struct OPPOVivoReceiptTests {
    private static func push(_ vendor: SimulatedVendor, token: String, id: String) -> RecordedPush {
        var push = RecordedPush(
            vendor: vendor, token: token, messageId: "m1", title: nil, body: nil, form: .visible, replaceKey: nil,
            vendorId: id, discarded: nil, receivedAt: 5, payloadBytes: ByteBuffer(), fields: HPACKHeaders())
        push.receiptTag = "p1"
        return push
    }

    @Test func `OPPO names each push`() throws {
        let service = OPPOService(
            credentials: OPPOCredentials(), rememberedMessages: 1, record: PushRecord(limit: 1), faults: FaultBoard(),
            clock: { 5 })
        let pushes = [Self.push(.oppo, token: "a", id: "1"), Self.push(.oppo, token: "b", id: "2")]
        let body = try JSONParser.parse(try service.receipt(.deadToken, for: pushes, key: nil, now: 9).body)
        #expect(body.array?.map { $0["registrationIds"]?.string } == ["a", "b"])
        #expect(body.array?.map { $0["messageId"]?.string } == ["1", "2"])
        #expect(body.array?.map { $0["eventType"]?.string } == ["regid_invalid", "regid_invalid"])
        #expect(body.array?.first?["param"]?.string == "p1")
        #expect(throws: VendorSimulatorError.self) { try service.receipt(.clicked, for: pushes, key: nil, now: 9) }
    }

    @Test func `vivo reports by task`() throws {
        let service = VivoService(
            credentials: VivoCredentials(), rememberedRequests: 1, record: PushRecord(limit: 1), faults: FaultBoard(),
            clock: { 5 })
        let pushes = [Self.push(.vivo, token: "a", id: "1"), Self.push(.vivo, token: "b", id: "1")]
        let delivered = try JSONParser.parse(try service.receipt(.delivered, for: pushes, key: nil, now: 9).body)
        #expect(delivered["1"]?["targets"]?.string == "a,b" && delivered["1"]?["param"]?.string == "p1")
        let night = try service.receipt(.vendorStatus("104.1017"), for: pushes, key: nil, now: 9)
        let status = try JSONParser.parse(night.body)["1"]
        #expect(status?["ackType"]?.string == "104" && status?["subAckType"]?.string == "1017")
        #expect(throws: VendorSimulatorError.self) { try service.receipt(.clicked, for: pushes, key: nil, now: 9) }
    }

    @Test func `what was seen lately is remembered within a bound`() {
        var keys = RecentKeys<Int>(most: 2)
        for number in 1...4 { keys.remember("\(number)", number) }
        #expect(keys["1"] != nil && keys["3"] != nil && keys["4"] == 4)
        keys.remember("5", 5)
        #expect(keys["1"] == nil && keys["2"] == nil && keys["4"] == 4 && keys["5"] == 5)
    }
}

@Suite struct XMLTreeTests {
    @Test func `a document becomes a tree`() throws {
        let tree = try XMLTree.parse(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><!-- c --><a x='1 &amp; 2'><b>&lt;&#x4E2D;</b><b/><c><![CDATA[<]]></c></a>"
        )
        #expect(tree.name == "a" && tree.attributes == ["x": "1 & 2"])
        #expect(tree.all("b").map(\.text) == ["<中", ""] && tree.first("c")?.text == "<")
    }

    @Test(
        arguments: [
            "", "text", "<a>", "<a></b>", "<a/><b/>", "<a x=1/>", "<a x='1' x='2'/>", "<a>&nbsp;</a>", "<a>a & b</a>",
            "<a x='<'/>", "<a>]]></a>", "<!DOCTYPE a><a/>", "<a>\u{1}</a>", "<a><!-- </a>", "<1/>", "<a x='1'y='2'/>",
            String(repeating: "<a>", count: 70) + String(repeating: "</a>", count: 70),
        ])
    func `what is not well-formed is refused`(_ text: String) {
        #expect(throws: XMLSyntaxError.self) { try XMLTree.parse(text) }
    }
}
