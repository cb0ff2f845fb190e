/// The body of Huawei's `messages:send`, v1 and v2.
enum HuaweiSchema {
    static let request = FieldRule.members(["validate_only": .bool, "message": message])

    private static let message = FieldRule.members([
        "data": .anyText,
        "notification": .members(["title": .anyText, "body": .anyText, "image": .secureURL]),
        "android": android,
        "apns": .members([
            "headers": .object, "payload": .object,
            "hms_options": .members(["target_user_type": .integer(1...3)]),
        ]),
        "webpush": .object,
        // How many there are is checked with a code of its own.
        "token": .list(.anyText, most: .max), "topic": .anyText, "condition": .anyText,
    ])

    private static let android = FieldRule.members([
        // Both have codes of their own.
        "collapse_key": .any, "ttl": .any,
        "urgency": .choice(["HIGH", "NORMAL"]), "category": .choice(categories), "bi_tag": .anyText,
        "receipt_id": .anyText, "target_user_type": .zeroOrOne, "fast_app_target": .integer(1...2),
        "data": .anyText, "notification": notification,
    ])

    private static let categories: Set<String> = [
        "IM", "VOIP", "SUBSCRIPTION", "TRAVEL", "HEALTH", "WORK", "ACCOUNT", "EXPRESS", "FINANCE", "DEVICE_REMINDER",
        "MAIL", "PLAY_VOICE", "CUSTOMER_SERVICE", "MARKETING",
    ]

    private static let notification = FieldRule.members([
        "title": .anyText, "body": .anyText, "icon": .anyText, "color": .anyText, "sound": .anyText,
        "default_sound": .bool, "tag": .anyText, "click_action": clickAction, "channel_id": .anyText,
        "image": .secureURL, "style": .integer(0...3), "big_title": .anyText, "big_body": .anyText,
        "auto_clear": .integer(0...Int64(Int32.max)), "notify_id": .anyInteger, "group": .anyText, "badge": badge,
        "importance": .choice(["LOW", "NORMAL", "HIGH"]),
        "visibility": .choice(["VISIBILITY_UNSPECIFIED", "PRIVATE", "PUBLIC", "SECRET"]),
        "foreground_show": .bool, "ticker": .anyText, "when": .anyText, "profile_id": .text(0...64),
        "buttons": .list(.object, most: 3), "inbox_content": .list(.anyText, most: 5), "multi_lang_key": .object,
        "title_loc_key": .anyText, "title_loc_args": .textList, "body_loc_key": .anyText, "body_loc_args": .textList,
        "vibrate_config": .list(.anyText, most: 10), "use_default_vibrate": .bool, "use_default_light": .bool,
        "light_settings": .members(
            ["color": .object, "light_on_duration": .anyText, "light_off_duration": .anyText],
            required: ["color", "light_on_duration", "light_off_duration"]),
    ])

    private static let clickAction = FieldRule.members(
        [
            "type": .integer(1...4), "intent": .anyText, "action": .anyText, "url": .secureURL,
            "rich_resource": .secureURL,
        ], required: ["type"])

    private static let badge = FieldRule.members([
        "add_num": .integer(1...99), "class": .anyText, "set_num": .integer(0...99),
    ])
}
