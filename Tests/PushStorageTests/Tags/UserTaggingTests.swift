import GRDB
import PushCore
import Testing

@testable import PushStorage

@Suite struct UserTaggingTests {
    private func tags(_ store: TestStore, _ users: String...) async throws -> [[String]] {
        try await store.storage.tags(of: users, tenant: store.tenant.key).map(\.tags)
    }

    private func values(_ store: TestStore, _ user: String) async throws -> [String: String] {
        try await store.storage.attributes(of: [user], tenant: store.tenant.key)[0].values
    }

    private func store(users: String...) async throws -> TestStore {
        let store = try await TestStore()
        for user in users { try await store.account(user) }
        return store
    }

    @Test func `tags are given and taken by user, several at once`() async throws {
        let store = try await store(users: "a", "b")
        let tenant = store.tenant.key
        let changes = [UserTags(userID: "a", tags: ["x", "y"]), UserTags(userID: "b", tags: ["y"])]
        for _ in 0..<2 { try await store.storage.add(changes, tagsMax: 100, tenant: tenant, at: 1) }
        #expect(try await tags(store, "b", "a") == [["y"], ["x", "y"]])
        // The same tags as the native API's.
        #expect(try await store.storage.tag(name: "y", tenant: tenant) == Tag(name: "y", memberCount: 2))
        try await store.storage.remove(
            [UserTags(userID: "a", tags: ["y", "never"])], tenant: tenant, at: 2)
        #expect(try await tags(store, "a", "b") == [["x"], ["y"]])
        #expect(try await store.storage.tag(name: "never", tenant: tenant) == nil)
    }

    @Test func `an unknown user or a tag too many changes nothing`() async throws {
        let store = try await store(users: "a")
        let tenant = store.tenant.key
        let both = [UserTags(userID: "a", tags: ["x"]), UserTags(userID: "ghost", tags: ["x"])]
        let unknown = await store.refusal { try await store.storage.add(both, tagsMax: 9, tenant: tenant, at: 1) }
        #expect(unknown?.code == .recipientNotFound)
        let many = [UserTags(userID: "a", tags: ["1", "2", "3"])]
        let tooMany = await store.refusal { try await store.storage.add(many, tagsMax: 2, tenant: tenant, at: 1) }
        #expect(tooMany?.code == .tooLarge)
        #expect(try await tags(store, "a") == [[]])
        #expect(try await store.storage.account(tenant: tenant, userID: "ghost") == nil)
        let read = await store.refusal { try await store.storage.tags(of: ["ghost"], tenant: tenant) }
        #expect(read?.code == .recipientNotFound)
    }

    @Test func `an attribute has one value, which no tag shows`() async throws {
        let store = try await store(users: "a", "b")
        let tenant = store.tenant.key
        try await store.storage.setAttributeNames([0: "sex", 3: "city"], tenant: tenant)
        try await store.storage.add([UserTags(userID: "a", tags: ["vip"])], tagsMax: 1, tenant: tenant, at: 1)
        try await store.storage.setAttributes(
            [UserAttributes(userID: "a", values: ["sex": "f", "city": "上海"])], tenant: tenant, at: 1)
        try await store.storage.setAttributes(
            [UserAttributes(userID: "a", values: ["city": "北京"])], tenant: tenant, at: 2)
        #expect(try await values(store, "a") == ["sex": "f", "city": "北京"])
        #expect(try await values(store, "b") == [:])
        // Attributes are no tags: not listed, not counted, not taken with all tags.
        #expect(try await tags(store, "a") == [["vip"]])
        #expect(try await store.storage.tags(of: tenant, after: nil, limit: 10).map(\.name) == ["vip"])
        try await store.storage.add([UserTags(userID: "a", tags: ["vip"])], tagsMax: 1, tenant: tenant, at: 1)
        try await store.storage.removeAllTags(of: ["a"], tenant: tenant, at: 3)
        #expect(try await tags(store, "a") == [[]])
        #expect(try await values(store, "a") == ["sex": "f", "city": "北京"])
        try await store.storage.removeAttributes([UserTags(userID: "a", tags: ["sex", "none"])], tenant: tenant, at: 4)
        #expect(try await values(store, "a") == ["city": "北京"])
        let unnamed = await store.refusal {
            try await store.storage.setAttributes(
                [UserAttributes(userID: "a", values: ["age": "9"])], tenant: tenant, at: 5)
        }
        #expect(unnamed?.code == .invalidRequest)
    }

    @Test func `the old value is left and the new one had in one version each`() async throws {
        let store = try await store(users: "a", "b")
        let tenant = store.tenant.key
        try await store.storage.setAttributeNames([0: "sex"], tenant: tenant)
        let both = ["a", "b"].map { UserAttributes(userID: $0, values: ["sex": "f"]) }
        try await store.storage.setAttributes(both, tenant: tenant, at: 1)
        try await store.storage.setAttributes(both, tenant: tenant, at: 1)
        try await store.storage.setAttributes(
            [UserAttributes(userID: "a", values: ["sex": "m"])], tenant: tenant, at: 1)
        let rows = try await store.storage.file.read { db in
            try Row.fetchAll(db, sql: "SELECT name, version, member_count FROM tag ORDER BY name").map { row in
                (AttributeTag.parts(of: row[0])?.value, row[1] as Int, row[2] as Int)
            }
        }
        #expect(rows.map(\.0) == ["f", "m"] && rows.map(\.1) == [3, 2] && rows.map(\.2) == [1, 1])
    }

    @Test func `names of attributes are by number and each there once`() async throws {
        let store = try await TestStore()
        let tenant = store.tenant.key
        let other = try await store.storage.createTenant(no: "other", name: "O", at: 1)
        try await store.storage.setAttributeNames([0: "sex", 9: "city"], tenant: tenant)
        try await store.storage.setAttributeNames([9: "town"], tenant: tenant)
        #expect(try await store.storage.attributeNames(of: tenant) == [0: "sex", 9: "town"])
        #expect(try await store.storage.attributeNames(of: other.key).isEmpty)
        let twice = await store.refusal { try await store.storage.setAttributeNames([1: "sex"], tenant: tenant) }
        #expect(twice?.code == .conflict)
        #expect(try await store.storage.attributeNames(of: tenant) == [0: "sex", 9: "town"])
        // Two names change places.
        try await store.storage.setAttributeNames([0: "town", 9: "sex"], tenant: tenant)
        #expect(try await store.storage.attributeNames(of: tenant) == [0: "town", 9: "sex"])
    }

    @Test func `a deleted account has neither tags nor attributes nor a profile`() async throws {
        let store = try await store(users: "a")
        let tenant = store.tenant.key
        try await store.storage.setAttributeNames([0: "sex"], tenant: tenant)
        try await store.storage.setAttributes(
            [UserAttributes(userID: "a", values: ["sex": "f"])], tenant: tenant, at: 1)
        _ = try await store.storage.importProfiles(
            tenant: tenant, [AccountProfile(userID: "a", nick: "Ann", faceURL: "https://a")], at: 1)
        let account = try await store.account("a")
        _ = try await store.storage.deleteAccount(account.key, by: store.appIdentity, at: 2)
        let left = try await store.storage.file.read { db in
            try Int.fetchOne(
                db,
                sql: """
                    SELECT (SELECT count(*) FROM tag_member WHERE left_version IS NULL)
                        + (SELECT count(*) FROM account WHERE nick IS NOT NULL OR face_url IS NOT NULL)
                    """)
        }
        #expect(left == 0)
    }

    @Test func `a profile keeps what a later import does not say`() async throws {
        let store = try await TestStore()
        let first = try await store.storage.importProfiles(
            tenant: store.tenant.key, [AccountProfile(userID: "a", nick: "Ann", faceURL: "u")], at: 1)
        let second = try await store.storage.importProfiles(
            tenant: store.tenant.key, [AccountProfile(userID: "a", faceURL: "v"), AccountProfile(userID: "b")], at: 2)
        #expect(first[0].isNew && !second[0].isNew && second[1].isNew)
        #expect(first[0].account == second[0].account)
        let kept = try await store.storage.file.read { db in
            try String.fetchOne(db, sql: "SELECT nick || ' ' || face_url FROM account WHERE user_id = 'a'")
        }
        #expect(kept == "Ann v")
    }

    // MARK: Pushes

    private func push(
        _ store: TestStore, _ audience: Audience, text: String = "hi", random: UInt32 = 7
    ) async throws -> Acceptance {
        var options = SendOptions()
        options.audience = audience
        var numbers = SendOptions.Numbers(sequence: nil, random: random)
        numbers.recognizedFor = TencentPushTask.repeatWindow
        options.numbers = numbers
        let body = #"{"type":0,"content":{"text":"\#(text)"},"ttl":60}"#
        let message = try Message(
            parsing: RawJSON(parsing: Array(body.utf8)), as: store.appPrincipal, limits: store.limits,
            ids: IDGenerator(), now: store.clock.now, options: options)
        return try await store.storage.accept(message, from: store.appPrincipal)
    }

    private func audience(any: [String] = [], all: [String] = []) -> Audience {
        var audience = Audience()
        var rule = TagRule()
        (rule.any, rule.all) = (any, all)
        audience.tags = rule
        audience.mayBeNobody = true
        return audience
    }

    @Test func `a push is repeated within seven days by number, audience and content`() async throws {
        let store = try await store(users: "a")
        let first = try await push(store, .everyone)
        store.clock.advance(6 * 86_400_000)
        let again = try await push(store, .everyone)
        #expect(again.isDuplicate && again.id == first.id && first.isJob)
        for other in [
            try await push(store, .everyone, text: "ho"), try await push(store, .everyone, random: 8),
            try await push(store, audience(any: ["x"])),
        ] {
            #expect(!other.isDuplicate && other.id != first.id)
        }
        store.clock.advance(2 * 86_400_000)
        let later = try await push(store, .everyone)
        #expect(!later.isDuplicate && later.id != first.id)
    }

    @Test func `a push to attributes reaches who has the values when it is archived`() async throws {
        let store = try await store(users: "a", "b", "c")
        let tenant = store.tenant.key
        try await store.storage.setAttributeNames([0: "sex", 1: "city"], tenant: tenant)
        for (user, sex, city) in [("a", "f", "x"), ("b", "f", "y"), ("c", "m", "x")] {
            try await store.storage.setAttributes(
                [UserAttributes(userID: user, values: ["sex": sex, "city": city])], tenant: tenant, at: 1)
        }
        let (f, x) = (AttributeTag.name(attribute: "sex", value: "f"), AttributeTag.name(attribute: "city", value: "x"))
        _ = try await push(store, audience(all: [f, x]), random: 1)
        _ = try await push(store, audience(any: [x]), random: 2)
        let nobody = try await push(store, audience(any: [AttributeTag.name(attribute: "sex", value: "q")]), random: 3)
        try await store.storage.setAttributes(
            [UserAttributes(userID: "a", values: ["sex": "m"])], tenant: tenant, at: 2)
        for _ in 0..<4 {
            for job in try await store.storage.dueJobs(at: store.clock.now, limit: 32) {
                _ = try await store.storage.advanceJob(job, at: store.clock.now, startedAt: 0) { _ in false }
            }
        }
        var counts: [Int] = []
        for user in ["a", "b", "c"] {
            counts.append(try await store.inbox(try await store.account(user)).items.count)
        }
        #expect(counts == [2, 0, 1])
        // Shown by name and value, and nothing that a native client could write itself.
        let shown = try await store.storage.message(id: nobody.id, tenant: tenant)?.to
        #expect(shown?.contains(#""anyAttributes":[["sex","q"]]"#) == true)
    }

    @Test func `no body can name the tag of an attribute`() async throws {
        let store = try await TestStore()
        let error = await store.refusal {
            try await store.send("m1", #","audience":{"tags":{"any":["\u0001sex\u0001f"]}}"#)
        }
        #expect(error?.code == .invalidRequest)
        #expect(!IDRules.isTag(AttributeTag.name(attribute: "sex", value: "f")))
    }
}
