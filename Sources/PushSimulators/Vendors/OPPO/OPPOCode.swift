/// The result codes of OPPO's server API, with texts of our own where the vendor's are not known (20 to 24).
enum OPPOCode: Int, CaseIterable {
    case serviceUnavailable = -1
    case flowControl = -2
    case success = 0
    case invalidToken = 11
    case methodNotAllowed = 12
    case callLimit = 13
    case invalidKey = 14
    case missingKey = 15
    case invalidSignature = 16
    case missingSignature = 17
    case missingTimestamp = 18
    case invalidTimestamp = 19
    case request20 = 20
    case request21 = 21
    case request22 = 22
    case request23 = 23
    case request24 = 24
    case encoding = 25
    case addressBlacklisted = 26
    case accessDenied = 27
    case appDisabled = 28
    case missingToken = 29
    case noPermission = 30
    case notFound = 31
    case duplicate = 32
    case dailyLimit = 33
    case picture = 34
    case missingArgument = 40
    case invalidArgument = 41
    case size = 51
    case frequencyLimit = 55
    case secondaryAction = 59
    case levelNotAllowed = 67
    case invalidRegistrationId = 10000

    var message: String {
        switch self {
        case .serviceUnavailable: "Service Currently Unavailable"
        case .flowControl: "Service in Flow Control"
        case .success: "Success"
        case .invalidToken: "Invalid AuthToken"
        case .methodNotAllowed: "Http Action Not Allowed"
        case .callLimit: "App Call Limited"
        case .invalidKey: "Invalid App Key"
        case .missingKey: "Missing App Key"
        case .invalidSignature: "Invalid Signature"
        case .missingSignature: "Missing Signature"
        case .missingTimestamp: "Missing Timestamp"
        case .invalidTimestamp: "Invalid Timestamp"
        case .request20, .request21, .request22, .request23, .request24: "Invalid Request"
        case .encoding: "Invalid Encoding"
        case .addressBlacklisted: "IP Black List"
        case .accessDenied: "Access Denied"
        case .appDisabled: "App Disabled"
        case .missingToken: "Missing Auth Token"
        case .noPermission: "Api Permission Denied"
        case .notFound: "Data Not Exist"
        case .duplicate: "Data Duplicate"
        case .dailyLimit: "The Number Of Messages Exceeds The Daily Limit"
        case .picture: "Picture Error"
        case .missingArgument: "Missing Required Arguments"
        case .invalidArgument: "Invalid Arguments"
        case .size: "Content Size Error"
        case .frequencyLimit: "Frequency Limit"
        case .secondaryAction: "Secondary Action Error"
        case .levelNotAllowed: "Category Or Notify Level Not Allowed"
        case .invalidRegistrationId: "Invalid Registration_id"
        }
    }

    var members: [String: JSONValue] { ["code": .integer(Int64(rawValue)), "message": .string(message)] }

    /// OPPO answers 200 and says in the body what it thinks.
    func response(status: Int = 200, refusal: String? = nil) -> SimulatorResponse {
        .json(status, JSONValue.object(members).text, refusal: refusal.map { "\(rawValue) \(message): \($0)" })
    }
}
