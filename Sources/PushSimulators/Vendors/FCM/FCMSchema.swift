/// The fields of an FCM v1 message and their types (Google API discovery document `fcm:v1`), as far as the reference
/// names them. Like Google's own JSON reader it takes names in snake_case and in lowerCamelCase and refuses unknown
/// ones.
indirect enum FCMField: Sendable {
    case string
    case bool
    case integer
    case number
    case duration
    case timestamp
    case stringMap
    /// Any JSON object (`google.protobuf.Struct`).
    case object
    case list(FCMField)
    case choice(Set<String>)
    case message([String: FCMField])

    /// The type as Google's error texts call it.
    var typeName: String {
        switch self {
        case .string: "TYPE_STRING"
        case .bool: "TYPE_BOOL"
        case .integer: "TYPE_INT32"
        case .number: "TYPE_FLOAT"
        case .duration: "type.googleapis.com/google.protobuf.Duration"
        case .timestamp: "type.googleapis.com/google.protobuf.Timestamp"
        case .stringMap: "Map"
        case .object: "type.googleapis.com/google.protobuf.Struct"
        case .list: "Array"
        case .choice: "TYPE_ENUM"
        case .message: "TYPE_MESSAGE"
        }
    }

    static let request: FCMField = .message(["validate_only": .bool, "message": message])

    private static let options: FCMField = .message(["analytics_label": .string])

    private static let message: FCMField = .message([
        "name": .string, "token": .string, "topic": .string, "condition": .string, "fid": .string,
        "data": .stringMap,
        "notification": .message(["title": .string, "body": .string, "image": .string]),
        "fcm_options": options, "android": android, "apns": apns, "webpush": webpush,
    ])

    private static let android: FCMField = .message([
        "collapse_key": .string, "priority": .choice(["NORMAL", "HIGH"]), "ttl": .duration,
        "restricted_package_name": .string, "direct_boot_ok": .bool, "bandwidth_constrained_ok": .bool,
        "restricted_satellite_ok": .bool, "data": .stringMap, "fcm_options": options,
        "notification": androidNotification,
    ])

    private static let androidNotification: FCMField = .message([
        "title": .string, "body": .string, "icon": .string, "color": .string, "sound": .string, "tag": .string,
        "click_action": .string, "channel_id": .string, "ticker": .string, "sticky": .bool, "event_time": .timestamp,
        "local_only": .bool, "notification_count": .integer, "image": .string, "default_sound": .bool,
        "default_vibrate_timings": .bool, "default_light_settings": .bool, "vibrate_timings": .list(.duration),
        "title_loc_key": .string, "title_loc_args": .list(.string), "body_loc_key": .string,
        "body_loc_args": .list(.string),
        "notification_priority": .choice([
            "PRIORITY_UNSPECIFIED", "PRIORITY_MIN", "PRIORITY_LOW", "PRIORITY_DEFAULT", "PRIORITY_HIGH",
            "PRIORITY_MAX",
        ]),
        "visibility": .choice(["VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET"]),
        "proxy": .choice(["PROXY_UNSPECIFIED", "ALLOW", "DENY", "IF_PRIORITY_LOWERED"]),
        "light_settings": .message([
            "color": .message(["red": .number, "green": .number, "blue": .number, "alpha": .number]),
            "light_on_duration": .duration, "light_off_duration": .duration,
        ]),
    ])

    private static let apns: FCMField = .message([
        "headers": .stringMap, "payload": .object, "live_activity_token": .string,
        "fcm_options": .message(["analytics_label": .string, "image": .string]),
    ])

    private static let webpush: FCMField = .message([
        "headers": .stringMap, "data": .stringMap, "notification": .object,
        "fcm_options": .message(["link": .string, "analytics_label": .string]),
    ])

    /// Checks a value against the type and brings its names to snake_case.
    ///
    /// - Throws: ``FCMViolation`` in Google's words.
    func checked(_ value: JSONValue, at path: String) throws(FCMViolation) -> JSONValue {
        switch (self, value) {
        case (.string, .string), (.bool, .bool), (.object, .object), (.timestamp, .string): return value
        case (.integer, .integer(let number)) where Int32(exactly: number) != nil: return value
        case (.number, .integer), (.number, .double): return value
        case (.duration, .string(let text)):
            guard FCMField.seconds(text) != nil else { break }
            return value
        case (.choice(let names), .string(let name)):
            guard names.contains(name) else { break }
            return value
        case (.stringMap, .object(let members)):
            for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
                guard case .string = member.value else {
                    throw FCMViolation.wrongType(member.value, at: "\(path)[\(index)].value", "TYPE_STRING")
                }
            }
            return value
        case (.list(let field), .array(let items)):
            var checked: [JSONValue] = []
            for (index, item) in items.enumerated() {
                checked.append(try field.checked(item, at: "\(path)[\(index)]"))
            }
            return .array(checked)
        case (.message(let fields), .object(let members)): return try message(members, fields, at: path)
        default: break
        }
        throw FCMViolation.wrongType(value, at: path, typeName)
    }

    private func message(
        _ members: [String: JSONValue], _ fields: [String: FCMField], at path: String
    ) throws(FCMViolation) -> JSONValue {
        var checked: [String: JSONValue] = [:]
        for (name, value) in members {
            let field = fields[name] == nil ? FCMField.snakeCase(name) : name
            guard let type = fields[field] else { throw FCMViolation.unknownName(name, at: path) }
            // JSON null is the same as an absent field in proto3 JSON.
            if value == .null { continue }
            checked[field] = try type.checked(value, at: path.isEmpty ? field : "\(path).\(field)")
        }
        return .object(checked)
    }

    private static func snakeCase(_ name: String) -> String {
        var output = ""
        for character in name {
            if character.isUppercase { output += "_" }
            output += character.lowercased()
        }
        return output
    }

    /// `"3.5s"` → 3.5; nil when the text is no duration.
    static func seconds(_ text: String) -> Double? {
        guard text.hasSuffix("s"), let first = text.utf8.first,
            first == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first),
            text.dropLast().allSatisfy({ $0.isASCII && ($0.isNumber || $0 == "." || $0 == "-") })
        else { return nil }
        return Double(text.dropLast())
    }
}
