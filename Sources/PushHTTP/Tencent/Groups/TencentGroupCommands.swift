import PushCore

/// The commands of `group_open_http_svc`: groups.
enum TencentGroupCommands {
    static func all(_ services: HTTPServices) -> [TencentCommand] { [] }
}
