import PushCore

/// A refusal in Tencent's words: `ErrorCode` and `ErrorInfo` of an answer with HTTP status 200 (document 1047-34348).
struct TencentError: Error, Sendable, Equatable {
    let code: Int
    let info: String

    init(_ code: Int, _ info: String) {
        self.code = code
        self.info = info
    }

    // MARK: Of every service

    static func unreadableRequest(_ why: String) -> TencentError { TencentError(60002, why) }
    static let unknownCommand = TencentError(60009, "There is no such service or command: check the URL.")
    static let appMissing = TencentError(60012, "sdkappid is missing.")
    static let callerInvalid = TencentError(
        60025, "sdkappid, identifier or usersig in the URL is missing or no valid value.")
    static let appDisabled = TencentError(60016, "This SDKAppID is disabled.")
    static let tooManyCalls = TencentError(60007, "Too many calls; try again later.")
    static let accountNotThere = TencentError(70107, "Err_TLS_PT_Open_Login_Account_Not_Exist")
}
