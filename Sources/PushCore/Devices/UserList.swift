/// The body `{"users": […]}` of calls about many people at once.
enum UserList {
    /// More than can be looked at one by one: then the list as a whole is at fault.
    private static let readMax = 100_000

    /// The users as named, repeats included. Throws `too_large` beyond `max`.
    static func users(of body: RawJSON, max: Int) throws(GatewayError) -> [String] {
        var reader = try BodyReader(parsing: body)
        let users = reader.required("users", reader.strings("users", max: readMax, where: IDRules.isUserID))
        try reader.finish()
        guard let users, users.count <= max else { throw GatewayError(.tooLarge, "At most \(max) users a call.") }
        return users
    }
}
