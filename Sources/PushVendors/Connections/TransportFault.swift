import AsyncHTTPClient
import NIOCore
import NIOHTTP2
import NIOPosix
import NIOSSL
import PushCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Why a request has no answer.
package enum TransportFault: Error, Sendable, Equatable {
    /// Certain: no byte of this request reached the other side, or it said that it did not look at it.
    case notSent(VendorReply)
    /// It may have been read and acted on.
    case unanswered(VendorReply)
    /// The address rule forbids the URL.
    case refused(VendorReply)

    /// What it means for a push.
    package var answer: VendorAnswer {
        switch self {
        case .notSent(let reply): .retry(reply)
        case .unanswered(let reply): .unknown(reply)
        // The URL is part of the credential: nothing gets through until somebody changes it.
        case .refused(let reply): .auth(reply)
        }
    }

    /// What it means when the request was for an access token: no push can have been shown by it.
    package var answerAtLogin: VendorAnswer {
        switch self {
        case .notSent(let reply), .unanswered(let reply): .retry(reply)
        case .refused(let reply): .auth(reply)
        }
    }
}

/// What an error of the HTTP client says about the request. Everything that is not known to come before the request
/// was written counts as possibly written.
struct ErrorClass: Sendable, Equatable {
    let code: String
    var isBeforeWrite = false
    var isConnectFailure = false
    var isTimeout = false

    init(_ error: any Error) {
        switch error {
        case let error as HTTPClientError: self = Self.client(error)
        case is NIOConnectionError, is SocketAddressError: self = .connect("connect_failed")
        case let error as IOError where error.errnoCode == ECONNREFUSED || error.errnoCode == EADDRNOTAVAIL:
            // Other error numbers are also seen on a connection that was already in use.
            self = .connect("connect_failed")
        case ChannelError.connectTimeout: self = .connect("connect_timeout", isTimeout: true)
        case NIOSSLError.handshakeFailed: self = .connect("tls_failed")
        case let error as NIOSSLExtraError where Self.nameFaults.contains(error): self = .connect("tls_failed")
        case let error as NIOHTTP2Errors.StreamClosed where error.errorCode == .refusedStream:
            // RFC 9113, 8.7: the server has not looked at it. Also what a GOAWAY means for later streams.
            self.init(code: "refused_stream", isBeforeWrite: true)
        case is CancellationError: self.init(code: "cancelled")
        default: self.init(code: "connection_lost")
        }
    }

    private init(
        code: String, isBeforeWrite: Bool = false, isConnectFailure: Bool = false, isTimeout: Bool = false
    ) {
        self.code = code
        self.isBeforeWrite = isBeforeWrite
        self.isConnectFailure = isConnectFailure
        self.isTimeout = isTimeout
    }

    private static func connect(_ code: String, isTimeout: Bool = false) -> ErrorClass {
        ErrorClass(code: code, isBeforeWrite: true, isConnectFailure: true, isTimeout: isTimeout)
    }

    private static let nameFaults: [NIOSSLExtraError] = [.failedToValidateHostname, .serverHostnameImpossibleToMatch]

    private static func client(_ error: HTTPClientError) -> ErrorClass {
        switch error {
        case .connectTimeout: .connect("connect_timeout", isTimeout: true)
        case .tlsHandshakeTimeout: .connect("tls_timeout", isTimeout: true)
        case .getConnectionFromPoolTimeout: ErrorClass(code: "no_connection", isBeforeWrite: true, isTimeout: true)
        case .alreadyShutdown, .invalidURL, .emptyHost, .emptyScheme: ErrorClass(code: "not_sent", isBeforeWrite: true)
        case .deadlineExceeded, .readTimeout, .writeTimeout: ErrorClass(code: "timeout", isTimeout: true)
        case .cancelled: ErrorClass(code: "cancelled")
        default:
            if error.shortDescription.hasPrefix("Server offered unsupported") {
                .connect("tls_protocol")
            } else {
                ErrorClass(code: "connection_lost")
            }
        }
    }
}
