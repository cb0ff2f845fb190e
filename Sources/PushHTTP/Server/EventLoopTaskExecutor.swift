import NIOCore

/// Runs tasks on the thread of an event loop.
///
/// What is read and written there needs no other thread to be woken up between its steps. See
/// <https://github.com/swiftlang/swift-evolution/blob/main/proposals/0417-task-executor-preference.md>.
final class EventLoopTaskExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
