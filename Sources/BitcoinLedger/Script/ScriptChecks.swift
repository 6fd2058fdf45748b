import BitcoinPrimitives
import CryptoPrimitives
import Synchronization

/// Runs many independent script checks: on one core here, on all of them where a driver knows how.
package protocol ScriptCheckRunner: Sendable {
    /// Calls `check` for each number below `count`, and returns a failure if there is one.
    func firstFailure(count: Int, _ check: @Sendable (Int) -> ScriptFailure?) -> ScriptFailure?
}

/// One check after the other.
package struct SerialScriptChecks: ScriptCheckRunner {
    package init() {}

    package func firstFailure(count: Int, _ check: @Sendable (Int) -> ScriptFailure?) -> ScriptFailure? {
        for number in 0..<count { if let failure = check(number) { return failure } }
        return nil
    }
}

/// Remembers signatures that were good, so that a block costs nothing for what the mempool has verified.
///
/// What it holds never changes a verdict, only how fast it comes: two generations, and the older is forgotten when
/// the younger is full.
package final class SignatureCache: Sendable {
    private struct Generations {
        var young: Set<Bytes32> = []
        var old: Set<Bytes32> = []
    }

    private let generations = Mutex(Generations())
    private let capacity: Int

    package init(capacity: Int = 200_000) {
        self.capacity = capacity
    }

    func key(hash: Bytes32, publicKey: [UInt8], signature: [UInt8]) -> Bytes32 {
        var hasher = SHA256Hasher()
        hasher.update(hash)
        // The border between the two is part of what is hashed; no element of a script is longer than two bytes can say.
        hasher.update([UInt8(publicKey.count & 0xff), UInt8(publicKey.count >> 8)])
        hasher.update(publicKey)
        hasher.update(signature)
        return hasher.finalize()
    }

    func contains(_ key: Bytes32) -> Bool {
        generations.withLock { $0.young.contains(key) || $0.old.contains(key) }
    }

    var isEmpty: Bool { generations.withLock { $0.young.isEmpty && $0.old.isEmpty } }

    func insert(_ key: Bytes32) {
        generations.withLock {
            $0.young.insert(key)
            if $0.young.count >= capacity {
                $0.old = $0.young
                $0.young = []
            }
        }
    }
}

/// How script checks use the cache of signatures.
struct SignatureCacheUse: Sendable {
    var cache: SignatureCache
    /// Mempool checks remember; a block's do not, for its signatures are not seen again.
    var remembers: Bool

    /// Verifies, or finds that it was verified before.
    func verify(hash: Bytes32, publicKey: [UInt8], signature: [UInt8], _ check: () -> Bool) -> Bool {
        if !remembers && cache.isEmpty { return check() }
        let key = cache.key(hash: hash, publicKey: publicKey, signature: signature)
        if cache.contains(key) { return true }
        guard check() else { return false }
        if remembers { cache.insert(key) }
        return true
    }
}
