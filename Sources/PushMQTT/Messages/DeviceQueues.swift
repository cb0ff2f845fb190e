import DequeModule

/// Requests that wait, in their order for each device: a device has one request under way, and nobody waits for another
/// device's. Bounded for a device, for all together, and in how many devices are served at once.
struct DeviceQueues<Request: Sendable>: Sendable {
    /// Requests of all devices that wait or are under way.
    let countMax: Int
    /// Of one device.
    let perDeviceMax: Int
    /// Devices with a request under way.
    let activeMax: Int

    /// Of devices that are served or wait for it.
    private var lines: [String: Deque<Request>] = [:]
    /// Devices that wait for a place among the active ones.
    private var idle: Deque<String> = []
    private(set) var count = 0
    private var activeCount = 0
    private(set) var isClosed = false

    init(countMax: Int, perDeviceMax: Int, activeMax: Int) {
        self.countMax = countMax
        self.perDeviceMax = perDeviceMax
        self.activeMax = activeMax
    }

    /// Nothing is left, and nothing comes any more.
    var isDone: Bool { isClosed && count == 0 }

    enum Admission: Equatable {
        /// The device is to be served from now on, until ``next(of:)`` has nothing more.
        case serve
        /// It waits behind others.
        case waits
        case full
    }

    mutating func add(_ request: Request, of device: String) -> Admission {
        guard !isClosed, count < countMax else { return .full }
        guard let line = lines[device] else {
            count += 1
            let isServed = activeCount < activeMax
            lines[device] = [request]
            if isServed { activeCount += 1 } else { idle.append(device) }
            return isServed ? .serve : .waits
        }
        guard line.count < perDeviceMax else { return .full }
        count += 1
        lines[device]?.append(request)
        return .waits
    }

    /// The next request of a device that is served; nil when there is none, and then it is served no longer.
    ///
    /// - Parameter isFirst: nothing of it is under way yet.
    mutating func next(of device: String, isFirst: Bool) -> Request? {
        if !isFirst { count -= 1 }
        guard let request = lines[device]?.popFirst() else {
            lines[device] = nil
            activeCount -= 1
            return nil
        }
        return request
    }

    /// A device that has waited for a place and is served from now on.
    mutating func nextDevice() -> String? {
        guard activeCount < activeMax, let device = idle.popFirst() else { return nil }
        activeCount += 1
        return device
    }

    /// Takes no more requests.
    mutating func close() { isClosed = true }
}
