import PushCore

/// The services below `/v4`, and the codes that each has for what is wrong with any of its commands.
enum TencentService: String, Sendable {
    case messages = "openim"
    case accounts = "im_open_login_svc"
    case pushes = "all_member_push"
    case groups = "group_open_http_svc"

    /// The body is no JSON object.
    var badJSON: TencentError {
        let info = "Fail to Parse json data of body, Please check it"
        return switch self {
        case .messages, .pushes: TencentError(90001, info)
        case .accounts: TencentError(70402, info)
        case .groups: TencentError(10011, info)
        }
    }

    /// The identifier is no administrator of the app.
    var notAdministrator: TencentError {
        let info = "The identifier must be an administrator of the app."
        return switch self {
        case .messages, .pushes: TencentError(90009, info)
        case .accounts: TencentError(70403, info)
        case .groups: TencentError(10007, info)
        }
    }

    /// What the gateway itself failed at.
    var internalFault: Int {
        switch self {
        case .messages, .pushes: 91000
        case .accounts: 70500
        case .groups: 10002
        }
    }

    /// A field that is missing or not valid, where its command has no code of its own for it.
    var badField: Int {
        switch self {
        case .messages, .pushes: 90001
        case .accounts: 70402
        case .groups: 10004
        }
    }

    /// The gateway's own refusals in the words of this service.
    func error(of error: GatewayError) -> TencentError {
        let code: Int
        switch error.code {
        case .denied: code = error.denial?.number ?? (self == .groups ? 10016 : 20006)
        case .rateLimited: code = 60007
        case .tooLarge: code = 80002
        case .recipientNotFound: code = self == .groups ? 10019 : 20003
        case .notAMember: code = 10007
        case .notFound: code = self == .groups ? 10010 : badField
        case .forbidden: code = notAdministrator.code
        case .overloaded, .internalError: code = internalFault
        default: code = badField
        }
        return TencentError(code, error.detail)
    }
}
