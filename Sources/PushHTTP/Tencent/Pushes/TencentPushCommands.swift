import PushCore

/// The commands of `all_member_push`: pushes to many, tags and attributes.
enum TencentPushCommands {
    static func all(_ services: HTTPServices) -> [TencentCommand] { [] }
}
