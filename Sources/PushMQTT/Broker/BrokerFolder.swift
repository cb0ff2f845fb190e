import Foundation

/// The broker's folder: who may read it, and what lies in it.
///
/// Mosquitto started by root becomes user `mosquitto` before it reads certificates and the plugin. So as root the
/// folder is `root:mosquitto` 0750 and its files 0640; otherwise the broker runs as the gateway's own user, and they
/// are 0700 and 0600.
struct BrokerFolder {
    let path: String
    /// The group of the broker's user; `nil` when the broker runs as the gateway's own user.
    private let group: gid_t?
    private let user: uid_t?

    static let userName = "mosquitto"

    var configurationFile: String { file("mosquitto.conf") }
    var processFile: String { file("broker.pid") }
    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// - Parameter path: made absolute, so that the broker may have another working directory.
    init(path: String) throws(BrokerFault) {
        let absolute = URL(filePath: path).standardizedFileURL.path
        self.path = absolute.count > 1 && absolute.hasSuffix("/") ? String(absolute.dropLast()) : absolute
        _ = try MosquittoConfiguration.checked(self.path)
        guard geteuid() == 0 else {
            (group, user) = (nil, nil)
            return
        }
        guard let entry = getpwnam(Self.userName) else { throw .userMissing(Self.userName) }
        (group, user) = (entry.pointee.pw_gid, entry.pointee.pw_uid)
    }

    /// Makes the folder, or sets owner and mode of the one there is.
    func prepare() throws(BrokerFault) {
        var status = stat()
        if lstat(path, &status) == 0 {
            // A link could lead anywhere a chown should not go.
            guard status.st_mode & S_IFMT == S_IFDIR else { throw .fileProblem(path: path, reason: "is not a folder") }
        } else {
            try attempt(path) { mkdir(path, 0o700) }
        }
        if let group {
            try attempt(path) { chown(path, 0, group) }
            try attempt(path) { chmod(path, 0o750) }
            try makeReachable()
        } else {
            try attempt(path) { chmod(path, 0o700) }
        }
    }

    /// Replaces a file in one step; nobody sees half of it or another mode.
    func write(_ bytes: [UInt8], to name: String) throws(BrokerFault) {
        let target = file(name)
        let temporary = target + ".new"
        _ = unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .fileProblem(path: temporary, reason: String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .fileProblem(path: temporary, reason: String(cString: strerror(errno))) }
            written += count
        }
        if let group {
            try attempt(temporary) { fchown(descriptor, 0, group) }
            try attempt(temporary) { fchmod(descriptor, 0o640) }
        }
        try attempt(target) { rename(temporary, target) }
    }

    /// Copies a file into the folder.
    func copy(_ source: String, to name: String) throws(BrokerFault) {
        let bytes: [UInt8]
        do { bytes = Array(try Data(contentsOf: URL(filePath: source))) } catch {
            throw .fileProblem(path: source, reason: "cannot be read")
        }
        try write(bytes, to: name)
    }

    /// The broker's user has to pass through every folder above. The next one is the gateway's own and is opened for
    /// passing, not for reading; those further up are the operator's.
    private func makeReachable() throws(BrokerFault) {
        guard let group else { return }
        var folder = URL(filePath: path).deletingLastPathComponent()
        var isNext = true
        while true {
            var status = stat()
            try attempt(folder.path) { stat(folder.path, &status) }
            if !mayPass(status) {
                guard isNext, status.st_uid == 0, status.st_gid == 0, status.st_mode & 0o077 == 0 else {
                    throw .notReachable(path: folder.path, user: Self.userName)
                }
                try attempt(folder.path) { chown(folder.path, 0, group) }
                try attempt(folder.path) { chmod(folder.path, 0o710) }
            }
            isNext = false
            let parent = folder.deletingLastPathComponent()
            if folder.path == "/" || parent.path == folder.path { return }
            folder = parent
        }
    }

    private func mayPass(_ status: stat) -> Bool {
        if status.st_uid == user { return status.st_mode & 0o100 != 0 }
        if status.st_gid == group { return status.st_mode & 0o010 != 0 }
        return status.st_mode & 0o001 != 0
    }

    private func attempt(_ path: String, _ call: () -> Int32) throws(BrokerFault) {
        guard call() == 0 else { throw .fileProblem(path: path, reason: String(cString: strerror(errno))) }
    }
}
