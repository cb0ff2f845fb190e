import GRDB

extension Database {
    /// `execute(sql:arguments:)` with a statement that is prepared once per connection: for what runs for every device.
    func executeCached(sql: String, arguments: StatementArguments = []) throws {
        try cachedStatement(sql: sql).execute(arguments: arguments)
    }
}
