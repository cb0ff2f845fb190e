import Testing

@testable import PushMQTT

@Suite struct DeviceQueuesTests {
    @Test func `a device's requests come one after the other, in their order`() {
        var queues = DeviceQueues<Int>(countMax: 10, perDeviceMax: 5, activeMax: 5)
        #expect(queues.add(1, of: "a") == .serve)
        #expect(queues.add(2, of: "a") == .waits)
        #expect(queues.add(3, of: "b") == .serve)
        #expect(queues.next(of: "a", isFirst: true) == 1)
        #expect(queues.next(of: "b", isFirst: true) == 3)
        #expect(queues.next(of: "a", isFirst: false) == 2)
        #expect(queues.add(4, of: "a") == .waits)
        #expect(queues.next(of: "a", isFirst: false) == 4)
        #expect(queues.next(of: "a", isFirst: false) == nil)
        #expect(queues.next(of: "b", isFirst: false) == nil)
        #expect(queues.count == 0)
        #expect(queues.add(5, of: "a") == .serve, "a device that was done is served again")
    }

    @Test func `bounds are kept for a device, for all, and for those that are served`() {
        var queues = DeviceQueues<Int>(countMax: 4, perDeviceMax: 2, activeMax: 1)
        #expect(queues.add(1, of: "a") == .serve)
        #expect(queues.add(2, of: "a") == .waits)
        #expect(queues.add(3, of: "a") == .full)
        #expect(queues.add(4, of: "b") == .waits)
        #expect(queues.add(5, of: "c") == .waits)
        #expect(queues.add(6, of: "d") == .full)
        #expect(queues.nextDevice() == nil, "more than one was served")
        #expect(queues.next(of: "a", isFirst: true) == 1)
        #expect(queues.add(6, of: "d") == .full, "what is under way counts, too")
        #expect(queues.next(of: "a", isFirst: false) == 2)
        #expect(queues.next(of: "a", isFirst: false) == nil)
        #expect(queues.nextDevice() == "b")
        #expect(queues.next(of: "b", isFirst: true) == 4)
        #expect(queues.next(of: "b", isFirst: false) == nil)
        #expect(queues.nextDevice() == "c")
    }

    @Test func `closed, it takes nothing, and is done when all was answered`() {
        var queues = DeviceQueues<Int>(countMax: 4, perDeviceMax: 2, activeMax: 1)
        #expect(queues.add(1, of: "a") == .serve)
        #expect(queues.add(2, of: "b") == .waits)
        queues.close()
        #expect(queues.add(3, of: "c") == .full && !queues.isDone)
        #expect(queues.next(of: "a", isFirst: true) == 1)
        #expect(queues.next(of: "a", isFirst: false) == nil)
        #expect(queues.nextDevice() == "b" && !queues.isDone)
        #expect(queues.next(of: "b", isFirst: true) == 2)
        #expect(queues.next(of: "b", isFirst: false) == nil)
        #expect(queues.isDone)
    }
}
