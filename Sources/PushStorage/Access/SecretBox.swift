import Crypto
import Foundation
import PushCore

/// Encrypts what has to be stored in a form that can be read again (signing keys, vendor credentials): AES-256-GCM
/// (NIST SP 800-38D) under the master key, with the row's identity as additional data, so that a secret which is copied
/// to another row does not open there.
struct SecretBox: Sendable {
    private let key: SymmetricKey

    init(masterKey: [UInt8]) throws {
        guard masterKey.count == 32 else { throw StorageFault("The master key must have 32 bytes.") }
        key = SymmetricKey(data: masterKey)
    }

    /// Nonce, ciphertext and tag in one.
    func seal(_ secret: some Collection<UInt8>, for row: String) throws -> Data {
        let sealed = try AES.GCM.seal(Data(secret), using: key, authenticating: Data(row.utf8))
        guard let combined = sealed.combined else { throw StorageFault("A secret could not be encrypted.") }
        return combined
    }

    func open(_ sealed: Data, for row: String) throws -> [UInt8] {
        do {
            return [UInt8](
                try AES.GCM.open(AES.GCM.SealedBox(combined: sealed), using: key, authenticating: Data(row.utf8)))
        } catch {
            throw StorageFault("A stored secret does not open: this is not the master key of this database.")
        }
    }
}
