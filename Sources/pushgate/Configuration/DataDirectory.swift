import Crypto
import Foundation
import Glibc
import PushCredentials

/// The data directory: `private/` (database, keys; 0700) and `broker/` (what Mosquitto's own user must read), itself
/// 0711, since Mosquitto started by root drops its rights and reads nothing below a 0700 directory.
struct DataDirectory: Sendable {
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    let path: String

    init(_ path: String) { self.path = URL(fileURLWithPath: path).standardizedFileURL.path }

    var privatePath: String { path + "/private" }
    var brokerPath: String { path + "/broker" }
    var databasePath: String { privatePath + "/pushgate.db" }
    private var masterKeyPath: String { privatePath + "/master.key" }
    private var deviceKeyPath: String { privatePath + "/device-key.pem" }
    private var lockPath: String { privatePath + "/lock" }

    /// Without these the database opens nothing.
    var keyFiles: [String] { [masterKeyPath, deviceKeyPath] }

    /// Makes what is missing and sets the rights.
    func prepare() throws {
        try makeDirectory(path, mode: 0o711)
        try makeDirectory(privatePath, mode: 0o700)
    }

    private func makeDirectory(_ path: String, mode: mode_t) throws {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            throw Fault(description: "\(path) cannot be made: \(error.localizedDescription)")
        }
        guard chmod(path, mode) == 0 else { throw Fault(description: "\(path): \(String(cString: strerror(errno)))") }
    }

    // MARK: One gateway at a time

    /// Held as long as the process lives; the kernel lets go of it when the process ends, however it ends.
    struct Lock: ~Copyable {
        fileprivate let descriptor: Int32
    }

    /// Throws when another gateway runs on this directory, and names its process.
    func lock() throws -> Lock {
        let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Fault(description: "\(lockPath): \(String(cString: strerror(errno)))") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            var buffer = [UInt8](repeating: 0, count: 20)
            let count = pread(descriptor, &buffer, buffer.count, 0)
            close(descriptor)
            let pid = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
            throw Fault(description: "Another pushgate serve (pid \(pid)) uses \(path).")
        }
        let pid = Array("\(getpid())".utf8)
        guard ftruncate(descriptor, 0) == 0, pwrite(descriptor, pid, pid.count, 0) == pid.count else {
            throw Fault(description: "\(lockPath): \(String(cString: strerror(errno)))")
        }
        return Lock(descriptor: descriptor)
    }

    // MARK: Keys

    /// The key that everything secret on disk is encrypted with. Made at the first start.
    func masterKey(create: Bool) throws -> MasterKey {
        if let data = FileManager.default.contents(atPath: masterKeyPath) {
            guard data.count == 32 else {
                throw Fault(description: "\(masterKeyPath) is damaged: it must have 32 bytes.")
            }
            return MasterKey(bytes: Array(data))
        }
        guard create else {
            throw Fault(
                description: "\(masterKeyPath) cannot be read: name the gateway's data directory with --data-dir.")
        }
        guard !FileManager.default.fileExists(atPath: databasePath) else {
            throw Fault(description: "\(masterKeyPath) is missing, but there is a database that needs it.")
        }
        let bytes = SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }
        try write(bytes, to: masterKeyPath)
        return MasterKey(bytes: bytes)
    }

    /// A token of 60 seconds for the command line, made with the master key.
    func operatorToken() throws -> String {
        try masterKey(create: false).operatorToken(now: Int64(Date().timeIntervalSince1970))
    }

    /// The key that device credentials are signed with. Made at the first start.
    func deviceSigner() throws -> DeviceCredentialSigner {
        if let data = FileManager.default.contents(atPath: deviceKeyPath) {
            return try DeviceCredentialSigner(pem: String(decoding: data, as: UTF8.self))
        }
        let signer = DeviceCredentialSigner()
        try write(Array(signer.pem.utf8), to: deviceKeyPath)
        return signer
    }

    /// Whole or not at all, and never readable to others in between.
    private func write(_ bytes: [UInt8], to path: String) throws {
        let temporary = path + ".new"
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Fault(description: "\(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0,
            rename(temporary, path) == 0
        else { throw Fault(description: "\(path): \(String(cString: strerror(errno)))") }
    }
}

/// What is derived from the master key: one key a purpose.
struct MasterKey: Sendable {
    private let key: SymmetricKey

    init(bytes: [UInt8]) { key = SymmetricKey(data: bytes) }

    private func derived(_ purpose: String, count: Int = 32) -> [UInt8] {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: key, info: Array("pushgate \(purpose)".utf8), outputByteCount: count)
            .withUnsafeBytes { Array($0) }
    }

    /// Encrypts secrets in the database.
    var storage: [UInt8] { derived("storage") }

    /// Signs access tokens of apps and of the command line's operator.
    var accessTokens: AccessTokenKey {
        guard let key = AccessTokenKey(bytes: derived("access tokens")) else {
            preconditionFailure("HKDF gave another length than was asked for")
        }
        return key
    }

    /// Makes the secret part of the addresses that vendors report to.
    var receipts: [UInt8] { derived("receipts") }

    /// Binds tokens to this installation.
    var instance: String { Base64URL.encode(derived("instance", count: 16)) }

    /// A short-lived operator token for the command line.
    func operatorToken(now: Int64) throws -> String {
        try accessTokens.sign(
            AccessToken(
                kind: .operator, subject: "command-line", tenant: nil, scope: "operator", generation: 0,
                audience: instance, issuedAt: now, expiresAt: now + 60))
    }
}
