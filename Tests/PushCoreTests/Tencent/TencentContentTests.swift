import PushTestSupport
import Testing

@testable import PushCore

@Suite struct TencentContentTests {
    private let text = #"{"MsgType":"TIMTextElem","MsgContent":{"Text":"h\u0069","New":1.50}}"#

    @Test func `one text element is a text, and stays as it was written`() throws {
        let native = TencentContent.native(msgBody: try .json("[\(text)]"), cloudCustomData: try .json(#""data""#))
        #expect(native.type == .text)
        #expect(native.content.object?["text"]?.string == "hi")
        #expect(TencentContent.msgBody(type: native.type, content: native.content).text == "[\(text)]")
        #expect(TencentContent.cloudCustomData(content: native.content)?.string == "data")
    }

    @Test(arguments: [
        #"[{"MsgType":"TIMFaceElem","MsgContent":{"Index":6,"Data":"abc\u0000\u0001"}}]"#,
        #"[{"MsgType":"TIMTextElem","MsgContent":{"Text":"a"}},{"MsgType":"TIMTextElem","MsgContent":{"Text":"b"}}]"#,
        #"[ {"MsgContent":{"Longitude":-1e2,"Desc":"x","Latitude":29.340656774469956},"MsgType":"TIMLocationElem"} ]"#,
        #"[{"MsgType":"TIMTextElem","MsgContent":{"Text":5}}]"#, #"[{"MsgType":"TIMNewElem","MsgContent":{}}]"#,
    ])
    func `everything else is custom, byte for byte`(_ elements: String) throws {
        let native = TencentContent.native(msgBody: try .json(elements), cloudCustomData: nil)
        #expect(native.type == .custom)
        #expect(TencentContent.msgBody(type: native.type, content: native.content).text == elements)
        #expect(TencentContent.cloudCustomData(content: native.content) == nil)
    }

    @Test func `native content has elements, too`() throws {
        let words = TencentContent.msgBody(type: .text, content: try .json(#"{"text":"h\u0069"}"#))
        #expect(words.text == #"[{"MsgType":"TIMTextElem","MsgContent":{"Text":"h\u0069"}}]"#)
        let image = TencentContent.msgBody(type: .image, content: try .json(#"{"storageId":"s\"1"}"#))
        let content = image.array?.first?.object?["MsgContent"]?.object
        #expect(content?["Data"]?.string == #"{"storageId":"s\"1"}"# && content?["Desc"]?.string == "IMAGE")
        #expect(TencentContent.msgBody(type: .text, content: nil).text == "[]")
    }
}
