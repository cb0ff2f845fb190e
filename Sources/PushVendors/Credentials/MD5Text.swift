import Crypto
import Foundation

/// MD5 in lower-case hexadecimal: how some vendors sign requests. It keeps nothing secret by itself.
enum MD5Text {
    static func hex(_ text: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let bytes = Insecure.MD5.hash(data: Data(text.utf8)).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
