import BitcoinBackend
import BitcoinPrimitives
import LightningChain
import LightningCore
import NIOCore

/// Shows a node the transactions of layer 1's mempool that pay its wallet, so that money on its way is seen before it is mined; and those that
/// spend what it watches, or what waits there and does: their preimages are as good as any.
///
/// Nothing else is decided by them: whoever sent one can still take it back.
struct MempoolWatcher {
    let backend: any ChainBackend
    let driver: NodeDriver

    /// New transactions that are looked at in one round, of a layer 1 that has to be asked for each.
    private static let round = 500

    /// Looks until cancelled: every second, and less often into a mempool that is large.
    func run() async {
        var known: Set<TransactionID> = []
        // What was there before, and is looked at when nothing newer waits.
        var backlog: [TransactionID] = []
        var ours: [TransactionID: Transaction] = [:]
        // What the others spend: the node may watch it later, as when the commitment is mined whose output a waiting claim spends.
        var spends: [TransactionID: [OutPoint]] = [:]
        var height = BlockHeight.genesis
        while !Task.isCancelled {
            var pause = 1
            // A layer 1 that is away is noted by whoever follows the chain.
            let interests = backend.isSelective ? try? await driver.read { $0.chainInterests } : .init()
            if let interests, let ids = try? await backend.mempool(concerning: interests) {
                pause = min(60, max(1, ids.count / 1000))
                let current = Set(ids)
                var isChanged = false
                known.formIntersection(current)
                if spends.count > current.count { spends = spends.filter { current.contains($0.key) } }
                if let now = try? await driver.read({ $0.height }), now != height {
                    height = now
                    // What a channel did not need before this block it may need now.
                    isChanged = !ours.isEmpty
                    let waiting = spends
                    let watched = try? await driver.read { core in
                        waiting.filter { $0.value.contains { core.isWatching($0) } }.map(\.key)
                    }
                    for id in watched ?? [] {
                        spends[id] = nil
                        known.remove(id)
                    }
                }
                for id in ours.keys where !current.contains(id) {
                    ours[id] = nil
                    isChanged = true
                }
                let new = ids.filter { known.insert($0).inserted }
                backlog = backlog.filter(current.contains) + new
                var found: [Transaction] = []
                for _ in 0..<min(Self.round, backlog.count) {
                    do throws(ChainFailure) {
                        let transaction = try await backend.mempoolTransaction(backlog[backlog.count - 1])
                        if let transaction { found.append(transaction) }
                    } catch {
                        // What cannot be had now is asked for again; what makes no sense never will.
                        guard case .unexpected = error else { break }
                    }
                    backlog.removeLast()
                }
                for transaction in found { spends[transaction.id] = transaction.inputs.map(\.previousOutput) }
                let (candidates, beside) = (found, Array(ours.values))
                let wanted = try? await driver.read { core in
                    let concerning = core.concerning(candidates, beside: beside)
                    return candidates.filter { transaction in
                        concerning.contains(transaction.id) || transaction.outputs.contains { core.wallet.owns($0.script) }
                    }
                }
                for transaction in wanted ?? [] {
                    ours[transaction.id] = transaction
                    spends[transaction.id] = nil
                    isChanged = true
                }
                // What claims the outputs of a close may have been looked at before the close was.
                let parents = Set((wanted ?? []).map(\.id))
                for (id, outPoints) in spends where outPoints.contains(where: { parents.contains($0.transaction) }) {
                    spends[id] = nil
                    known.remove(id)
                }
                if isChanged {
                    let seen = Array(ours.values)
                    driver.onLoop { driver.enqueue(.mempoolSeen(seen)) }
                }
            }
            try? await Task.sleep(for: .seconds(pause))
        }
    }
}
