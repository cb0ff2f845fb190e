import PushCore

extension RawJSON {
    /// This body with the sender's merge patch applied, and what the sender may not change as it was before: each
    /// protected path has its old value again, or is absent if it was absent. A patch that is no object does nothing.
    func applying(override patch: RawJSON?, protecting paths: [[String]]) -> RawJSON {
        guard let patch, patch.kind == .object else { return self }
        var result = merging(patch)
        for path in paths {
            let before = value(at: path)
            if result.value(at: path) != before { result = result.setting(before, at: path) }
        }
        return result
    }
}
