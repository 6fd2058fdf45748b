package import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningRecords
import LightningTransactions
import LightningWire

/// Our output of a commitment that the peer of a channel published, where this database does not know the channel: it was lost, and
/// the words are left.
package struct RecoveredOutput: Hashable, Sendable {
    package var outPoint: OutPoint
    package var output: TransactionOutput
    /// Our funding key of the channel; `nil` for a channel from before there were salts.
    var fundingKey: PublicKey?
    /// The number of a channel from before there were salts.
    var index: UInt64
    /// Whether it is BOLT 3's anchors form, which a block must be on top of.
    var hasAnchors: Bool
    package var height: BlockHeight
    /// The block in which it was spent, by us or by another copy of this wallet.
    package var spentHeight: BlockHeight?

    /// Depth at which a spent one is forgotten.
    static let forgetDepth = 100
    private static let version: UInt8 = 1

    func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: 120)
        writer.uint8(Self.version)
        outPoint.encode(to: &writer)
        output.encode(to: &writer)
        writer.optional(fundingKey) { $0.write($1.compressed) }
        writer.uint64(index)
        writer.uint8(hasAnchors ? 1 : 0)
        writer.blockHeight(height)
        writer.optional(spentHeight) { $0.blockHeight($1) }
        return writer.bytes
    }

    init(
        outPoint: OutPoint, output: TransactionOutput, fundingKey: PublicKey?, index: UInt64, hasAnchors: Bool, height: BlockHeight
    ) {
        self.outPoint = outPoint
        self.output = output
        self.fundingKey = fundingKey
        self.index = index
        self.hasAnchors = hasAnchors
        self.height = height
    }

    init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        guard try reader.uint8() == Self.version else { throw .invalid("version of a recovered output") }
        let outPoint = try OutPoint(from: &reader)
        let output = try TransactionOutput(from: &reader)
        guard output.amount.isMoney else { throw .invalid("amount of a recovered output") }
        let key = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.point() }
        self.init(
            outPoint: outPoint, output: output, fundingKey: key, index: try reader.uint64(), hasAnchors: try reader.uint8() == 1,
            height: try reader.blockHeight())
        spentHeight = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.blockHeight() }
        try reader.expectEnd()
    }
}

// Money in channels whose records are lost. BOLT 2: such a channel's peer is told "unknown channel", and publishes its commitment;
// our output of it can be found from the words alone.
extension NodeCore {
    /// The two funding keys that a transaction shows which may be a commitment: it spends a 2 of 2 alone, and its lock time and sequence
    /// carry BOLT 3's obscured commitment number.
    static func fundingKeys(_ transaction: Transaction) -> [PublicKey]? {
        guard transaction.inputs.count == 1, transaction.lockTime >> 24 == 0x20, transaction.inputs[0].sequence >> 24 == 0x80,
            let script = transaction.inputs[0].witness.last, transaction.inputs[0].witness.count == 4, script.count == 71,
            let first = PublicKey(compressed: script[2..<35]), let second = PublicKey(compressed: script[36..<69]),
            ChannelScripts.funding(first, second).bytes == script
        else { return nil }
        return [first, second]
    }

    /// Looks for money of ours in a block's commitments, and for what has become of it.
    mutating func recover(_ transactions: [(transaction: Transaction, id: TransactionID)], height: BlockHeight) {
        for (transaction, id) in transactions {
            for input in transaction.inputs where coins.recovered[input.previousOutput] != nil {
                coins.recovered[input.previousOutput]!.spentHeight = height
                write(coins.recovered[input.previousOutput]!)
            }
            guard let fundingKeys = Self.fundingKeys(transaction) else { continue }
            let funding = transaction.inputs[0].previousOutput
            // A channel that we know looks after itself.
            if !channels.index.channels(fundedBy: funding).isEmpty { continue }
            var found: [RecoveredOutput] = []
            for fundingKey in fundingKeys {
                let key = keys.paymentSecret(fundingKey: fundingKey).publicKey()
                for hasAnchors in [true, false] {
                    let script = ChannelScripts.toRemoteOutput(key, hasAnchors: hasAnchors)
                    for (index, output) in transaction.outputs.enumerated() where output.script == script {
                        found.append(
                            RecoveredOutput(
                                outPoint: OutPoint(id, UInt32(index)), output: output, fundingKey: fundingKey, index: 0,
                                hasAnchors: hasAnchors, height: height))
                    }
                }
            }
            let unsalted = keys.unsaltedScripts()
            for (index, output) in transaction.outputs.enumerated() {
                guard let known = unsalted[output.script] else { continue }
                found.append(
                    RecoveredOutput(
                        outPoint: OutPoint(id, UInt32(index)), output: output, fundingKey: nil, index: known.index,
                        hasAnchors: known.hasAnchors, height: height))
            }
            for output in found {
                coins.recovered[output.outPoint] = output
                write(output)
                batch.effects.events.append(
                    .note(
                        "\(output.output.amount) were found in the close of a channel that this wallet does not know, and are taken to it"))
            }
        }
        for (outPoint, output) in coins.recovered.sorted(by: { $0.key < $1.key }) {
            guard let spent = output.spentHeight, height - spent > RecoveredOutput.forgetDepth else { continue }
            coins.recovered[outPoint] = nil
            batch.effects.writes.append(.delete(.recovered, key: Self.recoveredKey(outPoint)))
        }
    }

    /// A block left the active chain.
    mutating func unrecover(height: BlockHeight) {
        for (outPoint, output) in coins.recovered.sorted(by: { $0.key < $1.key }) {
            if output.height == height {
                coins.recovered[outPoint] = nil
                batch.effects.writes.append(.delete(.recovered, key: Self.recoveredKey(outPoint)))
            } else if output.spentHeight == height {
                coins.recovered[outPoint]!.spentHeight = nil
                write(coins.recovered[outPoint]!)
            }
        }
    }

    /// Takes what was found to the wallet; at the chain's tip only, for what an old block holds may be spent in a later one.
    mutating func sweepRecovered() {
        guard isSynced else { return }
        for (outPoint, found) in coins.recovered.sorted(by: { $0.key < $1.key }) {
            guard found.spentHeight == nil, height >= found.height, !coins.wallet.isSpentByPending(outPoint),
                let transaction = sweep(found, to: coins.wallet.changeScript)
            else { continue }
            coins.wallet.take(coins.wallet.changeScript)
            coins.wallet.commit(transaction)
            publish(transaction, .recovery)
        }
    }

    /// `nil` where the fee would eat it up.
    private func sweep(_ found: RecoveredOutput, to script: Script) -> Transaction? {
        let secret = found.fundingKey.map { keys.paymentSecret(fundingKey: $0) } ?? keys.unsaltedPaymentSecret(found.index)
        let key = secret.publicKey()
        var transaction = Transaction(
            inputs: [TransactionInput(found.outPoint, sequence: found.hasAnchors ? 1 : 0xffff_fffd)],
            outputs: [TransactionOutput(.zero, script)])
        let spent = found.hasAnchors ? ChannelScripts.toRemoteAnchors(key) : Script.p2pkh(hash: Hash.hash160(key.compressed))
        let last = found.hasAnchors ? spent.bytes : key.compressed
        transaction.inputs[0].witness = [[UInt8](repeating: 0, count: 73), last]
        let fee = layer1.feeRates[.day].feeRoundedUp(weight: transaction.weight)
        guard let amount = found.output.amount.subtracting(fee), amount >= script.dustLimit else { return nil }
        transaction.outputs[0].amount = amount
        var hasher = SignatureHasher(transaction)
        let hash = hasher.witnessV0(input: 0, scriptCode: spent, amount: found.output.amount)
        transaction.inputs[0].witness = [secret.sign(hash).der + [1], last]
        return transaction
    }

    private mutating func write(_ output: RecoveredOutput) {
        batch.effects.writes.append(.put(.recovered, key: Self.recoveredKey(output.outPoint), record: output.encoded()))
    }

    private static func recoveredKey(_ outPoint: OutPoint) -> [UInt8] {
        var writer = ByteWriter(capacity: 36)
        outPoint.encode(to: &writer)
        return writer.bytes
    }
}
