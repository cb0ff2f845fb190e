import Hummingbird
import NIOCore
import PushCore

/// One request, as handlers see it: path and query are decoded, the body is read when it is asked for.
struct Call: Sendable {
    let request: Request
    let parameters: PathParameters
    let query: QueryParameters
    let remoteAddress: RemoteAddress
    private var bodyBytesMax: Int

    init(
        request: Request, parameters: PathParameters, query: QueryParameters, remoteAddress: RemoteAddress,
        bodyBytesMax: Int
    ) {
        self.request = request
        self.parameters = parameters
        self.query = query
        self.remoteAddress = remoteAddress
        self.bodyBytesMax = bodyBytesMax
    }

    /// The same with the smaller of two bounds for the body: the caller's tenant may have set one.
    func limited(toBodyBytes bytes: Int) -> Call {
        var call = self
        call.bodyBytesMax = min(bodyBytesMax, bytes)
        return call
    }

    /// The part of the path that stands for `{name}`.
    func parameter(_ name: String) throws(GatewayError) -> String {
        guard let value = parameters[name] else { throw GatewayError(.notFound, "There is nothing at this path.") }
        return value
    }

    /// The body, which must be JSON. Throws `too_large`, `unsupported_media_type`, and `invalid_request` for an empty
    /// body or one that is no JSON, with the place of the fault.
    func body() async throws -> RawJSON {
        guard let body = try await optionalBody() else {
            throw GatewayError.invalid("", "The body must be a JSON object.")
        }
        return body
    }

    /// The body, or nil when there is none.
    func optionalBody() async throws -> RawJSON? {
        let bytes = try await bodyBytes()
        if bytes.isEmpty { return nil }
        guard MediaTypes.isJSON(request.headers[.contentType]) else {
            throw GatewayError(.unsupportedMediaType, "Content-Type must be application/json, in UTF-8.")
        }
        do throws(JSONFault) {
            return try RawJSON(parsing: bytes)
        } catch {
            throw GatewayError.invalid("", "The body is no valid JSON, at byte \(error.offset): \(error.reason)")
        }
    }

    /// The body as it came.
    func bodyBytes() async throws -> [UInt8] {
        let announced = request.headers[.contentLength].flatMap { Int($0) } ?? 0
        guard announced <= bodyBytesMax else { throw tooLarge }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(announced)
        do {
            for try await part in request.body {
                guard bytes.count + part.readableBytes <= bodyBytesMax else { throw tooLarge }
                bytes.append(contentsOf: part.readableBytesView)
            }
        } catch let error as GatewayError {
            throw error
        } catch {
            // Framing that makes no sense, or a peer that went away in the middle.
            throw GatewayError(.invalidRequest, "The body broke off.")
        }
        return bytes
    }

    private var tooLarge: GatewayError {
        GatewayError(.tooLarge, "A request may have at most \(bodyBytesMax) bytes.")
    }

    /// The host of the `Host` field, without its port; nil when there is none that could be a host.
    var host: String? {
        guard let authority = request.head.authority, !authority.isEmpty, authority.utf8.count <= 255 else {
            return nil
        }
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            let address = authority[authority.index(after: authority.startIndex)..<end]
            guard address.utf8.allSatisfy({ Self.isHostByte($0) || $0 == UInt8(ascii: ":") }) else { return nil }
            return String(authority[...end])
        }
        let host = authority.prefix { $0 != ":" }
        return !host.isEmpty && host.utf8.allSatisfy(Self.isHostByte) ? String(host) : nil
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
