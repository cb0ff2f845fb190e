import BrokerControl
import CMosquittoBroker

/// The `plugin_opt_…` lines of mosquitto.conf.
struct PluginSettings {
    let keysFile: String
    let gatewayPasswordHash: String
    let isLifelineUsed: Bool

    init(_ options: UnsafeMutablePointer<mosquitto_opt>?, count: Int32) throws(PluginFault) {
        var values: [String: String] = [:]
        for option in UnsafeBufferPointer(start: options, count: options == nil ? 0 : Int(max(0, count))) {
            guard let key = option.key, let value = option.value else { continue }
            values[String(cString: key)] = String(cString: value)
        }
        keysFile = try Self.required(BrokerPluginOption.keysFile, in: values)
        gatewayPasswordHash = try Self.required(BrokerPluginOption.gatewayPasswordHash, in: values)
        guard gatewayPasswordHash.utf8.count == 64, gatewayPasswordHash.utf8.allSatisfy(Self.isHexDigit) else {
            throw PluginFault(text: "\(BrokerPluginOption.gatewayPasswordHash) is no SHA-256 in lower-case hexadecimal")
        }
        switch values[BrokerPluginOption.lifeline] ?? "false" {
        case "true": isLifelineUsed = true
        case "false": isLifelineUsed = false
        default: throw PluginFault(text: "\(BrokerPluginOption.lifeline) is neither true nor false")
        }
    }

    private static func required(_ name: String, in values: [String: String]) throws(PluginFault) -> String {
        guard let value = values[name], !value.isEmpty else {
            throw PluginFault(text: "the line plugin_opt_\(name) is missing")
        }
        return value
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }
}
