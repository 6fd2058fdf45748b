import Foundation
public import Testing

/// Runs tests that compute for long on threads of their own.
///
/// All tests of a run share a pool with one thread for each core: two tests that compute for minutes stop every other test for as long, and
/// timeouts of servers pass meanwhile that have nothing to do with what is tested.
public struct OwnThreads: TestTrait, SuiteTrait, TestScoping {
    public let isRecursive = true

    @concurrent
    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(ComputingThreads.shared) { try await function() }
    }
}

extension Trait where Self == OwnThreads {
    /// For tests that compute for longer than others should wait.
    public static var ownThreads: Self { OwnThreads() }
}

/// Threads, and not a queue of Dispatch: its threads are those of the pool.
private final class ComputingThreads: TaskExecutor, @unchecked Sendable {
    static let shared = ComputingThreads()
    private let condition = NSCondition()
    private var jobs: [UnownedJob] = []

    private init() {
        // As many as there are cores: more would only take turns.
        for _ in 0..<ProcessInfo.processInfo.activeProcessorCount {
            let thread = Thread { [unowned self] in while true { next().runSynchronously(on: asUnownedTaskExecutor()) } }
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    func enqueue(_ job: consuming ExecutorJob) {
        condition.lock()
        jobs.append(UnownedJob(job))
        condition.signal()
        condition.unlock()
    }

    private func next() -> UnownedJob {
        condition.lock()
        defer { condition.unlock() }
        while jobs.isEmpty { condition.wait() }
        return jobs.removeFirst()
    }
}
