import PushCore

/// The `MsgBody` of a call: an array of elements, checked, and carried on as it is (document 1047-33527).
struct TencentMessageBody {
    let json: RawJSON
    let elements: [JSONObject]

    static let elementTypes: Set<String> = [
        "TIMTextElem", "TIMLocationElem", "TIMFaceElem", "TIMCustomElem", "TIMSoundElem", "TIMImageElem",
        "TIMFileElem", "TIMVideoFileElem", "TIMRelayElem",
    ]

    /// Throws 90002 where there are no elements, 90007 for what is no array, 90010 for what is no element.
    init(of call: TencentCall) throws(TencentError) {
        guard let value = call.value("MsgBody") else { throw TencentError(90002, "MsgBody is missing.") }
        guard let array = value.array else { throw TencentError(90007, "MsgBody is not an array.") }
        guard !array.isEmpty else { throw TencentError(90002, "MsgBody has no element.") }
        var elements: [JSONObject] = []
        for element in array {
            guard let object = element.object, let type = object["MsgType"]?.string,
                Self.elementTypes.contains(type), let content = object["MsgContent"]?.object
            else { throw TencentError(90010, "MsgBody: an element needs a known MsgType and an object as MsgContent.") }
            if type == "TIMTextElem", content["Text"]?.string == nil {
                throw TencentError(90010, "MsgBody: a TIMTextElem needs a Text.")
            }
            elements.append(object)
        }
        guard elements.count(where: { $0["MsgType"]?.string == "TIMCustomElem" }) <= 1 else {
            throw TencentError(90010, "MsgBody: at most one TIMCustomElem.")
        }
        json = value
        self.elements = elements
    }

    /// What the one custom element says.
    var custom: JSONObject? {
        elements.first { $0["MsgType"]?.string == "TIMCustomElem" }?["MsgContent"]?.object
    }

    /// A single custom element without a text of its own: nothing is shown of it.
    var isSilent: Bool { elements.count == 1 && custom.map { $0["Desc"]?.string?.isEmpty ?? true } ?? false }
}
