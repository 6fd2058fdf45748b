import BitcoinLedger
import Dispatch
import Synchronization

/// Runs script checks on all cores.
struct ConcurrentScriptChecks: ScriptCheckRunner {
    /// So many checks are worth waking another core for.
    private static let share = 8

    let cores: Int

    init(cores: Int? = nil) {
        // DispatchQueue knows how many threads the machine is good for; it is told how the work is divided.
        self.cores = cores ?? activeProcessorCount()
    }

    func firstFailure(count: Int, _ check: @Sendable (Int) -> ScriptFailure?) -> ScriptFailure? {
        guard cores > 1, count >= 2 * Self.share else {
            return SerialScriptChecks().firstFailure(count: count, check)
        }
        let found = Mutex<ScriptFailure?>(nil)
        let hasFailed = Atomic<Bool>(false)
        let next = Atomic<Int>(0)
        // Each core takes the next few checks as long as there are any, so that none waits for a slow one's end.
        DispatchQueue.concurrentPerform(iterations: cores) { _ in
            while true {
                let start = next.add(Self.share, ordering: .relaxed).oldValue
                guard start < count, !hasFailed.load(ordering: .relaxed) else { return }
                for number in start..<min(start + Self.share, count) {
                    guard let failure = check(number) else { continue }
                    found.withLock { if $0 == nil { $0 = failure } }
                    hasFailed.store(true, ordering: .relaxed)
                    return
                }
            }
        }
        return found.withLock { $0 }
    }
}
