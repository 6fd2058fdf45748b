import BitcoinBackend
import BitcoinPrimitives
import LightningChain
import LightningCore
import Logging
import NIOCore
import Synchronization

/// Tells a node of every block, in order, and publishes what the node asks for.
struct ChainFollower {
    let backend: any ChainBackend
    let driver: NodeDriver
    let logger: Logger
    /// What was told of the last blocks, where layer 1 tells of nothing but what it is asked for.
    let told = ToldBlocks()

    /// Blocks that are gone through again at a start: what a server told late before the last stop nobody would ask for.
    private static let repeated = 6

    /// Follows until cancelled; a layer 1 that is away is asked again.
    func run() async {
        // Said once, not every second while it lasts.
        var trouble: String?
        var refusals: Set<String> = []
        while !Task.isCancelled {
            do {
                let tip = try await backend.tip()
                try await catchUp(to: tip.hash)
                if trouble != nil { logger.notice("the layer 1 is there again, at block \(tip.height)") }
                trouble = nil
                for refusal in await backend.refusals() where refusals.insert(refusal).inserted {
                    logger.error("\(refusal). Money at risk: take another server, or a bitcoind")
                }
                await backend.waitForChange(from: tip.hash)
            } catch is CancellationError {
                return
            } catch {
                let text = "\(error)"
                if text != trouble { logger.warning("\(text); asking every second") }
                trouble = text
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    /// What layer 1 thinks that transactions have to pay; `nil` where it does not say. One that does not answer is not asked again: the
    /// node waits.
    private func feeRates() async -> FeeEstimates? {
        // All at once: some servers take their time for each answer.
        await withTaskGroup(of: (ConfirmationTarget, FeeRate?).self, returning: FeeEstimates?.self) { group in
            for target in ConfirmationTarget.allCases {
                group.addTask { (target, try? await backend.feeRate(within: target.blocks)) }
            }
            var rates: [ConfirmationTarget: FeeRate] = [:]
            for await (target, rate) in group { rates[target] = rate }
            return FeeEstimates(rates)
        }
    }

    /// Feeds blocks until the node is where the layer 1 is. How far that is it is asked once: it moves by what it is fed alone.
    ///
    /// - Throws: a `ChainFailure` where the layer 1 contradicts itself, or is another chain than the node has followed.
    /// - Parameter isStart: whether the last blocks are gone through again where layer 1 may have told of them late.
    func catchUp(to tip: BlockHash, isStart: Bool = false) async throws {
        var (tip, contradictions) = (tip, 0)
        var position = try await driver.read { $0.chain }
        if isStart, backend.isSelective { try await repeatLast(&position) }
        while !Task.isCancelled {
            // Whoever tells of what was asked for alone is asked for what has come to be of interest.
            let interests = backend.isSelective ? try await driver.read { $0.chainInterests } : .init()
            if position.tip == tip {
                let known = told.blocks
                if !known.isEmpty, let missed = try await backend.missed(of: known, concerning: interests), missed <= position.height {
                    logger.info("the layer 1 has told of more in block \(missed): it is gone through again")
                    try await takeBack(to: missed - 1, &position)
                    continue
                }
                // Before anything is said to a peer: fee rates are what its proposals are judged by.
                let rates = await feeRates()
                driver.onLoop {
                    if let rates { driver.enqueue(.feeRates(rates)) }
                    driver.enqueue(.caughtUp)
                }
                return
            }
            guard try await backend.blockHash(height: position.height) == position.tip else {
                guard position.height > 0, position.recent.count > 1 else {
                    throw ChainFailure.unexpected("it is another chain than the wallet has followed")
                }
                try await takeBack(to: position.height - 1, &position)
                continue
            }
            guard let next = try await backend.blockHash(height: position.height + 1) else {
                // The chain may have become shorter.
                contradictions += 1
                guard contradictions < 5 else {
                    throw ChainFailure.unexpected("it has no block \(position.height + 1), and its tip is not block \(position.height)")
                }
                tip = try await backend.tip().hash
                continue
            }
            let block = try await backend.contents(of: next, height: position.height + 1, concerning: interests)
            guard block.hash == next, block.header.previous == position.tip else {
                // The chain may change between two questions; not again and again.
                contradictions += 1
                guard contradictions < 5 else {
                    throw ChainFailure.unexpected("block \(position.height + 1) does not follow the one before it")
                }
                continue
            }
            try await driver.handle(.blockConnected(block, height: position.height + 1))
            position.connect(next)
            if backend.isSelective { told.connect(block, height: position.height) }
        }
    }

    /// Goes through the last blocks again that hold anything of interest. They are there before the first is taken back: a start that fails must
    /// not bring the node further back each time.
    private func repeatLast(_ position: inout ChainPosition) async throws {
        let interests = try await driver.read { $0.chainInterests }
        var blocks: [(height: BlockHeight, contents: BlockContents)] = []
        for back in (0..<Self.repeated).reversed() {
            let height = position.height - back
            guard height > 0, let hash = position.hash(height: height) else { continue }
            // From where the chain has changed the blocks are taken back anyway.
            guard try await backend.blockHash(height: height) == hash else { return }
            blocks.append((height, try await backend.contents(of: hash, height: height, concerning: interests)))
        }
        guard let first = blocks.firstIndex(where: { !$0.contents.entries.isEmpty }) else {
            for block in blocks { told.connect(block.contents, height: block.height) }
            return
        }
        try await takeBack(to: blocks[first].height - 1, &position)
        for block in blocks {
            if block.height == position.height + 1 {
                try await driver.handle(.blockConnected(block.contents, height: block.height))
                position.connect(block.contents.hash)
            }
            told.connect(block.contents, height: block.height)
        }
    }

    /// Takes blocks back that are above a height, as far as they are remembered.
    private func takeBack(to height: BlockHeight, _ position: inout ChainPosition) async throws {
        while position.height > height, position.recent.count > 1 {
            try await driver.handle(.blockDisconnected(height: position.height))
            told.disconnect(height: position.height)
            position.disconnect()
        }
    }

    /// Publishes transactions in their order, and tells the node what became of them.
    func publish(_ publications: AsyncStream<Publication>) async {
        for await publication in publications {
            let id = publication.transaction.id
            do throws(ChainFailure) {
                if publication.parents.isEmpty {
                    try await backend.publish(publication.transaction)
                } else {
                    try await backend.publish(publication.transaction, payingFor: publication.parents)
                }
                driver.onLoop { driver.enqueue(.published(id, .accepted)) }
            } catch {
                // Published again at the next block, where it still makes sense.
                guard case .refused(let reason) = error else {
                    logger.warning("\(publication.purpose) is not published yet: \(error)", metadata: ["txid": "\(id)"])
                    continue
                }
                driver.onLoop { driver.enqueue(.published(id, .refused(reason))) }
            }
        }
    }
}

/// Which transactions the node was told of, by block: as far back as it can take blocks back.
final class ToldBlocks: Sendable {
    private let state = Mutex<[BlockHeight: Set<TransactionID>]>([:])
    private static let remembered = 140

    var blocks: [BlockHeight: Set<TransactionID>] { state.withLock { $0 } }

    func connect(_ block: BlockContents, height: BlockHeight) {
        state.withLock { state in
            state[height] = Set(block.entries.map(\.transaction.id))
            state[height - Self.remembered] = nil
        }
    }

    func disconnect(height: BlockHeight) { state.withLock { $0[height] = nil } }
}
