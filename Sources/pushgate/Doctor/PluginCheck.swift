/// The broker's plugin, which decides who may do what there.
enum PluginCheck {
    static func finding(_ broker: ServeSettings.Broker) -> Finding {
        if case .external = broker {
            return Finding(
                "plugin", .warning, "an external broker runs without it: presence is not known",
                remedy: "Use --broker managed, or keep --credential-ttl short.")
        }
        do {
            return Finding("plugin", .ok, try PluginLibrary.path())
        } catch {
            return Finding(
                "plugin", .wrong, "\(error)", remedy: "Install PushGate whole: the plugin lies beside the executable.")
        }
    }
}
