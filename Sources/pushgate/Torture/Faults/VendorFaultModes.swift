import PushGateClient

/// Every way in which the simulator can let a push go wrong and which a retry makes good, as its control page takes it.
enum VendorFaultModes {
    static let all: [JSONValue] = [
        ["vendor": "fcm", "fault": "slow", "milliseconds": 700],
        ["vendor": "huawei", "fault": "slow", "milliseconds": 700],
        ["vendor": "fcm", "fault": "hang", "requests": 5],
        ["vendor": "huawei", "fault": "hang", "afterAccepting": true, "requests": 3],
        ["vendor": "fcm", "fault": "reset", "requests": 20],
        ["vendor": "fcm", "fault": "reset", "afterAccepting": true, "requests": 20],
        ["vendor": "webhook", "fault": "reset", "afterAccepting": true, "requests": 20],
        ["vendor": "fcm", "fault": "tooManyRequests", "retryAfter": 2],
        ["vendor": "fcm", "fault": "tooManyRequests"],
        ["vendor": "huawei", "fault": "serverError", "status": 503],
        ["vendor": "webhook", "fault": "serverError", "status": 500],
        ["vendor": "fcm", "fault": "serverError", "status": 503, "retryAfter": 2],
        ["vendor": "fcm", "fault": "expiredAuthorization", "on": "login", "requests": 3],
        ["vendor": "fcm", "fault": "expiredAuthorization", "requests": 3],
        ["vendor": "huawei", "fault": "expiredAuthorization", "requests": 3],
        ["vendor": "fcm", "fault": "garbage", "requests": 20],
        ["vendor": "fcm", "fault": "goAway", "afterRequests": 10],
        ["vendor": "huawei", "fault": "refuseStream", "requests": 10],
    ]
}
