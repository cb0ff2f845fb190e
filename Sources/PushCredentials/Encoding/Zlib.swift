import CZlib

/// zlib streams (RFC 1950) of bounded size.
enum Zlib {
    /// The stream's content, or nil when it is damaged, cut, followed by other bytes or longer than `limit` bytes.
    static func inflate(_ stream: [UInt8], limit: Int) -> [UInt8]? {
        var content = [UInt8](repeating: 0, count: limit)
        var contentLength = uLongf(limit)
        var streamLength = uLong(stream.count)
        guard uncompress2(&content, &contentLength, stream, &streamLength) == Z_OK,
            streamLength == uLong(stream.count), contentLength <= uLong(limit)
        else { return nil }
        return Array(content.prefix(Int(contentLength)))
    }

    static func deflate(_ content: [UInt8]) -> [UInt8]? {
        var length = compressBound(uLong(content.count))
        var stream = [UInt8](repeating: 0, count: Int(length))
        guard compress2(&stream, &length, content, uLong(content.count), Z_DEFAULT_COMPRESSION) == Z_OK else {
            return nil
        }
        return Array(stream.prefix(Int(length)))
    }
}
