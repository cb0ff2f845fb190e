import AsyncHTTPClient
import NIOCore
import Synchronization

/// The receiver's answer to a receipt.
public struct ReceiptAnswer: Sendable {
    public let vendor: SimulatedVendor
    public let url: String
    /// The HTTP status; 0 when there was no answer.
    public let status: Int
    /// The answer's body, or why there was none.
    public let body: String
    /// How many pushes the receipt was about.
    public let pushes: Int
}

/// Makes the vendors' calls to receipt addresses, and remembers the latest answers.
final class ReceiptSender: Sendable {
    private static let mostAnswers = 200
    private static let mostAnswerBytes = 64 * 1024
    private static let timeout = TimeAmount.seconds(10)
    private let reporters: [any ReceiptReporter]
    private let clock: @Sendable () -> Int64
    private let kept = Mutex<[ReceiptAnswer]>([])

    init(services: [any VendorService], clock: @escaping @Sendable () -> Int64) {
        reporters = services.compactMap { $0 as? any ReceiptReporter }
        self.clock = clock
    }

    /// The latest answers, oldest first, at most 200.
    var answers: [ReceiptAnswer] { kept.withLock { $0 } }

    /// One call for the vendor's calls; `url` and `request` belong together.
    struct Call: Sendable {
        let vendor: SimulatedVendor
        let url: String
        let request: ReceiptRequest
        let pushes: Int
    }

    /// The calls that report `event` for `pushes`: per vendor and address, not more pushes a call than the vendor puts
    /// into one.
    ///
    /// - Throws: ``VendorSimulatorError/invalid(_:)`` when a vendor reports nothing of the kind, or an address is
    ///   neither given nor named in the push.
    func calls(
        _ event: ReceiptEvent, for pushes: [RecordedPush], to url: String?, key: ReceiptKey?
    ) throws(VendorSimulatorError) -> [Call] {
        struct Destination: Hashable {
            let vendor: SimulatedVendor
            let url: String
        }
        var order: [Destination] = []
        var groups: [Destination: [RecordedPush]] = [:]
        for push in pushes {
            guard let address = url ?? push.receiptURL else {
                throw .invalid("no receipt address: neither is one given nor does the push name one")
            }
            let destination = Destination(vendor: push.vendor, url: address)
            if groups[destination] == nil { order.append(destination) }
            groups[destination, default: []].append(push)
        }
        var calls: [Call] = []
        for destination in order {
            guard let reporter = reporters.first(where: { $0.vendor == destination.vendor }) else {
                throw .invalid("\(destination.vendor.rawValue) sends no receipts")
            }
            var rest = (groups[destination] ?? [])[...]
            while !rest.isEmpty {
                let part = Array(rest.prefix(max(1, reporter.pushesPerReceipt)))
                rest = rest.dropFirst(part.count)
                let request = try reporter.receipt(event, for: part, key: key, now: clock())
                calls.append(
                    Call(
                        vendor: destination.vendor, url: destination.url, request: request, pushes: part.count))
            }
        }
        return calls
    }

    /// - Throws: what the HTTP client throws when there is no answer.
    func send(_ call: Call) async throws -> ReceiptAnswer {
        do {
            var request = HTTPClientRequest(url: call.url)
            request.method = .POST
            request.headers.add(name: "content-type", value: call.request.contentType)
            for (name, value) in call.request.headers { request.headers.add(name: name, value: value) }
            request.body = .bytes(ByteBuffer(string: call.request.body))
            let response = try await HTTPClient.shared.execute(request, timeout: Self.timeout)
            let body = String(buffer: try await response.body.collect(upTo: Self.mostAnswerBytes))
            return keep(call, status: Int(response.status.code), body: body)
        } catch {
            _ = keep(call, status: 0, body: "\(error)")
            throw error
        }
    }

    private func keep(_ call: Call, status: Int, body: String) -> ReceiptAnswer {
        let answer = ReceiptAnswer(vendor: call.vendor, url: call.url, status: status, body: body, pushes: call.pushes)
        kept.withLock {
            $0.append(answer)
            if $0.count > Self.mostAnswers { $0.removeFirst() }
        }
        return answer
    }
}
