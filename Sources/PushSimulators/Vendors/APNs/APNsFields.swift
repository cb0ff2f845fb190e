import NIOHPACK

/// The request headers that APNs reads, gathered in one pass.
struct APNsFields {
    var authorization: String?
    var id: String?
    var topic: String?
    var collapseId: String?
    var priority: String?
    var pushType: String?
    var expiration: String?
    /// One of them was there twice.
    var hasDuplicates = false

    init(_ headers: HPACKHeaders) {
        for (name, value, _) in headers {
            switch name {
            case "authorization": set(\.authorization, value)
            case "apns-id": set(\.id, value)
            case "apns-topic": set(\.topic, value)
            case "apns-collapse-id": set(\.collapseId, value)
            case "apns-priority": set(\.priority, value)
            case "apns-push-type": set(\.pushType, value)
            case "apns-expiration": set(\.expiration, value)
            default: break
            }
        }
    }

    private mutating func set(_ field: WritableKeyPath<APNsFields, String?>, _ value: String) {
        if self[keyPath: field] != nil { hasDuplicates = true }
        self[keyPath: field] = value
    }

    /// A UUID in lower case, 8-4-4-4-12.
    static func isCanonicalId(_ id: String) -> Bool {
        let bytes = id.utf8
        guard bytes.count == 36 else { return false }
        for (offset, byte) in bytes.enumerated() {
            switch offset {
            case 8, 13, 18, 23: guard byte == UInt8(ascii: "-") else { return false }
            default:
                let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                guard isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte) else { return false }
            }
        }
        return true
    }

    /// An even number of hexadecimal digits, 64 (a device) to 200 (a simulator's are longer).
    static func isDeviceToken(_ token: some StringProtocol) -> Bool {
        let bytes = token.utf8
        guard (64...200).contains(bytes.count), bytes.count.isMultiple(of: 2) else { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
                UInt8(ascii: "A")...UInt8(ascii: "F"):
                true
            default: false
            }
        }
    }
}
