import PushCore

/// The commands of `im_open_login_svc`: accounts.
enum TencentAccountCommands {
    static func all(_ services: HTTPServices) -> [TencentCommand] { [] }
}
