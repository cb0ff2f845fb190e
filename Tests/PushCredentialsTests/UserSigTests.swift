import Foundation
import Testing

@testable import PushCredentials

struct UserSigTests {
    struct Vector: Decodable, CustomTestStringConvertible, Sendable {
        struct Expectation: Decodable, Sendable {
            let valid: Bool?
            let errorCode: Int?
            let alsoAcceptable: [Int]?
            let acceptOr: Int?

            enum CodingKeys: String, CodingKey {
                case valid
                case errorCode = "ErrorCode"
                case alsoAcceptable = "also_acceptable"
                case acceptOr = "accept_or"
            }
        }

        let name: String
        let sdkappid: Int64
        let key: String
        let identifier: String
        let now: Int64
        let usersig: String
        let expect: Expectation

        var testDescription: String { name }

        /// 0 stands for accepted.
        var acceptedCodes: Set<Int> {
            if let code = expect.acceptOr { return [0, code] }
            return Set([expect.errorCode ?? 0] + (expect.alsoAcceptable ?? []))
        }
    }

    private struct VectorFile: Decodable {
        let valid: [Vector]
        let invalid: [Vector]
        let either: [Vector]
    }

    static func vectors() throws -> [Vector] {
        let file = try JSONDecoder().decode(VectorFile.self, from: Vectors.data("usersig-vectors"))
        return file.valid + file.invalid + file.either
    }

    private func code(_ vector: Vector) -> Int {
        do throws(UserSig.Fault) {
            try UserSig.verify(
                vector.usersig, sdkAppID: vector.sdkappid, identifier: vector.identifier, key: vector.key,
                now: vector.now)
            return 0
        } catch {
            return error.rawValue
        }
    }

    @Test(arguments: try vectors())
    func `every vector of the official libraries gives its code`(vector: Vector) {
        #expect(vector.acceptedCodes.contains(code(vector)), "got \(code(vector))")
    }

    @Test func `there are vectors`() throws {
        #expect(try Self.vectors().count == 37)
    }

    @Test func `what was made is accepted, for its app and user`() throws {
        let made = try UserSig.make(
            identifier: "张三", sdkAppID: 1_400_000_001, key: "key", issuedAt: 1_700_000_000, lifetime: 3600)
        let document = try UserSig.verify(
            made, sdkAppID: 1_400_000_001, identifier: "张三", key: "key", now: 1_700_003_600)
        #expect(document.identifier == "张三")
        #expect(document.issuedAt == 1_700_000_000)
        #expect(document.lastSecond == 1_700_003_600)
    }

    @Test func `equivalent spellings are different users`() throws {
        let made = try UserSig.make(identifier: "\u{212A}", sdkAppID: 1, key: "key", issuedAt: 0, lifetime: 10)
        #expect(throws: UserSig.Fault.wrongIdentifier) {
            try UserSig.verify(made, sdkAppID: 1, identifier: "K", key: "key", now: 1)
        }
    }

    @Test func `a line end in the identifier and a life beyond all numbers are refused`() throws {
        let forged = try UserSig.make(
            identifier: "a\nTLS.sdkappid:2", sdkAppID: 1, key: "key", issuedAt: 0, lifetime: 10)
        #expect(throws: UserSig.Fault.malformed) { try UserSig.decode(forged) }
        let endless = try UserSig.make(identifier: "a", sdkAppID: 1, key: "key", issuedAt: .max, lifetime: .max)
        #expect(throws: UserSig.Fault.malformed) { try UserSig.decode(endless) }
    }

    @Test func `bytes behind the stream are refused`() throws {
        let made = try UserSig.make(identifier: "a", sdkAppID: 1, key: "key", issuedAt: 0, lifetime: 10)
        let stream = try #require(Base64.userSig.decode(Array(made.utf8)))
        #expect(throws: UserSig.Fault.malformed) { try UserSig.decode(Base64.userSig.encode(stream + [0])) }
    }
}
