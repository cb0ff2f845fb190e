import NIOCore

/// What was wrong with a WNS request: the status, and the text of `X-WNS-Error-Description`.
struct WNSRefusal: Error {
    let status: Int
    let detail: String

    init(_ status: Int, _ detail: String) {
        self.status = status
        self.detail = detail
    }
}

/// A notification, its headers and its payload checked against each other.
struct WNSNotification {
    enum Kind: String {
        case toast = "wns/toast"
        case badge = "wns/badge"
        case tile = "wns/tile"
        case raw = "wns/raw"

        var root: String? {
            switch self {
            case .toast: "toast"
            case .badge: "badge"
            case .tile: "tile"
            case .raw: nil
            }
        }
    }

    private static let mostBytes = 5000
    let kind: Kind
    let title: String?
    let body: String?
    let messageId: String?
    let wantsStatus: Bool

    init(_ request: SimulatorRequest) throws(WNSRefusal) {
        guard let name = request.headers.first(name: "x-wns-type") else {
            throw WNSRefusal(400, "X-WNS-Type is missing")
        }
        guard let kind = Kind(rawValue: name) else { throw WNSRefusal(400, "X-WNS-Type is \(name)") }
        self.kind = kind
        let contentType = kind == .raw ? "application/octet-stream" : "text/xml"
        guard request.contentType == contentType else {
            throw WNSRefusal(400, "Content-Type is \(request.contentType ?? "absent"), not \(contentType)")
        }
        wantsStatus = try Self.checkHeaders(request)
        let size = request.body.readableBytes
        guard size > 0 else { throw WNSRefusal(400, "the payload is empty") }
        guard size <= Self.mostBytes else { throw WNSRefusal(413, "the payload has \(size) bytes") }
        guard let root = kind.root else {
            title = nil
            body = nil
            messageId = (try? JSONParser.parse(request.body))?["messageId"]?.string
            return
        }
        let tree = try Self.tree(request, root: root)
        let texts = tree.first("binding")?.all("text").map(\.text) ?? []
        if kind == .toast, texts.isEmpty { throw WNSRefusal(400, "the toast has no text in visual/binding") }
        if kind == .badge, tree.attributes["value"]?.isEmpty != false {
            throw WNSRefusal(400, "the badge has no value")
        }
        title = texts.first
        // A line between the two is the subtitle.
        body = texts.dropFirst().last
        messageId = tree.attributes["launch"].flatMap { try? JSONParser.parse($0) }?["messageId"]?.string
    }

    private static func tree(_ request: SimulatorRequest, root: String) throws(WNSRefusal) -> XMLTree {
        guard let text = String(validating: request.body.readableBytesView, as: UTF8.self) else {
            throw WNSRefusal(400, "the payload is not UTF-8")
        }
        do throws(XMLSyntaxError) {
            let tree = try XMLTree.parse(text)
            guard tree.name == root else { throw XMLSyntaxError(offset: 0, reason: "the root element is not \(root)") }
            return tree
        } catch {
            throw WNSRefusal(400, "the payload is no \(root): \(error.reason) at \(error.offset)")
        }
    }

    /// - Returns: whether the device's status is asked for.
    private static func checkHeaders(_ request: SimulatorRequest) throws(WNSRefusal) -> Bool {
        let headers = request.headers
        for name in [
            "x-wns-type", "x-wns-cache-policy", "x-wns-ttl", "x-wns-tag", "x-wns-group", "x-wns-requestforstatus",
        ] where headers[name].count > 1 {
            throw WNSRefusal(400, "\(name) is there more than once")
        }
        if let policy = headers.first(name: "x-wns-cache-policy"), policy != "cache", policy != "no-cache" {
            throw WNSRefusal(400, "X-WNS-Cache-Policy is \(policy)")
        }
        if let ttl = headers.first(name: "x-wns-ttl") {
            guard ttl.utf8.allSatisfy({ (48...57).contains($0) }), Int32(ttl) != nil else {
                throw WNSRefusal(400, "X-WNS-TTL is no number of seconds")
            }
        }
        for name in ["x-wns-tag", "x-wns-group"] {
            guard let tag = headers.first(name: name) else { continue }
            guard (1...16).contains(tag.utf8.count), tag.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
            else { throw WNSRefusal(400, "\(name) is not 1 to 16 letters and digits") }
        }
        guard let status = headers.first(name: "x-wns-requestforstatus") else { return false }
        guard status == "true" || status == "false" else {
            throw WNSRefusal(400, "X-WNS-RequestForStatus is \(status)")
        }
        return status == "true"
    }
}
