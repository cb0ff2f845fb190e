/// Why a credential is not accepted.
public enum CredentialFault: Error, Sendable, Equatable, CaseIterable {
    /// Not a token of this kind: wrong structure, encoding, missing claims, or over the size limit.
    case malformed
    /// Signed with another algorithm than the one this kind of token has, or not at all.
    case wrongAlgorithm
    /// Signed with a key that is not, or no longer, among the known ones.
    case unknownKey
    case badSignature
    /// At or after its `exp`.
    case expired
    /// Before its `nbf`.
    case notYetValid
    /// `exp` is further ahead than this kind of token may be.
    case lifetimeTooLong
    /// Made for something else.
    case wrongAudience
    case wrongIssuer
}
