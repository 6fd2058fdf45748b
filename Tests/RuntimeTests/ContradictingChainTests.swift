import BitcoinBackend
import BitcoinPrimitives
import Foundation
import Lightning
import TestSupport
import Testing

/// A layer 1 that says what makes no sense, or forgets what it took: the node follows no such block, and is right when the layer 1 is again.
@Suite("a layer 1 that contradicts itself", .serialized, .timeLimit(.minutes(2)))
struct ContradictingChainTests {
    enum Fault: CaseIterable {
        /// A block in the place of the one that was asked for.
        case otherBlock
        /// The block after the next one, as if it were the next.
        case outOfOrder
        /// The next block is at a height that has none.
        case missingBlock
        /// The chain has become shorter than what was said of its tip.
        case staleTip
        /// No fee estimates.
        case noFeeRates
    }

    /// Layer 1 in memory, that is not always right.
    actor Chain: ChainBackend {
        let honest: EmbeddedChain
        /// What is wrong, until it has been for so many times.
        var fault: (fault: Fault, times: Int)?
        /// Whether transactions are taken and forgotten.
        var losesMempool = false
        private(set) var lost: [TransactionID] = []
        private(set) var lies = 0
        /// The height for which a hash was asked last.
        private var asked = BlockHeight.genesis

        init(_ honest: EmbeddedChain) { self.honest = honest }

        func setFault(_ fault: Fault, times: Int) { self.fault = (fault, times) }
        func setLosesMempool(_ loses: Bool) { losesMempool = loses }

        private func isWrong(_ wanted: Fault) -> Bool {
            guard let fault, fault.fault == wanted, fault.times > 0 else { return false }
            self.fault?.times -= 1
            lies += 1
            return true
        }

        func tip() async throws(ChainFailure) -> (height: BlockHeight, hash: BlockHash) {
            let tip = await honest.tip()
            return isWrong(.staleTip) ? (tip.height + 1, BlockHash(Bytes32.zero)) : tip
        }

        func blockHash(height: BlockHeight) async throws(ChainFailure) -> BlockHash? {
            let tip = await honest.tip().height
            // Asked for a block that it has before, the node would take it for a reorganization.
            let isFirst = height == asked + 1
            asked = height
            if height < tip, isFirst, isWrong(.outOfOrder) { return await honest.blockHash(height: height + 1) }
            if height == tip, isWrong(.missingBlock) { return nil }
            return await honest.blockHash(height: height)
        }

        func contents(
            of hash: BlockHash, height: BlockHeight, concerning interests: BlockContents.Interests
        ) async throws(ChainFailure) -> BlockContents {
            if isWrong(.otherBlock), let other = await honest.blockHash(height: 1) { return BlockContents(try await honest.block(other)) }
            return BlockContents(try await honest.block(hash))
        }

        func unspentOutput(
            height: BlockHeight, transaction: Int, output: Int
        ) async throws(ChainFailure) -> (OutPoint, TransactionOutput)? {
            try await honest.unspentOutput(height: height, transaction: transaction, output: output)
        }

        func publish(_ transaction: Transaction) async throws(ChainFailure) {
            guard !losesMempool else { return lost.append(transaction.id) }
            try await honest.publish(transaction)
        }

        func publish(_ transaction: Transaction, payingFor parents: [Transaction]) async throws(ChainFailure) {
            guard !losesMempool else { return lost.append(transaction.id) }
            try await honest.publish(transaction, payingFor: parents)
        }

        func feeRate(within blocks: Int) async throws(ChainFailure) -> FeeRate {
            if isWrong(.noFeeRates) { throw .unexpected("no estimates") }
            return await honest.feeRate(within: blocks)
        }

        func mempool(concerning interests: BlockContents.Interests) async throws(ChainFailure) -> [TransactionID] {
            await honest.mempool()
        }
        func mempoolTransaction(_ id: TransactionID) async throws(ChainFailure) -> Transaction? { await honest.mempoolTransaction(id) }
        func waitForChange(from tip: BlockHash) async { await honest.waitForChange(from: tip) }
    }

    struct World {
        let folder: URL
        let honest: EmbeddedChain
        let chain: Chain
        let alice: LightningNode
        let bob: LightningNode

        init() async throws {
            folder = FileManager.default.temporaryDirectory.appending(path: "contradicting-\(UUID().uuidString)")
            honest = try EmbeddedChain(path: nil, keepsJournal: true)
            chain = Chain(honest)
            alice = try await Self.start(folder, "alice", chain)
            bob = try await Self.start(folder, "bob", honest)
            try await mine(101)
        }

        static func start(_ folder: URL, _ name: String, _ chain: any ChainBackend) async throws -> LightningNode {
            let directory = NodeTests.World.wallet(folder, name)
            _ = try directory.create()
            return try await LightningNode.start(wallet: directory, chain: chain)
        }

        func mine(_ count: Int, bobIsThere: Bool = true) async throws {
            try await honest.mine(count, paying: alice.newAddress().script)
            let height = await honest.tip().height
            try await alice.waitForBlock(height)
            if bobIsThere { try await bob.waitForBlock(height) }
        }

        func stop() async {
            BlockJournal.write(folder.lastPathComponent, await honest.minedBlocks.map { $0.serialized() })
            await alice.stop()
            await bob.stop()
            try? FileManager.default.removeItem(at: folder)
        }
    }

    @Test("no block is followed that is not the next one; afterwards everything is as the chain has it", arguments: Fault.allCases)
    func blocks(fault: Fault) async throws {
        let world = try await World()
        // As often as it takes until the follower gives up, and begins again.
        await world.chain.setFault(fault, times: fault == .noFeeRates ? 1 : 6)
        // One after the other has the node ask for a block that has a next one.
        try await world.honest.mine(3, paying: world.bob.newAddress().script)
        try await world.mine(4)
        let lies = await world.chain.lies
        #expect(lies > 0)
        let height = await world.honest.tip().height
        #expect(try await world.alice.height() == height)
        // It knows that it has all blocks, and begins what would wait for that.
        try await world.alice.connect(world.bob.address!)
        let id = try await world.alice.openChannel(to: world.bob.nodeID, amount: Satoshi(100_000), push: .zero)
        while await world.honest.mempoolIsEmpty { await Task.yield() }
        let events = world.alice.events
        try await world.mine(3)
        for await event in events {
            if case .channelUsable(id) = event { break }
        }
        let (balance, coinbases) = (try await world.alice.balance(), UInt64(101 + 4 + 3))
        // A hundred blocks make a coinbase mature: what came before them counts once; fees come back with the blocks that are mined.
        #expect(balance.onChainConfirmed + balance.onChainImmature == Satoshi(coinbases * 50_0000_0000 - 100_000))
        await world.stop()
    }

    @Test("what the layer 1 forgets is published again: a funding transaction, a commitment, a claim")
    func lostMempool() async throws {
        let world = try await World()
        try await world.alice.connect(world.bob.address!)
        let events = world.alice.events
        await world.chain.setLosesMempool(true)
        let id = try await world.alice.openChannel(to: world.bob.nodeID, amount: Satoshi(1_000_000), push: .zero)
        while await world.chain.lost.isEmpty { await Task.yield() }
        #expect(await world.honest.mempoolIsEmpty)
        await world.chain.setLosesMempool(false)
        try await world.mine(1)
        while await world.honest.mempoolIsEmpty { await Task.yield() }
        try await world.mine(3)
        for await event in events {
            if case .channelUsable(id) = event { break }
        }
        // He would publish his own commitment.
        await world.bob.stop()
        await world.chain.setLosesMempool(true)
        let before = await world.chain.lost.count
        try await world.alice.forceCloseChannel(id)
        while await world.chain.lost.count == before { await Task.yield() }
        #expect(await world.honest.mempoolIsEmpty)
        await world.chain.setLosesMempool(false)
        try await world.mine(1, bobIsThere: false)
        while await world.honest.mempoolIsEmpty { await Task.yield() }
        try await world.mine(1, bobIsThere: false)
        #expect(try await world.alice.channels().first?.close != nil)
        // Our delay; the claim is lost, and made again with a later block.
        let delay = Int(try #require(try await world.alice.channels().first).parameters.remote.toSelfDelay)
        await world.chain.setLosesMempool(true)
        let earlier = await world.chain.lost.count
        try await world.mine(delay, bobIsThere: false)
        while await world.chain.lost.count == earlier { await Task.yield() }
        await world.chain.setLosesMempool(false)
        try await world.mine(1, bobIsThere: false)
        while await world.honest.mempoolIsEmpty { await Task.yield() }
        try await world.mine(6, bobIsThere: false)
        #expect(try await world.alice.channels().first?.isClosed == true)
        await world.stop()
    }
}
