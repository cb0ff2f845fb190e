import Foundation
import PushCore
import Testing

@testable import PushVendors

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct WNSRequestTests {
    @Test func `a toast`() throws {
        let data = try json(#"{"k":"a\"b"}"#)
        let request = WNSRequest(
            push(.wns) {
                $0.subtitle = "Sub"
                $0.image = "https://example.com/i.png?a=1&b=2"
                $0.sound = "ms-winsoundevent:Notification.IM"
                $0.badge = 4
                $0.action = .init(kind: .page, value: "chat")
                $0.data = data
            })
        #expect(
            String(decoding: request.body, as: UTF8.self)
                == #"<?xml version="1.0" encoding="utf-8"?><toast launch="{&quot;messageId&quot;:&quot;m-1&quot;,"#
                + #"&quot;badge&quot;:4,&quot;action&quot;:{&quot;type&quot;:&quot;page&quot;,&quot;value&quot;:&quot;chat&quot;},"#
                + #"&quot;data&quot;:{&quot;k&quot;:&quot;a\&quot;b&quot;}}"><visual><binding template="ToastGeneric">"#
                + #"<text>Title</text><text>Sub</text><text>Body</text><image src="https://example.com/i.png?a=1&amp;b=2"/>"#
                + #"</binding></visual><audio src="ms-winsoundevent:Notification.IM"/></toast>"#)
        #expect(
            request.headers == [
                "x-wns-type": "wns/toast", "content-type": "text/xml", "x-wns-cache-policy": "cache",
                "x-wns-ttl": "3600", "x-wns-tag": WNSRequest.tag("m-1"),
            ])
    }

    @Test func `a silent push is raw and shows nothing`() throws {
        let data = try json(#"{"k":1}"#)
        let request = WNSRequest(
            push(.wns) {
                $0.isSilent = true
                $0.data = data
                $0.badge = 3
                $0.timeToLiveSeconds = 0
            })
        #expect(String(decoding: request.body, as: UTF8.self) == #"{"messageId":"m-1","data":{"k":1}}"#)
        #expect(
            request.headers == [
                "x-wns-type": "wns/raw", "content-type": "application/octet-stream", "x-wns-cache-policy": "no-cache",
            ])
    }

    @Test(arguments: [
        ("abcDEF123", "abcDEF123"), ("0123456789abcdef", "0123456789abcdef"),
        // SHA-256, the first eight bytes: hashlib.sha256(b"m-1").hexdigest()[:16] and the like
        ("m-1", "a461b472cb41a9ec"), ("0123456789abcdef0", "d4022b7a487c57c1"), ("", "e3b0c44298fc1c14"),
        ("é", "4a99557e4033c353"),
    ])
    func `a tag has at most sixteen letters and digits`(key: String, expected: String) {
        #expect(WNSRequest.tag(key) == expected)
    }

    @Test(arguments: [
        "a<b>&\"'c", "line\nbreak\ttab\r", "\u{0}\u{1}\u{8}\u{B}\u{1F}x\u{FFFE}\u{FFFF}", "👩‍👩‍👧‍👦]]>", "e\u{301}",
    ])
    func `any text makes a document that another reader understands`(text: String) throws {
        let patch: RawJSON = .object { $0.object("data") { $0.member("k", text) } }
        let request = WNSRequest(
            push(.wns) {
                $0.title = text
                $0.body = text
                $0.override = patch
            })
        let reader = ToastReader()
        let parser = XMLParser(data: Data(request.body))
        parser.delegate = reader
        #expect(parser.parse())
        let clean = String(
            String.UnicodeScalarView(
                text.unicodeScalars.filter {
                    ($0.value >= 0x20 || [9, 10, 13].contains($0.value)) && $0.value != 0xFFFE && $0.value != 0xFFFF
                }))
        #expect(reader.texts == [clean, clean])
        let launch = try json(try #require(reader.launch))
        #expect(launch.object?["messageId"]?.string == "m-1")
        // In JSON control characters are escapes, which XML has no trouble with; the two above it are not.
        let expected = text.replacing("\u{FFFE}", with: "").replacing("\u{FFFF}", with: "")
        #expect(launch.object?["data"]?.object?["k"]?.string == expected)
    }

    @Test func `an override cannot forge the id`() throws {
        let patch = try json(#"{"messageId":"forged","x":1}"#)
        let body = String(decoding: WNSRequest(push(.wns) { $0.override = patch }).body, as: UTF8.self)
        #expect(!body.contains("forged") && body.contains("&quot;x&quot;:1"))
    }

    @Test(arguments: ["x", "界", "&", "👩‍👩‍👧‍👦"])
    func `what is too long is cut to 5000 bytes`(character: String) {
        let request = WNSRequest(push(.wns) { $0.body = String(repeating: character, count: 6000) })
        #expect(request.body.count <= 5000 && request.body.count > 5000 - 60)
        #expect(String(decoding: request.body, as: UTF8.self).contains("…</text>"))
    }
}

private final class ToastReader: NSObject, XMLParserDelegate {
    private(set) var texts: [String] = []
    private(set) var launch: String?
    private var isInText = false

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        isInText = name == "text"
        if isInText { texts.append("") }
        if name == "toast" { launch = attributes["launch"] }
    }

    func parser(_ parser: XMLParser, foundCharacters text: String) {
        if isInText { texts[texts.count - 1] += text }
    }

    func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
        isInText = false
    }

    @Test func `the device's own sound is no file`() {
        func toast(_ sound: String?) -> String { WNSRequest(push(.wns) { $0.sound = sound }).body.utf8Text }
        #expect(!toast("default").contains("audio") && !toast(nil).contains("audio"))
        #expect(toast("").contains(#"<audio silent="true"/>"#))
    }
}
