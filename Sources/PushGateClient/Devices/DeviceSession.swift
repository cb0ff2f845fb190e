import Foundation

/// What a device proves itself with, over HTTP and MQTT. A secret: keep it where the platform keeps secrets.
public struct DeviceCredential: Sendable, Hashable, CustomStringConvertible {
    public var value: String
    public var expiresAt: Date

    public init(value: String, expiresAt: Date) {
        self.value = value
        self.expiresAt = expiresAt
    }

    init(_ json: JSONValue) throws {
        guard let value = json["credential"]?.string, let expiry = json["credentialExpiresAt"]?.integer else {
            throw GatewayProblem.unreadable("no credential in the answer")
        }
        self.init(value: value, expiresAt: Date(timeIntervalSince1970: Double(expiry) / 1000))
    }

    /// Without the secret, so that a log cannot have it.
    public var description: String { "credential until \(expiresAt)" }
}

/// The answer to a registration: who the device is and where it connects.
public struct DeviceSession: Sendable, Hashable {
    public var account: String
    public var deviceID: String
    public var userID: String
    public var tenantNo: String
    public var credential: DeviceCredential
    public var broker: Broker
    public var topics: Topics
    /// Heads of inbox and broadcast channel at registration.
    public var seq: Int64
    public var broadcastSeq: Int64
    /// The device was not registered before.
    public var isNew: Bool

    public struct Broker: Sendable, Hashable {
        public var host: String
        public var port: UInt16
        public var usesTLS: Bool
        /// For browsers.
        public var websocketPort: UInt16?

        public init(host: String, port: UInt16, usesTLS: Bool = false, websocketPort: UInt16? = nil) {
            self.host = host
            self.port = port
            self.usesTLS = usesTLS
            self.websocketPort = websocketPort
        }
    }

    public struct Topics: Sendable, Hashable {
        public var inbox: String
        public var broadcast: String
        public var reply: String
        /// Requests go to `{up}/{op}`.
        public var up: String

        public init(account: String, deviceID: String, tenantNo: String) {
            inbox = "account/\(account)"
            broadcast = "tenant/\(tenantNo)/broadcast"
            reply = "device/\(deviceID)"
            up = "up/\(deviceID)"
        }
    }

    public init(
        account: String, deviceID: String, userID: String, tenantNo: String, credential: DeviceCredential,
        broker: Broker, seq: Int64 = 0, broadcastSeq: Int64 = 0, isNew: Bool = true
    ) {
        self.account = account
        self.deviceID = deviceID
        self.userID = userID
        self.tenantNo = tenantNo
        self.credential = credential
        self.broker = broker
        topics = Topics(account: account, deviceID: deviceID, tenantNo: tenantNo)
        self.seq = seq
        self.broadcastSeq = broadcastSeq
        self.isNew = isNew
    }

    init(_ json: JSONValue, isNew: Bool) throws {
        guard let account = json["account"]?.string, let deviceID = json["deviceId"]?.string,
            let tenantNo = json["tenantNo"]?.string, let im = json["im"], let host = im["host"]?.string,
            let port = im["port"]?.integer.flatMap({ UInt16(exactly: $0) })
        else { throw GatewayProblem.unreadable("the answer to a registration is not complete") }
        self.init(
            account: account, deviceID: deviceID, userID: json["userId"]?.string ?? "", tenantNo: tenantNo,
            credential: try DeviceCredential(json),
            broker: Broker(
                host: host, port: port, usesTLS: im["tls"]?.bool ?? false,
                websocketPort: im["websocketPort"]?.integer.flatMap { UInt16(exactly: $0) }),
            seq: json["seq"]?.integer ?? 0, broadcastSeq: json["broadcastSeq"]?.integer ?? 0, isNew: isNew)
        guard let topics = json["topics"] else { return }
        if let inbox = topics["inbox"]?.string { self.topics.inbox = inbox }
        if let broadcast = topics["broadcast"]?.string { self.topics.broadcast = broadcast }
        if let reply = topics["reply"]?.string { self.topics.reply = reply }
        if let up = topics["up"]?.string {
            // Some deployments may write it as a filter.
            self.topics.up = up.hasSuffix("/+") || up.hasSuffix("/#") ? String(up.dropLast(2)) : up
        }
    }
}
