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

private final class ComputingThreads: TaskExecutor {
    static let shared = ComputingThreads()
    private let queue: OperationQueue

    private init() {
        queue = OperationQueue()
        // As many as there are cores: more would only take turns.
        queue.maxConcurrentOperationCount = ProcessInfo.processInfo.activeProcessorCount
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = asUnownedTaskExecutor()
        queue.addOperation { job.runSynchronously(on: executor) }
    }
}
