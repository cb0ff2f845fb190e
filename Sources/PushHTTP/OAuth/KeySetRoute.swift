import NIOCore

/// `GET /.well-known/jwks.json`: the public keys of device credentials (RFC 7517).
struct KeySetRoute: Sendable {
    let jwks: [UInt8]
    let callers: Callers

    func get(_ call: Call) async throws -> Answer {
        try callers.admitAnonymous(call)
        return Answer(status: .ok, fields: FieldSets.keySet, body: ByteBuffer(bytes: jwks))
    }
}
