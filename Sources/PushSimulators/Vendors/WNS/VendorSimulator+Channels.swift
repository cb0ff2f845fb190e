extension VendorSimulator {
    /// Opens a notification channel on a simulated Windows device.
    ///
    /// - Parameters:
    ///   - otherApp: for an app with another client id: sending to it is 403.
    ///   - plainHTTP: with an `http://` URI.
    /// - Returns: the channel URI, which is the push token. It expires after 30 days.
    public func openChannel(otherApp: Bool = false, plainHTTP: Bool = false) -> String {
        channels.open(otherApp: otherApp, base: plainHTTP ? "http://\(urlHost):\(httpPort)" : nil)
    }

    /// Closes a channel: sending to it is 410 from now on.
    public func closeChannel(_ uri: String) { channels.close(uri) }
}
