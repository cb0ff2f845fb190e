extension String {
    /// The text within a vendor's limit in characters, cut with "…" behind it. Vendors count UTF-16 units or code
    /// points and do not say which, so the stricter of the two counts; a visible character is never split.
    func shortened(charactersMax: Int) -> String {
        guard utf16.count > charactersMax else { return self }
        var (kept, count) = ("", 0)
        for character in self {
            let size = character.utf16.count
            guard count + size <= charactersMax - 1 else { break }
            kept.append(character)
            count += size
        }
        return kept + "…"
    }
}
