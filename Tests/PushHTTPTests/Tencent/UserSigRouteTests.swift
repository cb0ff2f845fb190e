import Foundation
import Hummingbird
import PushCore
import PushCredentials
import Testing

/// What the doors make of every UserSig that other libraries made, and of what is wrong with a call as a whole.
@Suite struct UserSigRouteTests {
    struct Vector: Decodable, Sendable {
        struct Expectation: Decodable, Sendable {
            let errorCode: Int64?
            let alsoAcceptable: [Int64]?
            let acceptOr: Int64?

            enum CodingKeys: String, CodingKey {
                case errorCode = "ErrorCode"
                case alsoAcceptable = "also_acceptable"
                case acceptOr = "accept_or"
            }

            /// 0 stands for accepted.
            var codes: Set<Int64> {
                acceptOr.map { [0, $0] } ?? Set([errorCode ?? 0] + (alsoAcceptable ?? []))
            }
        }

        let name: String
        let sdkappid: Int64
        let key: String
        let identifier: String
        let now: Int64
        let usersig: String
        let expect: Expectation
    }

    private struct VectorFile: Decodable {
        let valid: [Vector]
        let invalid: [Vector]
        let either: [Vector]
    }

    private static func vectors() throws -> [Vector] {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = tests.appending(path: "PushCredentialsTests/Vectors/usersig-vectors.json")
        let read = try JSONDecoder().decode(VectorFile.self, from: Data(contentsOf: file))
        return read.valid + read.invalid + read.either
    }

    @Test func `every vector gives its code at v4, raw and percent-encoded`() async throws {
        let vectors = try Self.vectors()
        #expect(vectors.count == 37)
        let fixture = try await TencentFixture()
        try await fixture.setAdministrators(Set(vectors.map(\.identifier)))
        try await fixture.withClient { call in
            for vector in vectors {
                #expect(vector.key == TencentFixture.key)
                fixture.setTime(vector.now)
                // One that is no part of an address cannot come raw.
                let isRaw = !vector.usersig.contains { $0 == "%" || $0 == " " }
                for userSig in (isRaw ? [vector.usersig] : []) + [TencentCaller.encoded(vector.usersig)] {
                    let query = TencentCaller.query(sdkAppID: vector.sdkappid, vector.identifier, userSig)
                    let reply = try await call.http(
                        .post, "/v4/im_open_login_svc/account_check?\(query)", #"{"CheckItem":[{"UserID":"x"}]}"#)
                    #expect(reply.status == 200)
                    #expect(vector.expect.codes.contains(reply.errorCode ?? -1), "\(vector.name): \(reply.text)")
                }
            }
        }
    }

    @Test func `every vector gives its result at registration`() async throws {
        let fixture = try await TencentFixture()
        try await fixture.withClient { call in
            for (index, vector) in try Self.vectors().enumerated() {
                fixture.setTime(vector.now)
                let body = JSONWriter.object { writer in
                    writer.member("uniqueCode", "code-\(index)")
                    writer.member("userId", vector.identifier)
                    writer.member("osType", 2)
                }
                let reply = try await call.http(
                    .post, "/v1/devices", String(decoding: body, as: UTF8.self), bearer: vector.usersig)
                let codes = vector.expect.codes
                // Which app it is for is read from it; whose it is must be whom the body names.
                let isGood = codes == [0] || codes == [70014]
                switch reply.status {
                case 201: #expect(isGood || codes.contains(0), "\(vector.name)")
                case 403: #expect(codes == [70013], "\(vector.name)")
                case 401:
                    #expect(!isGood && codes != [70013], "\(vector.name): \(reply.text)")
                    #expect((reply.code == "token_expired") == (codes == [70001]), "\(vector.name)")
                default: Issue.record("\(vector.name): \(reply.status) \(reply.text)")
                }
            }
        }
    }

    @Test func `a kick voids what was issued before it, at both doors`() async throws {
        let fixture = try await TencentFixture()
        try await fixture.setAdministrators(["boss"])
        try await fixture.withClient { call in
            func check(_ userSig: String) async throws -> Int64? {
                let query = TencentCaller.query(sdkAppID: TencentFixture.sdkAppID, "boss", userSig)
                return try await call.http(
                    .post, "/v4/im_open_login_svc/account_check?\(query)", #"{"CheckItem":[{"UserID":"x"}]}"#
                ).errorCode
            }
            func register(_ userSig: String) async throws -> Reply {
                try await call.http(.post, "/v1/devices", #"{"uniqueCode":"c","osType":2}"#, bearer: userSig)
            }
            #expect(try await call("im_open_login_svc/kick", #"{"UserID":"boss"}"#).errorCode == 70107)
            #expect(try await call("im_open_login_svc/account_import", #"{"UserID":"boss"}"#).isOK)
            let old = try fixture.userSig("boss")
            #expect(try await check(old) == 0)
            #expect(try await register(old).status == 201)
            #expect(try await call("im_open_login_svc/kick", #"{"Identifier":"boss"}"#).isOK)
            #expect(try await check(old) == 70001)
            let refused = try await register(old)
            #expect(refused.status == 401 && refused.code == "token_revoked")
            fixture.setTime(fixture.now + 1)
            let new = try fixture.userSig("boss", issuedAt: fixture.now)
            #expect(try await check(new) == 0)
            #expect(try await register(new).status == 201)
            #expect(try await check(old) == 70001)
        }
    }

    @Test func `what is wrong with a call as a whole has its code, in the order of the checks`() async throws {
        let fixture = try await TencentFixture()
        try await fixture.withClient { call in
            let userSig = try fixture.userSig()
            let good = TencentCaller.query(sdkAppID: TencentFixture.sdkAppID, "administrator", userSig)
            func code(_ path: String, _ query: String, _ body: String = "{}") async throws -> Int64? {
                let reply = try await call.http(.post, "/v4/\(path)?\(query)", body, type: nil)
                #expect(reply.status == 200 && reply.string("ActionStatus") == "FAIL", "\(reply.text)")
                return reply.errorCode
            }
            // The path comes first, then the body, then who is calling.
            #expect(try await code("openim/none", "sdkappid=x", "[") == 60009)
            #expect(try await code("none/im_push", good) == 60009)
            for (path, bad) in [
                ("all_member_push/im_push", 90001), ("openim/im_push", 90001), ("im_open_login_svc/kick", 70402),
            ] as [(String, Int64)] {
                for body in ["[", "[]", "1"] { #expect(try await code(path, "", body) == bad) }
            }
            let kick = "im_open_login_svc/kick"
            #expect(try await code(kick, "identifier=administrator&usersig=\(userSig)") == 60012)
            #expect(try await code(kick, "sdkappid=x&identifier=administrator&usersig=\(userSig)") == 60025)
            #expect(try await code(kick, "sdkappid=\(TencentFixture.sdkAppID)&usersig=\(userSig)") == 60025)
            #expect(try await code(kick, "sdkappid=\(TencentFixture.sdkAppID)&identifier=administrator") == 60025)
            #expect(
                try await code(kick, TencentCaller.query(sdkAppID: 1, "administrator", userSig)) == 70020)
            #expect(
                try await code(
                    kick, TencentCaller.query(sdkAppID: TencentFixture.otherSDKAppID, "administrator", userSig))
                    == 70014)
            for (path, refused) in [
                ("all_member_push/im_push", 90009), ("openim/im_push", 90009), (kick, 70403),
            ] as [(String, Int64)] {
                let user = TencentCaller.query(
                    sdkAppID: TencentFixture.sdkAppID, "ann", try fixture.userSig("ann"))
                #expect(try await code(path, user) == refused)
            }
            #expect(try await code(kick, good) == 70402)
            let get = try await call.http(.get, "/v4/\(kick)?\(good)")
            #expect(get.status == 200 && get.errorCode == 60002)
            #expect(try await code(kick, "sdkappid=1&sdkappid=2") == 60002)

            _ = try await fixture.administration.updateApp(
                id: fixture.appID, try TencentFixture.json(#"{"enabled":false}"#))
            #expect(try await code(kick, good) == 60016)
        }
    }

    @Test func `bad UserSigs use up the address's attempts`() async throws {
        let fixture = try await TencentFixture(failedPerSecond: 3, anonymousPerSecond: 3)
        try await fixture.withClient { call in
            func code(_ query: String) async throws -> Int64? {
                try await call.http(.post, "/v4/im_open_login_svc/kick?\(query)", "{}").errorCode
            }
            let bad = TencentCaller.query(sdkAppID: TencentFixture.sdkAppID, "administrator", "nonsense")
            var codes: [Int64?] = []
            for _ in 0..<6 { codes.append(try await code(bad)) }
            #expect(codes.prefix(3) == [70003, 70003, 70003] && codes.last == 60007)
            // A good one is heard all the same, and one that was good is told so, as often as it comes.
            let old = TencentCaller.query(
                sdkAppID: TencentFixture.sdkAppID, "administrator",
                try fixture.userSig(issuedAt: fixture.now - 90_000))
            for _ in 0..<3 { #expect(try await code(old) == 70001) }
            #expect(try await call("im_open_login_svc/kick").errorCode == 70402)
            codes = []
            for _ in 0..<6 { codes.append(try await code("sdkappid=1")) }
            #expect(codes.first == 60025 && codes.last == 60007)
        }
    }
}
