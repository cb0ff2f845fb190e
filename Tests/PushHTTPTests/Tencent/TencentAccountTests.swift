import Hummingbird
import PushCore
import Testing

@Suite struct TencentAccountTests {
    private static let service = "im_open_login_svc"

    private func statuses(_ call: TencentCaller, _ users: String...) async throws -> [String?] {
        let items = users.map { #"{"UserID":"\#($0)"}"# }.joined(separator: ",")
        let reply = try await call("\(Self.service)/account_check", #"{"CheckItem":[\#(items)]}"#)
        return reply.json?["ResultItem"]?.array?.map { $0.object?["AccountStatus"]?.string } ?? []
    }

    @Test func `accounts are imported under both names of the field, and again`() async throws {
        let fixture = try await TencentFixture()
        try await fixture.withClient { call in
            let importing = "\(Self.service)/account_import"
            for body in [
                #"{"UserID":"ann","Nick":"Ann","FaceUrl":"https://example.com/a.png"}"#,
                #"{"Identifier":"bob","Nick":"","FaceUrl":""}"#, #"{"UserID":"ann","Nick":""}"#,
            ] {
                let reply = try await call(importing, body)
                #expect(reply.text == #"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#)
            }
            #expect(try await statuses(call, "ann", "bob", "cat") == ["Imported", "Imported", "NotImported"])
            let long = String(repeating: "x", count: 33)
            for body in ["{}", #"{"UserID":7}"#, #"{"UserID":""}"#, #"{"UserID":"a/b"}"#, #"{"UserID":"\#(long)"}"#] {
                #expect(try await call(importing, body).errorCode == 70402, "\(body)")
            }
            let nick = String(repeating: "x", count: 501)
            #expect(try await call(importing, #"{"UserID":"cat","Nick":"\#(nick)"}"#).errorCode == 40006)
            #expect(try await statuses(call, "cat") == ["NotImported"])
            // The same accounts as the native API's.
            let native = try await call.http(.get, "/v1/accounts/ann", bearer: fixture.appToken)
            #expect(native.status == 200)
        }
    }

    @Test func `many are imported, and who cannot be is named`() async throws {
        let fixture = try await TencentFixture()
        try await fixture.withClient { call in
            let command = "\(Self.service)/multiaccount_import"
            let long = String(repeating: "x", count: 33)
            let older = try await call(command, #"{"Accounts":["a1","\#(long)","a2"]}"#)
            #expect(older.isOK && older.json?["FailAccounts"]?.array?.map(\.string) == [long])
            let newer = try await call(
                command, #"{"AccountList":[{"UserID":"a3","Nick":"N"},{"UserID":"a1","Nick":"M"}]}"#)
            #expect(newer.isOK && newer.json?["FailAccounts"]?.array?.isEmpty == true)
            #expect(try await statuses(call, "a1", "a2", "a3") == ["Imported", "Imported", "Imported"])
            let many = (0..<101).map { "\"m\($0)\"" }.joined(separator: ",")
            for body in [
                "{}", #"{"Accounts":[]}"#, #"{"Accounts":[1]}"#, #"{"AccountList":[{}]}"#, #"{"Accounts":[\#(many)]}"#,
            ] {
                #expect(try await call(command, body).errorCode == 70402, "\(body.prefix(40))")
            }
            #expect(try await statuses(call, "m0") == ["NotImported"])
        }
    }

    @Test func `accounts are deleted, and who is not there is told`() async throws {
        let fixture = try await TencentFixture()
        try await fixture.withClient { call in
            _ = try await call("\(Self.service)/multiaccount_import", #"{"Accounts":["a","b"]}"#)
            let reply = try await call(
                "\(Self.service)/account_delete", #"{"DeleteItem":[{"UserID":"a"},{"UserID":"ghost"}]}"#)
            #expect(reply.isOK)
            let items = reply.json?["ResultItem"]?.array?.map(\.object) ?? []
            #expect(items.map { $0?["UserID"]?.string } == ["a", "ghost"])
            #expect(items.map { $0?["ResultCode"]?.integer } == [0, 70107])
            #expect(items[1]?["ResultInfo"]?.string == "Err_TLS_PT_Open_Login_Account_Not_Exist")
            #expect(try await statuses(call, "a", "b") == ["NotImported", "Imported"])
            let many = (0..<101).map { _ in #"{"UserID":"b"}"# }.joined(separator: ",")
            for command in ["account_delete", "account_check"] {
                let name = command == "account_delete" ? "DeleteItem" : "CheckItem"
                for list in ["[]", "{}", "[{}]", #"["b"]"#, "[\(many)]"] {
                    #expect(try await call("\(Self.service)/\(command)", #"{"\#(name)":\#(list)}"#).errorCode == 70402)
                }
            }
            #expect(try await statuses(call, "b") == ["Imported"])
        }
    }
}
