import PushCore

/// The commands of `openim`: one-to-one messages and online state.
enum TencentMessageCommands {
    static func all(_ services: HTTPServices) -> [TencentCommand] { [] }
}
