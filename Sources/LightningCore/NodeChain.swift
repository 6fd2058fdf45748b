import BitcoinPrimitives
import LightningChain
import LightningChannel
import LightningPayment
import LightningRouting
import LightningWire

// The chain: confirmations, spends, and what has to be published again.
extension NodeCore {
    mutating func connect(_ block: Block, height: Int) {
        guard height == chain.height + 1, block.header.previous == chain.tip else {
            preconditionFailure("the driver connects blocks in order")
        }
        chain.connect(block.hash)
        isMetaChanged = true
        let transactions = block.transactions.map { (transaction: $0, id: $0.id) }
        wallet.connect(transactions, height: height)
        recover(transactions, height: height)
        var watched: [OutPoint: [ChannelID]] = [:]
        var funding: [TransactionID: [ChannelID]] = [:]
        func watch(_ id: ChannelID) {
            for outPoint in channels[id]!.watchedOutPoints where watched[outPoint]?.contains(id) != true {
                // Every channel hears of it: a peer could name another channel's output as its funding.
                watched[outPoint, default: []].append(id)
            }
        }
        for id in channels.keys.sorted() {
            watch(id)
            if channels[id]!.fundingHeight == nil { funding[channels[id]!.parameters.funding.transaction, default: []].append(id) }
        }
        for (index, (transaction, id)) in transactions.enumerated() {
            for channel in funding[id] ?? [] { fundingConfirmed(channel, transaction, index: index, height: height) }
            for input in transaction.inputs {
                for channel in watched[input.previousOutput] ?? [] {
                    guard let environment = environment(channel) else { continue }
                    apply(
                        channels[channel]!.spent(input.previousOutput, by: transaction, height: height, environment),
                        to: channel)
                    // What is claimed may be spent in the same block.
                    watch(channel)
                }
            }
        }
        for id in channels.keys.sorted() where !channels[id]!.isClosed {
            guard let environment = environment(id) else { continue }
            apply(channels[id]!.newBlock(environment), to: id)
            announceIfReady(id)
        }
        gossip.connected(spending: block.transactions.flatMap { $0.inputs.map(\.previousOutput) }, height: height)
        if height % 6 == 0 { gossip.prune(height: height, now: seconds) }
        if height % 144 == 0 { estimates.prune(now: seconds) }
        failStalledForwards()
        settle(payments.expireSets(now: now, height: height))
        replays.prune(height: height)
        sweepRecovered()
        for transaction in wallet.rebroadcasts { publish(transaction, lastPublications[transaction.id]?.purpose ?? .payment) }
        effects.events.append(.block(height: height))
    }

    private mutating func fundingConfirmed(_ id: ChannelID, _ transaction: Transaction, index: Int, height: Int) {
        guard let environment = environment(id) else { return }
        let parameters = channels[id]!.parameters
        let position = Int(parameters.funding.index)
        let expected = TransactionOutput(parameters.fundingAmount, .p2wsh(parameters.fundingScript))
        // "unless outpoint … pays exactly funding_satoshis to the scriptpubkey specified in BOLT #3".
        guard transaction.outputs.indices.contains(position), transaction.outputs[position] == expected else {
            apply(channels[id]!.fail("the funding transaction does not pay what was agreed", environment), to: id)
            return
        }
        apply(
            channels[id]!.fundingConfirmed(
                height: height, transactionIndex: index, spending: transaction.inputs.map(\.previousOutput), environment), to: id)
    }

    mutating func disconnect(height: Int) {
        guard height == chain.height, height > 0 else { preconditionFailure("the driver disconnects the tip") }
        chain.disconnect()
        isMetaChanged = true
        // Halves of announcements are for the place in the chain where the channel was.
        for (id, channel) in channels where channel.fundingHeight == height { announcing[id] = nil }
        gossip.disconnected(height: height)
        unrecover(height: height)
        wallet.disconnect(height: height)
        for id in channels.keys.sorted() {
            channels[id]!.disconnectedBlock(height: height)
            touched.insert(id)
        }
    }
}
