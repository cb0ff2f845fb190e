import PushCore

/// Makes a push fit a vendor's size limit. Texts are cut first, then `data` is left out, then what only decorates; a
/// push is never refused for its size, since `messageId` alone lets the app fetch the rest.
enum PayloadFit {
    /// The body `build` makes of the push, or of as much of it as fits `bytesMax` bytes.
    static func fit(_ push: VendorPush, bytesMax: Int, build: (VendorPush) -> [UInt8]) -> [UInt8] {
        let whole = build(push)
        if whole.count <= bytesMax { return whole }
        var smaller = push
        for step in steps {
            var next = smaller
            step.apply(&next)
            let bytes = build(next)
            if bytes.count > bytesMax {
                smaller = next
                continue
            }
            guard let text = step.text else { return refill(next, bytesMax: bytesMax, from: push, build: build) }
            return cut(text, of: push, in: smaller, bytesMax: bytesMax, build: build)
        }
        return build(smaller)
    }

    /// Removes or empties one part. With `text`, the part is a text that need not go as a whole.
    private struct Step {
        var text: WritableKeyPath<VendorPush, String?>?
        let apply: (inout VendorPush) -> Void
    }

    private static var steps: [Step] {
        [
            Step(text: \.optionalBody) { $0.optionalBody = shortest($0.optionalBody) },
            Step(text: \.subtitle) { $0.subtitle = shortest($0.subtitle) },
            Step(text: \.optionalTitle) { $0.optionalTitle = shortest($0.optionalTitle) },
            Step { $0.data = nil },
            Step { $0.override = nil },
            Step { $0.image = nil },
            Step { $0.action = nil },
            Step {
                $0.subtitle = nil
                $0.sound = nil
                $0.category = nil
                $0.channel = nil
            },
            Step { $0.collapseID = nil },
        ]
    }

    private static let ellipsis = "…"

    private static func shortest(_ text: String?) -> String? {
        guard let text, text.utf8.count > ellipsis.utf8.count else { return text }
        return ellipsis
    }

    /// After something big was left out there may be room for the texts again.
    private static func refill(
        _ push: VendorPush, bytesMax: Int, from original: VendorPush, build: (VendorPush) -> [UInt8]
    ) -> [UInt8] {
        var refilled = push
        let texts: [WritableKeyPath<VendorPush, String?>] = [\.optionalTitle, \.subtitle, \.optionalBody]
        for text in texts where push[keyPath: text] != nil {
            let before = refilled
            refilled[keyPath: text] = original[keyPath: text]
            if build(refilled).count > bytesMax {
                return cut(text, of: original, in: before, bytesMax: bytesMax, build: build)
            }
        }
        return build(refilled)
    }

    /// The longest beginning of the original text that fits, with "…" behind it.
    private static func cut(
        _ text: WritableKeyPath<VendorPush, String?>, of original: VendorPush, in push: VendorPush, bytesMax: Int,
        build: (VendorPush) -> [UInt8]
    ) -> [UInt8] {
        let characters = Array(original[keyPath: text] ?? "")
        var best = push
        best[keyPath: text] = ellipsis
        var bestBytes = build(best)
        // A character is at least a byte, so no more of them can fit.
        var (low, high) = (0, min(characters.count, bytesMax))
        while low < high {
            let middle = (low + high + 1) / 2
            best[keyPath: text] = String(characters[..<middle]) + ellipsis
            let bytes = build(best)
            if bytes.count <= bytesMax {
                low = middle
                bestBytes = bytes
            } else {
                high = middle - 1
            }
        }
        return bestBytes
    }
}

extension VendorPush {
    /// The same type for all three texts.
    fileprivate var optionalBody: String? {
        get { body }
        set { body = newValue ?? "" }
    }

    fileprivate var optionalTitle: String? {
        get { title }
        set { title = newValue ?? "" }
    }
}
