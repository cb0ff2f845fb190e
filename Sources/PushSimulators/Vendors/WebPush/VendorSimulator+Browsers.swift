import Foundation

extension VendorSimulator {
    /// Subscribes a simulated browser to push messages.
    ///
    /// - Parameters:
    ///   - applicationServerKey: the only key whose messages are taken, 65 bytes in base64url; nil: any.
    ///   - plainHTTP: with an `http://` endpoint.
    ///   - privateKey: the browser's key, the 32 bytes of a P-256 scalar; nil: a new one.
    ///   - authSecret: 16 bytes; nil: new ones.
    /// - Throws: ``VendorSimulatorError/invalid(_:)`` when a key is none.
    public func subscribe(
        applicationServerKey: String? = nil, plainHTTP: Bool = false, privateKey: Data? = nil, authSecret: Data? = nil
    ) throws -> PushSubscription {
        try subscriptions.subscribe(
            applicationServerKey: applicationServerKey, plainHTTP: plainHTTP, privateKey: privateKey,
            authSecret: authSecret)
    }

    /// Ends a subscription: sending to it is 410 from now on.
    public func unsubscribe(_ subscription: PushSubscription) {
        subscriptions.unsubscribe(endpoint: subscription.endpoint)
    }

    /// Takes a browser off the network, or back. What came meanwhile arrives when it is back: of those with the same
    /// `Topic` the last one, and nothing whose TTL is over.
    public func setConnected(_ isConnected: Bool, _ subscription: PushSubscription) {
        deliver(subscriptions.setConnected(isConnected, endpoint: subscription.endpoint))
    }
}
