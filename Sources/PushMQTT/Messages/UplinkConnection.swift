import BrokerControl
import Logging
import MosquittoClient
import PushCore
import Synchronization

/// Receives the requests of devices and sends the replies.
///
/// The loop's thread only copies a request into a bounded queue. A full queue answers `overloaded` at once: nothing has
/// been accepted then. Requests of one device are worked off in their order, those of different devices side by side: a
/// send waits for its tenant's service (``BeforeSend``), and nobody else's request may wait with it.
public final class UplinkConnection: Sendable {
    private struct Arrival: Sendable {
        let request: UplinkRequests.Request
        let properties: MQTTPublishProperties
    }

    private let requests: UplinkRequests
    private let logger: Logger
    private let queues: Mutex<DeviceQueues<Arrival>>
    /// Devices to be served.
    private let devices: AsyncStream<String>
    private let serve: AsyncStream<String>.Continuation
    private struct Line: Sendable {
        let session: MQTTSession
        /// For the replies; nil where the broker does not understand envelopes.
        let replies: EnvelopeStream?
    }

    /// Nil when it has been stopped.
    private let line = Mutex<Line?>(nil)
    /// Every request that was taken has been answered.
    private let drained = WakeSignal()
    /// Devices with a request under way at once: fewer than the archive's writer takes, so that a crowd waits here and is
    /// not refused there.
    private static let activeMax = 8000
    private static let perDeviceShare = 128

    public init(
        _ connection: GatewayConnection, requests: UplinkRequests, loop: MQTTLoop, limits: Limits, logger: Logger
    ) throws {
        self.requests = requests
        self.logger = logger
        queues = Mutex(
            DeviceQueues(
                countMax: limits.uplinkRequestsWaitingMax,
                perDeviceMax: max(1, limits.uplinkRequestsWaitingMax / Self.perDeviceShare),
                activeMax: Self.activeMax))
        // Not bounded here: a device is in it once, and how many there are is bounded by the queues.
        (devices, serve) = AsyncStream.makeStream(of: String.self)
        var options = connection.options(clientID: BrokerIdentity.uplinkClientID)
        // A client has a request at QoS 1 and repeats it until it has the reply. Between our own broker and this process
        // QoS 1 would add two packets to each request and no safety: the session is clean, so what the broker holds for it
        // ends with the connection either way. A gateway that does not read is cut off by its keepalive. With the plugin
        // requests come in envelopes, and only the wills of devices by this subscription.
        options.subscriptions = [
            MQTTSubscription(Topics.allRequests, qos: connection.hasPlugin ? .atMostOnce : .atLeastOnce)
        ]
        let session = try loop.makeSession(options) { [weak self] _, event in self?.handle(event) }
        let replies =
            connection.hasPlugin ? EnvelopeStream(session, waitingMax: options.queuedPublishesMax) : nil
        line.withLock { $0 = Line(session: session, replies: replies) }
    }

    public var isConnected: Bool { line.withLock { $0?.session.isConnected ?? false } }

    /// Works off requests until the task is cancelled; those that were taken by then are finished.
    public func run() async {
        await withDiscardingTaskGroup { group in
            for await device in devices {
                group.addTask { await self.answerAll(of: device) }
            }
        }
        drained.wake()
    }

    /// Takes no more requests, finishes those that were taken, disconnects.
    public func stop() async {
        let isDone = queues.withLock { queues in
            queues.close()
            return queues.isDone
        }
        if isDone { serve.finish() }
        await drained.wait(atMost: .seconds(10))
        let ended = line.withLock { line in
            defer { line = nil }
            return line
        }
        await ended?.replies?.drain(atMost: .seconds(2))
        await ended?.session.stop(drain: .seconds(2))
    }

    private func handle(_ event: MQTTEvent) {
        switch event {
        case .message(let message) where message.topic == BrokerTopic.requests: takeAll(of: message.payload)
        case .message(let message): take(message)
        case .subscribed(let filters, let granted) where granted.contains { $0 >= 128 }:
            logger.error("the broker refused the gateway's subscription", metadata: ["filters": "\(filters)"])
        case .disconnected(let reason) where reason != .requested:
            logger.notice("the uplink connection ended", metadata: ["reason": "\(reason)"])
        default: break
        }
    }

    /// What the plugin gathered. Only the plugin can publish it: devices may not, and Mosquitto asks it about each.
    private func takeAll(of envelope: [UInt8]) {
        envelope.withUnsafeBytes { bytes in
            do throws(PublishEnvelopeReader.Malformed) {
                var reader = try PublishEnvelopeReader(bytes)
                while let publish = try reader.next() {
                    take(
                        MQTTMessage(
                            topic: String(decoding: publish.topic, as: UTF8.self), payload: Array(publish.payload),
                            qos: 0, retain: false,
                            properties: MQTTPublishProperties(
                                responseTopic: publish.responseTopic.map { String(decoding: $0, as: UTF8.self) },
                                correlationData: publish.correlationData.map { Array($0) })))
                }
            } catch {
                // Those who asked repeat their requests.
                logger.error("an envelope of requests could not be read", metadata: ["bytes": "\(bytes.count)"])
            }
        }
    }

    private func take(_ message: MQTTMessage) {
        guard let (deviceID, operation) = Topics.request(message.topic) else { return }
        let arrival = Arrival(
            request: .init(deviceID: deviceID, operation: operation, payload: message.payload),
            properties: message.properties)
        switch queues.withLock({ $0.add(arrival, of: deviceID) }) {
        case .serve:
            serve.yield(deviceID)
            return
        case .waits: return
        case .full: break
        }
        let error = GatewayError(.overloaded, "The gateway is busy; send the request again.", retryAfterSeconds: 1)
        let requestID = (try? RawJSON(parsing: message.payload))?.object?["requestId"]  // no id where it is no JSON
        send(UplinkRequests.refusal(error, requestID: requestID, operation: operation), to: arrival)
    }

    /// One request after the other, until the device has no more.
    private func answerAll(of device: String) async {
        var isFirst = true
        while let arrival = queues.withLock({ $0.next(of: device, isFirst: isFirst) }) {
            await answer(arrival)
            isFirst = false
        }
        let (next, isDone) = queues.withLock { ($0.nextDevice(), $0.isDone) }
        if let next { serve.yield(next) }
        if isDone { serve.finish() }
    }

    private func answer(_ arrival: Arrival) async {
        let own = Topics.reply(deviceID: arrival.request.deviceID)
        if let wanted = arrival.properties.responseTopic, wanted != own {
            // The gateway may publish anywhere; a device may not make it do so.
            let error = GatewayError(.invalidRequest, "The response topic must be \(own).")
            send(UplinkRequests.refusal(error, requestID: nil, operation: arrival.request.operation), to: arrival)
            return
        }
        let isCorrelated = arrival.properties.correlationData != nil || arrival.properties.responseTopic != nil
        let reply = await requests.reply(to: arrival.request, isCorrelated: isCorrelated)
        if let payload = reply.payload {
            if reply.afterwards == nil {
                send(payload, to: arrival)
            } else {
                // What comes afterwards closes the session: the broker has to have the reply first.
                let taken = WakeSignal()
                send(payload, to: arrival) { taken.wake() }
                await taken.wait(atMost: .seconds(2))
            }
        }
        await reply.afterwards?()
    }

    private func send(_ reply: [UInt8], to arrival: Arrival, taken: @escaping @Sendable () -> Void = {}) {
        guard let line = line.withLock({ $0 }) else { return }
        let topic = Topics.reply(deviceID: arrival.request.deviceID)
        let correlationData = arrival.properties.correlationData
        // Where it is not taken: the client repeats a request until it has the reply.
        if let replies = line.replies {
            let isTaken = replies.publish(topic: topic, payload: reply, correlationData: correlationData) { _ in taken()
            }
            if !isTaken { logger.warning("a reply could not be queued", metadata: ["error": "too many wait"]) }
            return
        }
        do {
            try line.session.publish(
                topic: topic, payload: reply, properties: MQTTPublishProperties(correlationData: correlationData)
            ) { _ in taken() }
        } catch {
            logger.warning("a reply could not be queued", metadata: ["error": "\(error)"])
        }
    }
}
