// The three functions that Mosquitto looks up in a plugin (mosquitto_plugin.h). They and the callbacks are called on
// the broker's only thread. A trap here is the end of the broker, so every pointer counts as optional, whatever the
// header says.

import CMosquittoBroker

/// The plugin interface that this is written for; Mosquitto 2.0 and later offer it.
private let pluginVersion: Int32 = 5

@_cdecl("mosquitto_plugin_version")
public func pluginVersion(count: Int32, versions: UnsafePointer<Int32>?) -> Int32 {
    guard let versions, count > 0 else { return -1 }
    return UnsafeBufferPointer(start: versions, count: Int(count)).contains(pluginVersion) ? pluginVersion : -1
}

@_cdecl("mosquitto_plugin_init")
public func pluginInit(
    identifier: OpaquePointer?, userdata: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
    options: UnsafeMutablePointer<mosquitto_opt>?, count: Int32
) -> Int32 {
    guard let identifier, let userdata else { return Status.invalid }
    let plugin: BrokerPlugin
    do throws(PluginFault) {
        plugin = try BrokerPlugin(PluginSettings(options, count: count))
        try plugin.register(with: identifier)
    } catch {
        BrokerLog.error("cannot start: \(error.text)")
        return Status.failed
    }
    userdata.pointee = Unmanaged.passRetained(plugin).toOpaque()
    BrokerLog.notice("ready, waiting for the gateway; devices are refused until it has sent the ended ones")
    return Status.success
}

@_cdecl("mosquitto_plugin_cleanup")
public func pluginCleanup(
    userdata: UnsafeMutableRawPointer?, options: UnsafeMutablePointer<mosquitto_opt>?, count: Int32
) -> Int32 {
    guard let userdata else { return Status.success }
    let plugin = Unmanaged<BrokerPlugin>.fromOpaque(userdata)
    plugin.takeUnretainedValue().unregister()
    plugin.release()
    return Status.success
}
