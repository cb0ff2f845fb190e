import CMosquittoBroker

/// What the broker is answered (`mosq_err_t`).
enum Status {
    static let success = Int32(MOSQ_ERR_SUCCESS.rawValue)
    static let invalid = Int32(MOSQ_ERR_INVAL.rawValue)
    static let failed = Int32(MOSQ_ERR_UNKNOWN.rawValue)
    static let notAuthenticated = Int32(MOSQ_ERR_AUTH.rawValue)
    static let notAllowed = Int32(MOSQ_ERR_ACL_DENIED.rawValue)
}

/// Why the plugin does not start.
struct PluginFault: Error {
    let text: String
}

/// Lines in the broker's log. Never a password, a credential or anything else a client made up.
enum BrokerLog {
    static func error(_ text: String) { write(MOSQ_LOG_ERR, text) }
    static func warning(_ text: String) { write(MOSQ_LOG_WARNING, text) }
    static func notice(_ text: String) { write(MOSQ_LOG_NOTICE, text) }
    /// Seen with `log_type debug` only.
    static func debug(_ text: String) { write(MOSQ_LOG_DEBUG, text) }

    private static func write(_ level: Int32, _ text: String) {
        pushgate_broker_log(level, "pushgate: \(text)")
    }
}
