import Foundation
import PushCore

@testable import PushVendors

/// A vendor's sender, made from settings as the API takes them, against a server on loopback.
func withVendor<Result>(
    _ vendor: Vendor, _ settings: String, clock: HandClock = HandClock(), publicURL: String? = nil,
    timeout: Int64 = 5, answering: @escaping @Sendable (StubServer.Request) async -> StubServer.Reply,
    _ body: (any VendorSender, StubServer) async throws -> Result
) async throws -> Result {
    let server = try await StubServer.start(answering: answering)
    let vendors = LiveVendors(
        clock: clock.wall, connections: try connections(timeout: .seconds(timeout)),
        receipts: publicURL.map { ReceiptAddress(key: [1, 2, 3], publicURL: $0) })
    let whole = try json(settings).merging(json(#"{"endpoint":"http://127.0.0.1:\#(server.port)"}"#))
    let sender = try vendors.makeSender(for: vendor, settings: whole, tenantNo: "acme")
    let result: Swift.Result<Result, any Error>
    do { result = .success(try await body(sender, server)) } catch { result = .failure(error) }
    await sender.shutdown()
    await server.stop()
    return try result.get()
}

extension StubServer.Request {
    /// The fields of a form. A field that comes twice has its last value.
    var form: [String: String] {
        var fields: [String: String] = [:]
        for pair in String(decoding: body, as: UTF8.self).split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = String(parts[0]).removingPercentEncoding else { continue }
            fields[name] = String(parts[1]).removingPercentEncoding
        }
        return fields
    }
}

extension [UInt8] {
    var utf8Text: String { String(decoding: self, as: UTF8.self) }
}

/// A login in the form of RFC 6749.
func oauthLogin(_ number: Int, expiresIn: Int = 3600) -> StubServer.Reply {
    .answer(200, body: #"{"access_token":"t\#(number)","expires_in":\#(expiresIn),"token_type":"Bearer"}"#)
}

/// What the settings' faults point at.
func settingsFaults(_ vendor: Vendor, _ settings: String) throws -> [String] {
    let vendors = LiveVendors(clock: .system, connections: try connections(allowsPrivate: false))
    let raw = try json(settings)
    do throws(GatewayError) {
        _ = try vendors.validate(raw, for: vendor)
        return []
    } catch {
        return error.errors.map(\.pointer)
    }
}

/// The settings as they are stored and as they are shown; the former must read back the same.
func settingsForms(_ vendor: Vendor, _ settings: String) throws -> (stored: String, shown: String, readsBack: Bool) {
    let vendors = LiveVendors(clock: .system, connections: try connections(allowsPrivate: false))
    let stored = try vendors.validate(json(settings), for: vendor)
    let again = try vendors.validate(stored, for: vendor)
    return (stored.text, vendors.publicFields(of: stored, for: vendor).text, again == stored)
}
