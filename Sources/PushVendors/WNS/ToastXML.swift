import PushCore

/// A toast in Windows' notification language (`ToastGeneric`).
struct ToastXML {
    private(set) var text: String

    /// - Parameter launch: what the app is started with when the toast is clicked.
    init(_ push: VendorPush, launch: String) {
        text = #"<?xml version="1.0" encoding="utf-8"?><toast launch=""# + Self.escaped(launch)
        text += #""><visual><binding template="ToastGeneric">"#
        for line in [push.title, push.subtitle, push.body] {
            if let line, !line.isEmpty { text += "<text>" + Self.escaped(line) + "</text>" }
        }
        if let image = push.image { text += #"<image src=""# + Self.escaped(image) + #""/>"# }
        text += "</binding></visual>"
        // "default" is no file of Windows': without the element the device's own sound plays.
        if let sound = push.sound, sound.isEmpty || push.namedSound != nil {
            text += sound.isEmpty ? #"<audio silent="true"/>"# : #"<audio src=""# + Self.escaped(sound) + #""/>"#
        }
        text += "</toast>"
    }

    /// For text and attribute values alike. What XML 1.0 (section 2.2) has no place for is left out: one such character
    /// would make the whole document unreadable. Line ends and tabs survive an attribute as references only.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&apos;"
            case "\t", "\n", "\r": result += "&#\(scalar.value);"
            default:
                if scalar.value >= 0x20, scalar.value != 0xFFFE, scalar.value != 0xFFFF {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result
    }
}
