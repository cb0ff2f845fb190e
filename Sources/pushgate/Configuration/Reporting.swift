import ArgumentParser
import AsyncHTTPClient
import Foundation
import Glibc
import NIOCore
import NIOSSL
import PushCore
import PushGateClient
import PushMQTT

/// One line on standard output, at once: what is piped is seen as it happens, too.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

/// One line on standard error.
/// - Returns: what to throw: the exit code.
func fail(_ line: String, _ code: ExitCode = .failure) -> ExitCode {
    FileHandle.standardError.write(Data("pushgate: \(line)\n".utf8))
    return code
}

/// Runs a command's work and turns what can go wrong into one line: exit code 1, or 64 where the usage was wrong.
func reportingFaults<Result>(_ work: () async throws -> Result) async throws -> Result {
    do {
        return try await work()
    } catch let exit as ExitCode {
        throw exit
    } catch let error as ValidationError {
        throw fail(error.message, .validationFailure)
    } catch let problem as GatewayProblem {
        throw fail(FaultText.of(problem))
    } catch {
        throw fail(FaultText.of(error))
    }
}

/// Errors in words.
enum FaultText {
    static func of(_ problem: GatewayProblem) -> String {
        // The detail names what is wrong and where; some servers send a code alone.
        problem.detail.isEmpty ? problem.code : "\(problem.code): \(problem.detail)"
    }

    static func of(_ error: any Error) -> String {
        switch error {
        case let problem as GatewayProblem: of(problem)
        case let fault as DataDirectory.Fault: fault.description
        case let error as GatewayError: error.detail
        case let fault as BrokerFault: fault.description
        case let error as HTTPClientError: unreachable(error.shortDescription)
        case let error as IOError: unreachable(String(cString: strerror(error.errnoCode)))
        case NIOSSLError.handshakeFailed, is NIOSSLExtraError:
            "no TLS connection to the gateway (its certificate is not trusted, or for another name): see --ca-file"
        case let error as CocoaError:
            ((error.userInfo[NSFilePathErrorKey] as? String).map { "\($0): " } ?? "") + error.localizedDescription
        default: "\(error)"
        }
    }

    private static func unreachable(_ reason: String) -> String {
        "the gateway cannot be reached (\(reason)): is it running, and is --url right?"
    }
}
