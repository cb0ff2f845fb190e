import NIOCore

/// Runs tasks on the threads of event loops: on the one they are on, otherwise on any of the group. A single event loop
/// is a group of one.
///
/// What is read and written there needs no other thread to be woken up between its steps. See
/// <https://github.com/swiftlang/swift-evolution/blob/main/proposals/0417-task-executor-preference.md>.
package final class EventLoopTaskExecutor: TaskExecutor {
    private let group: any EventLoopGroup

    package init(_ group: any EventLoopGroup) {
        self.group = group
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        group.any().execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
