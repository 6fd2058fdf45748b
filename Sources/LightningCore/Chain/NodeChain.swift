package import BitcoinPrimitives
import LightningChain
import LightningChannel
import LightningPayment
import LightningRouting
import LightningTransactions
import LightningWire

// The chain: confirmations, spends, and what has to be published again.
extension NodeCore {
    /// Whether a channel has to hear of it when an output is spent.
    package func isWatching(_ outPoint: OutPoint) -> Bool { !channels.index.chain.owners(watching: outPoint).isEmpty }

    /// What has to be told of out of the chain, where layer 1 tells of nothing else: scripts of the wallet and of fundings, and the outputs that
    /// channels, claims and coins wait to see spent.
    ///
    /// Two things are found in whole blocks alone: closes of channels that this database does not know, and channels of others that are gone.
    package var chainInterests: BlockContents.Interests {
        var interests = BlockContents.Interests(
            scripts: coins.wallet.watchedScripts, outPoints: channels.index.chain.watchedOutPoints.union(coins.recovered.keys))
        channels.forEach { channel in
            if !channel.isClosed { interests.scripts.insert(.p2wsh(channel.parameters.fundingScript)) }
        }
        return interests
    }

    /// Those of the mempool's transactions that spend what is watched, or an output of one that does.
    ///
    /// - Parameter others: what else is in the mempool, and may be spent by them.
    package func concerning(_ transactions: [Transaction], beside others: [Transaction] = []) -> Set<TransactionID> {
        func isDirect(_ transaction: Transaction) -> Bool { transaction.inputs.contains { isWatching($0.previousOutput) } }
        let direct = Set((transactions + others).filter(isDirect).map(\.id))
        return Set(
            transactions.filter { transaction in
                direct.contains(transaction.id) || transaction.inputs.contains { direct.contains($0.previousOutput.transaction) }
            }.map(\.id))
    }

    mutating func connect(_ block: BlockContents, height: BlockHeight) {
        guard height == self.height + 1, block.header.previous == chain.tip else {
            preconditionFailure("the driver connects blocks in order")
        }
        layer1.position.connect(block.hash)
        batch.isMetaChanged = true
        let transactions = block.entries.map { (transaction: $0.transaction, id: $0.transaction.id) }
        let movements = coins.wallet.connect(transactions, height: height)
        remember(movements, in: transactions, time: Timestamp(seconds: UInt64(block.header.time)))
        recover(transactions, height: height)
        watchForClients(transactions, height: height)
        removeForgotten()
        endSessions()
        channels.schedule(after: height - 1)
        // A channel of which the block holds nothing, and that waits for no height, is not looked at.
        var heard = channels.index.chain.owners(dueAt: height)
        for (entry, (transaction, id)) in zip(block.entries, transactions) {
            if layer1.publisher.purpose(of: id) != nil { batch.queue.append(.publisher(.answered(id, .confirmed))) }
            for channel in channels.index.chain.owners(awaiting: id) {
                heard.insert(channel)
                fundingConfirmed(channel, transaction, index: entry.position, height: height)
            }
            // What is claimed may be spent in the same block: the index knows of it as soon as the claim is made.
            for input in transaction.inputs {
                for channel in channels.index.chain.owners(watching: input.previousOutput) {
                    heard.insert(channel)
                    tell(channel, .spent(input.previousOutput, by: transaction, height: height))
                }
            }
        }
        for id in heard.sorted() {
            guard channels.contains(id) else { continue }
            tell(id, .block)
            // `channel_ready` comes before the announcement.
            drain()
            announceIfReady(id)
        }
        network.gossip.connected(spending: transactions.flatMap { $0.transaction.inputs.map(\.previousOutput) }, height: height)
        if height.value % 6 == 0 { network.gossip.prune(height: height, now: now) }
        if height.value % 144 == 0 {
            payments.sender.pruneEstimates(now: now)
            forgetBlobs()
        }
        withdrawExpiring(heard)
        batch.queue.append(.forwarder(.block))
        batch.queue.append(.receiver(.timePassed))
        sweepRecovered()
        drain()
        for transaction in coins.wallet.rebroadcasts {
            let purpose = purpose(of: transaction, transaction.id, isSpending: true)
            switch purpose {
            // Their channels publish them, with what belongs to them.
            case .claim, .feeBump: break
            case .payment, .funding, .mutualClose, .commitment, .penalty, .recovery, .watchtower, nil:
                publish(transaction, purpose ?? .payment)
            }
        }
        batch.effects.events.append(.block(height: height))
    }

    private mutating func fundingConfirmed(_ id: ChannelID, _ transaction: Transaction, index: Int, height: BlockHeight) {
        guard let parameters = channels[id]?.parameters else { return }
        let position = Int(parameters.funding.index)
        let expected = TransactionOutput(parameters.fundingAmount, .p2wsh(parameters.fundingScript))
        // "unless outpoint … pays exactly funding_satoshis to the scriptpubkey specified in BOLT #3".
        guard transaction.outputs.indices.contains(position), transaction.outputs[position] == expected else {
            return tell(id, .giveUp("the funding transaction does not pay what was agreed"))
        }
        channels.backup.isOutdated = true
        let inputs = transaction.inputs.map(\.previousOutput)
        tell(id, .fundingConfirmed(height: height, transactionIndex: index, inputs: inputs))
    }

    mutating func disconnect(height: BlockHeight) {
        guard height == self.height, height > 0 else { preconditionFailure("the driver disconnects the tip") }
        layer1.position.disconnect()
        batch.isMetaChanged = true
        network.gossip.disconnected(height: height)
        unrecover(height: height)
        unwatch(height: height)
        coins.wallet.disconnect(height: height)
        forgetMovements(height: height)
        // A close may be open again.
        channels.backup.isOutdated = true
        // Reorganizations are rare: every channel looks at what it had from that block.
        for id in channels.ids {
            // Halves of announcements are for the place in the chain where the channel was.
            channels.annotate(id) { entry in if entry.channel.fundingHeight == height { entry.announcement.exchange = nil } }
            tell(id, .blockDisconnected(height: height))
        }
    }
}
