import Foundation
import NIOHTTP1
import PushCore

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or an HTTP date. Nil when there is none or it makes no sense.
/// A date that has passed is zero; more than a day is a day.
enum RetryAfter {
    static let longest = Duration.seconds(86_400)

    static func parse(_ headers: HTTPHeaders, now: Milliseconds) -> Duration? {
        guard let value = headers.first(name: "retry-after") else { return nil }
        return parse(value, now: now)
    }

    static func parse(_ value: String, now: Milliseconds) -> Duration? {
        let text = value.trimmingCharacters(in: .whitespaces)
        if !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            return min(.seconds(Int64(text) ?? .max), longest)
        }
        guard let date = httpDate(text) else { return nil }
        return min(max(.milliseconds(date - now), .zero), longest)
    }

    /// The preferred form, `Sun, 06 Nov 1994 08:49:37 GMT`, and the two obsolete ones a receiver must know.
    private static func httpDate(_ text: String) -> Milliseconds? {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(secondsFromGMT: 0)
        for format in ["EEE, dd MMM yyyy HH:mm:ss zzz", "EEEE, dd-MMM-yy HH:mm:ss zzz", "EEE MMM d HH:mm:ss yyyy"] {
            formatter.dateFormat = format
            if let date = formatter.date(from: text) { return Milliseconds(date.timeIntervalSince1970 * 1000) }
        }
        return nil
    }
}
