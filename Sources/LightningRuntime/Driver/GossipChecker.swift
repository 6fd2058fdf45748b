import BitcoinBackend
import BitcoinPrimitives
import LightningCore
import LightningRouting
import LightningWire
import NIOCore

/// Checks gossip off the node's thread: signatures on every core, funding outputs at the layer 1.
struct GossipChecker {
    let backend: any ChainBackend
    let driver: NodeDriver

    /// Checks under way at a time: enough for every core, and for a layer 1 that takes its time to answer.
    private static let width = 16

    func run(_ checks: AsyncStream<GossipCheck>) async {
        await withDiscardingTaskGroup { group in
            let slots = AsyncStream<Void>.makeStream()
            for _ in 0..<Self.width { slots.continuation.yield() }
            var free = slots.stream.makeAsyncIterator()
            for await check in checks {
                guard await free.next() != nil, !Task.isCancelled else { return }
                group.addTask {
                    await judge(check)
                    slots.continuation.yield()
                }
            }
        }
    }

    @concurrent private func judge(_ check: GossipCheck) async {
        let verdict: GossipVerdict
        if !check.hasValidSignatures() {
            verdict = .invalidSignature
        } else if let funding = check.funding {
            verdict = check.verdict(funding.script, await look(funding.id))
        } else {
            verdict = .valid
        }
        driver.onLoop { driver.enqueue(.gossipChecked(check.number, verdict)) }
    }

    private func look(_ id: ShortChannelID) async -> FundingLookup {
        do throws(ChainFailure) {
            guard
                let (outPoint, output) = try await backend.unspentOutput(
                    height: id.block, transaction: id.transaction, output: id.output)
            else { return .absent }
            return .unspent(outPoint, output)
        } catch {
            // Not a word about whether it exists: it can be announced again.
            return .unknown
        }
    }
}
