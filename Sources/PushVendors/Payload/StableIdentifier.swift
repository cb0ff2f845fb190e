import Crypto
import Foundation
import PushCore

/// Identifiers that are the same on every try of one push and different for every other.
enum StableIdentifier {
    /// SHA-256 over the parts, each with its length before it, so that no two lists of parts look alike.
    private static func digest(_ parts: [String]) -> [UInt8] {
        var hash = SHA256()
        for part in parts {
            hash.update(data: Data("\(part.utf8.count):".utf8))
            hash.update(data: Data(part.utf8))
        }
        return Array(hash.finalize())
    }

    private static func parts(of push: VendorPush) -> [String] {
        [push.tenantNo, push.messageID, "\(push.revision)", push.deviceID]
    }

    /// A UUID of version 8 (RFC 9562, section 5.8), lower case.
    static func uuid(of push: VendorPush) -> String {
        var bytes = Array(digest(["uuid"] + parts(of: push)).prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x80
        bytes[8] = bytes[8] & 0x3F | 0x80
        let digits = hex(bytes)
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { range in
            String(digits.dropFirst(range.lowerBound).prefix(range.count))
        }.joined(separator: "-")
    }

    /// 32 hexadecimal digits.
    static func hexText(of push: VendorPush) -> String { hex(digest(["hex"] + parts(of: push)).prefix(16)) }

    /// 32 hexadecimal digits that do not change when the message is edited between two tries.
    static func messageText(of push: VendorPush) -> String {
        hex(digest(["message", push.tenantNo, push.messageID, push.deviceID]).prefix(16))
    }

    /// Hexadecimal digits, at most 64, that stand for this revision of the message, whatever device it goes to.
    static func revisionText(of push: VendorPush, digits: Int) -> String {
        String(hex(digest(["revision", push.tenantNo, push.messageID, "\(push.revision)"])).prefix(digits))
    }

    /// A number from 1 to 2 147 483 647 that stands for the push's replace key where a vendor wants one. The chance that
    /// two of a device's shown notifications get the same is one in two thousand millions.
    static func notifyID(of push: VendorPush) -> Int32 {
        let bytes = digest(["notify", push.tenantNo, push.replaceKey])
        let number = bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
        return max(1, Int32(number))
    }

    /// The text itself when it is printable ASCII within `bytesMax`, else its SHA-256 in hexadecimal.
    static func headerValue(_ text: String, bytesMax: Int) -> String {
        let isPlain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
        if isPlain, text.utf8.count <= bytesMax { return text }
        return hex(SHA256.hash(data: Data(text.utf8)))
    }

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
