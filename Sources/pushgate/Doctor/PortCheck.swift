/// The addresses to listen on: free, or served by the gateway.
enum PortCheck {
    static func findings(_ settings: ServeSettings, isServing: Bool) -> [Finding] {
        var places = [("http", settings.http)]
        if case .managed = settings.broker {
            places.append(("mqtt", settings.mqtt))
            if let address = settings.mqttWebSocket { places.append(("mqtt-ws", address)) }
        }
        return places.map { name, address in
            finding(name, address, ListeningPort.state(of: address), isServing: isServing)
        }
    }

    static func finding(
        _ name: String, _ address: HostPort, _ state: ListeningPort.State, isServing: Bool
    ) -> Finding {
        let check = "port \(name)"
        switch (state, isServing) {
        case (.free, false): return Finding(check, .ok, "\(address) is free")
        case (.taken, true): return Finding(check, .ok, "\(address) is served")
        case (.free, true):
            return Finding(
                check, .wrong, "the gateway runs, but nobody listens on \(address)",
                remedy: "Give doctor the settings that serve was given.")
        case (.taken, false):
            return Finding(
                check, .wrong, "\(address) is in use by another process",
                remedy: "Stop it, or choose another address with --\(name).")
        case (.unusable(let reason), _):
            return Finding(
                check, .wrong, "cannot listen on \(address): \(reason)",
                remedy: "Choose another address with --\(name).")
        }
    }
}
