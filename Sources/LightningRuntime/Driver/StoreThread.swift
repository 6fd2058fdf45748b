import LightningRecords
import LightningStorage
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// The thread on which a node's store is written and read, so that the node goes on while the disk syncs.
///
/// What is asked for is done in its order. Once a commit has failed nothing is committed any more: what came after it builds on what is not
/// there.
final class StoreThread: Sendable {
    /// What queries found after the commit of the batch that asked. One that cannot be answered says so, and stops nothing.
    typealias Outcome = Result<[(query: StoreQuery, found: Result<[StoreEntry], StoreFailure>)], StoreFailure>

    private let store: SQLiteStore
    /// What receives every batch as well, before anything of it leaves.
    private let replica: SQLiteStore?
    private let fence: StoreFence
    /// Where the backup of the channels is kept.
    private let backupFile: String
    private let logger: Logger
    /// How many batches the store holds. Touched on the thread alone.
    nonisolated(unsafe) private var batches: UInt64
    private let pool = NIOThreadPool(numberOfThreads: 1)
    private let failure = Mutex<StoreFailure?>(nil)

    /// - Parameter batches: how many the store holds.
    init(_ store: SQLiteStore, replica: SQLiteStore? = nil, fence: StoreFence, batches: UInt64, backupFile: String, logger: Logger) {
        self.store = store
        self.replica = replica
        self.fence = fence
        self.backupFile = backupFile
        self.logger = logger
        self.batches = batches
        pool.start()
    }

    /// Commits a batch, keeps the backup that comes with it, and then reads what it asks for; `done` is called on the event loop.
    ///
    /// The backup is there before anything of the batch leaves: a channel whose funding transaction is published is in it.
    func commit(
        _ writes: [StoreWrite], backup: [UInt8]? = nil, thenLoad queries: [StoreQuery] = [], on eventLoop: any EventLoop,
        _ done: @escaping @Sendable (Outcome) -> Void
    ) {
        pool.submit { state in
            let outcome = state == .active ? self.perform(writes, queries, backup) : .failure(.unwritable("the node is stopping"))
            eventLoop.execute { done(outcome) }
        }
    }

    private func perform(_ writes: [StoreWrite], _ queries: [StoreQuery], _ backup: [UInt8]? = nil) -> Outcome {
        if let failure = failure.withLock({ $0 }) { return .failure(failure) }
        do throws(StoreFailure) {
            try write(writes)
        } catch {
            failure.withLock { $0 = error }
            return .failure(error)
        }
        if let backup { keep(backup) }
        return .success(
            queries.map { query in (query, Result { () throws(StoreFailure) in try store.entries(query) }) })
    }

    /// Where the backup cannot be written the node goes on: the last one is left as it was, and the peers have the new one.
    private func keep(_ backup: [UInt8]) {
        do throws(DurableFile.Failure) {
            try DurableFile.write(backup, to: backupFile)
        } catch {
            logger.error("the backup of the channels is not renewed: \(error)")
        }
    }

    private func write(_ writes: [StoreWrite]) throws(StoreFailure) {
        guard !writes.isEmpty else { return }
        try store.commit(writes)
        batches += 1
        fence.committed(batches: batches)
        do throws(StoreFailure) {
            try replica?.commit(writes)
        } catch {
            throw .unwritable("its replica does not take a batch (\(error)). Nothing of it has left. Mend that, or start without --replica")
        }
    }

    /// From now on the store is known as the one that is in use here: to be called once what a doubt means is stored.
    func raiseFence() async {
        await withCheckedContinuation { continuation in
            pool.submit { _ in
                _ = self.perform([self.fence.begin(batches: self.batches)], [])
                continuation.resume()
            }
        }
    }

    /// Reads from the store, behind what was asked for before.
    func read<T: Sendable>(_ body: @escaping @Sendable (SQLiteStore) throws -> T) async throws -> T {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<T, any Error>) in
            pool.submit { state in
                guard state == .active else { return continuation.resume(throwing: CancellationError()) }
                continuation.resume(with: Result { try body(self.store) })
            }
        }
    }

    /// Closes the store once all that was asked for is done.
    func close() async {
        await withCheckedContinuation { continuation in
            pool.submit { _ in
                if let mark = self.fence.end() { _ = self.perform([mark], []) }
                continuation.resume()
            }
        }
        try? await pool.shutdownGracefully()
        store.close()
        replica?.close()
    }
}
