public import BitcoinPrimitives
import CryptoPrimitives

/// The embedded layer 1: a whole Bitcoin regtest chain as one value.
///
/// Blocks go in, and what changed comes out; nothing here reads a clock or a disk.
public struct Ledger: Sendable {
    /// What a driver has to store and to tell others.
    public enum Event: Sendable, Hashable {
        case connected(Block, height: Int)
        case disconnected(Block, height: Int)
        case accepted(Transaction)
        /// A transaction left the mempool without being mined.
        case removed(TransactionID)
    }

    struct IndexEntry: Sendable {
        var block: Block
        var height: Int
        /// Refused when it was to be connected; so is every descendant.
        var isInvalid = false
    }

    static let maximumBlockWeight = 4_000_000
    static let maximumSignatureOperationCost = 80_000

    public let parameters: ChainParameters
    var index: [BlockHash: IndexEntry] = [:]
    /// The hashes of the active chain, by height.
    var active: [BlockHash] = []
    var coins: [OutPoint: Coin] = [:]
    /// What each active block spent, in the order of spending.
    var undo: [BlockHash: [(OutPoint, Coin)]] = [:]
    /// Where each transaction of the active chain was mined.
    var locations: [TransactionID: (block: BlockHash, position: Int)] = [:]
    public internal(set) var mempool = Mempool()

    public init(parameters: ChainParameters = .regtest) {
        self.parameters = parameters
        let hash = parameters.genesis.hash
        index[hash] = IndexEntry(block: parameters.genesis, height: 0)
        active = [hash]
    }

    // MARK: Looking

    /// The height of the active chain's last block.
    public var height: Int { active.count - 1 }
    public var tip: BlockHash { active[active.count - 1] }

    public func blockHash(height: Int) -> BlockHash? {
        active.indices.contains(height) ? active[height] : nil
    }

    public func block(_ hash: BlockHash) -> Block? { index[hash]?.block }

    /// The height of a block, and whether it is in the active chain.
    public func position(of hash: BlockHash) -> (height: Int, isActive: Bool)? {
        guard let entry = index[hash] else { return nil }
        return (entry.height, entry.height < active.count && active[entry.height] == hash)
    }

    public func coin(_ outPoint: OutPoint) -> Coin? { coins[outPoint] }
    public var coinCount: Int { coins.count }

    /// The sum of all unspent outputs.
    public var circulation: Satoshi { coins.values.lazy.map(\.output.amount).checkedSum() ?? .maximum }

    /// Every unspent output that pays to the script, in the order of outpoints.
    public func coins(paying script: Script) -> [(outPoint: OutPoint, coin: Coin)] {
        coins.filter { $0.value.output.script == script }.map { ($0.key, $0.value) }.sorted { $0.0 < $1.0 }
    }

    /// A transaction of the active chain or the mempool.
    public func transaction(_ id: TransactionID) -> (transaction: Transaction, block: BlockHash?)? {
        if let entry = mempool.entries[id] { return (entry.transaction, nil) }
        guard let (hash, position) = locations[id], let block = block(hash) else { return nil }
        return (block.transactions[position], hash)
    }

    /// BIP 113: the median of the times of a block and its ten predecessors, on the active chain.
    public func medianTimePast(height: Int) -> UInt32 {
        medianTimePast(endingAt: active[min(height, active.count - 1)])
    }

    func medianTimePast(endingAt hash: BlockHash) -> UInt32 {
        var times: [UInt32] = []
        var current = hash
        while times.count < 11, let entry = index[current] {
            times.append(entry.block.header.time)
            current = entry.block.header.previous
        }
        times.sort()
        return times[times.count / 2]
    }

    // MARK: Blocks

    /// Takes a block of anyone's making; what changed in the active chain and the mempool.
    ///
    /// A block on a side branch changes nothing until its branch has more work.
    /// - Parameters:
    ///   - now: seconds since 1970, for the limit of two hours into the future.
    ///   - assumeValid: leave out the scripts: for blocks that this ledger has checked before.
    public mutating func submit(
        _ block: Block, now: UInt32, assumeValid: Bool = false
    ) throws(BlockRefusal) -> [Event] {
        let hash = block.hash
        if let known = index[hash] { throw known.isInvalid ? .knownInvalid : .duplicate }
        guard let parent = index[block.header.previous] else { throw .orphan }
        if parent.isInvalid { throw .knownInvalid }
        let height = parent.height + 1
        try checkHeader(block.header, hash: hash, now: now)
        try checkBlock(block, height: height)
        index[hash] = IndexEntry(block: block, height: height)
        // All blocks have the same difficulty, so the longest branch has the most work; the first seen wins a draw.
        guard height > self.height else { return [] }
        return try activate(hash, assumeValid: assumeValid)
    }

    /// Makes the branch that ends in `hash` the active one, or throws and leaves everything as it was.
    private mutating func activate(_ hash: BlockHash, assumeValid: Bool) throws(BlockRefusal) -> [Event] {
        var branch: [BlockHash] = []
        var fork = hash
        while let entry = index[fork], !(entry.height < active.count && active[entry.height] == fork) {
            branch.append(fork)
            fork = entry.block.header.previous
        }
        var events: [Event] = []
        var returned: [Transaction] = []
        var abandoned: [BlockHash] = []
        while tip != fork {
            abandoned.append(tip)
            let (block, height) = disconnectTip()
            returned.insert(contentsOf: block.transactions.dropFirst(), at: 0)
            events.append(.disconnected(block, height: height))
        }
        for next in branch.reversed() {
            do {
                try connect(next, assumeValid: assumeValid)
            } catch {
                while tip != fork { _ = disconnectTip() }
                for old in abandoned.reversed() {
                    do { try connect(old, assumeValid: true) } catch { preconditionFailure("was connected: \(error)") }
                }
                // The block is remembered as invalid, and so is whatever was built on it.
                let position = branch.firstIndex(of: next)!
                for descendant in branch[...position] { index[descendant]?.isInvalid = true }
                throw error
            }
            events.append(.connected(index[next]!.block, height: height))
        }
        events += updateMempool(after: branch.reversed().map { index[$0]!.block }, returned: returned)
        return events
    }

    private mutating func disconnectTip() -> (Block, Int) {
        let hash = active.removeLast()
        let block = index[hash]!.block
        for transaction in block.transactions {
            let id = transaction.id
            for position in transaction.outputs.indices { coins[OutPoint(id, UInt32(position))] = nil }
            locations[id] = nil
        }
        for (outPoint, coin) in undo.removeValue(forKey: hash)!.reversed() { coins[outPoint] = coin }
        // An output made and spent in this block was restored by the undo data: remove it again.
        for transaction in block.transactions {
            let id = transaction.id
            for position in transaction.outputs.indices { coins[OutPoint(id, UInt32(position))] = nil }
        }
        return (block, active.count)
    }

    // MARK: Rules

    private func checkHeader(_ header: BlockHeader, hash: BlockHash, now: UInt32) throws(BlockRefusal) {
        guard header.bits == parameters.bits else { throw .rule("bad-diffbits") }
        // The target of 0x207fffff is 7fffff followed by zeros: only the top bits decide.
        let value = hash.bytes.reversed
        var target = Bytes32()
        (target[0], target[1], target[2]) = (0x7f, 0xff, 0xff)
        guard value <= target else { throw .rule("high-hash") }
        if header.time <= medianTimePast(endingAt: header.previous) { throw .rule("time-too-old") }
        if UInt64(header.time) > UInt64(now) + 7200 { throw .rule("time-too-new") }
        // BIP 34, 66 and 65 together leave no version below four.
        if Int32(bitPattern: header.version) < 4 {
            throw .rule("bad-version(0x\(Hex.encode(withUnsafeBytes(of: header.version.bigEndian) { Array($0) })))")
        }
    }

    /// What can be said of a block without the coins it spends.
    private func checkBlock(_ block: Block, height: Int) throws(BlockRefusal) {
        let (root, isMutated) = MerkleTree.root(block.transactions.map(\.id.bytes))
        guard root == block.header.merkleRoot else { throw .rule("bad-txnmrklroot") }
        if isMutated { throw .rule("bad-txns-duplicate") }
        guard let coinbase = block.transactions.first, coinbase.isCoinbase else { throw .rule("bad-cb-missing") }
        if block.transactions.dropFirst().contains(where: \.isCoinbase) { throw .rule("bad-cb-multiple") }
        if block.weight > Self.maximumBlockWeight { throw .rule("bad-blk-weight") }
        let cutoff = medianTimePast(endingAt: block.header.previous)
        for transaction in block.transactions {
            do { try TransactionRules.checkForm(transaction) } catch { throw .rule(error.reason) }
            guard TransactionRules.isFinal(transaction, height: height, medianTimePast: cutoff) else {
                throw .rule("bad-txns-nonfinal")
            }
        }
        // BIP 34: "the first item in the coinbase transaction's scriptSig" is the height.
        let prefix = Script([.number(Int64(height))]).bytes
        guard coinbase.inputs[0].signatureScript.bytes.starts(with: prefix) else { throw .rule("bad-cb-height") }
        try checkWitnessCommitment(block, coinbase)
    }

    /// BIP 141's commitment to the witnesses in the coinbase.
    private func checkWitnessCommitment(_ block: Block, _ coinbase: Transaction) throws(BlockRefusal) {
        let commitment = coinbase.outputs.last {
            $0.script.bytes.count >= 38 && $0.script.bytes.starts(with: BlockTemplate.commitmentPrefix)
        }
        guard let commitment else {
            if block.transactions.contains(where: \.hasWitness) { throw .rule("unexpected-witness") }
            return
        }
        let witness = coinbase.inputs[0].witness
        guard witness.count == 1, witness[0].count == 32 else { throw .rule("bad-witness-nonce-size") }
        let expected = BlockTemplate.witnessCommitment(block.transactions, reserved: witness[0])
        guard Array(commitment.script.bytes[6..<38]) == expected.array else { throw .rule("bad-witness-merkle-match") }
    }

    /// Puts a block on top of the active chain, or throws and changes nothing.
    private mutating func connect(_ hash: BlockHash, assumeValid: Bool) throws(BlockRefusal) {
        // BIP 30: no transaction may replace unspent outputs of an equal one.
        for transaction in index[hash]!.block.transactions {
            let id = transaction.id
            for position in transaction.outputs.indices where coins[OutPoint(id, UInt32(position))] != nil {
                throw .rule("bad-txns-BIP30")
            }
        }
        var spent: [(OutPoint, Coin)] = []
        do {
            try spendAndCreate(hash, spent: &spent, assumeValid: assumeValid)
        } catch {
            undo[hash] = spent
            active.append(hash)
            _ = disconnectTip()
            throw error
        }
        undo[hash] = spent
        active.append(hash)
    }

    /// Applies a block to the coins; leaves them half changed when it throws.
    private mutating func spendAndCreate(
        _ hash: BlockHash, spent spentCoins: inout [(OutPoint, Coin)], assumeValid: Bool
    ) throws(BlockRefusal) {
        let entry = index[hash]!
        let height = entry.height
        var fees = Satoshi.zero
        var operations = 0
        var spends: [(Transaction, [Coin])] = []
        let ids = entry.block.transactions.map(\.id)
        for (position, transaction) in entry.block.transactions.enumerated() {
            var inputs: [Coin] = []
            if !transaction.isCoinbase {
                for input in transaction.inputs {
                    guard let coin = coins.removeValue(forKey: input.previousOutput) else {
                        throw .rule("bad-txns-inputs-missingorspent")
                    }
                    inputs.append(coin)
                    spentCoins.append((input.previousOutput, coin))
                }
                do {
                    fees += try TransactionRules.checkInputs(
                        transaction, coins: inputs, height: height, maturity: parameters.coinbaseMaturity)
                } catch { throw .rule(error.reason) }
                guard
                    TransactionRules.meetsSequenceLocks(
                        transaction, coins: inputs, height: height, medianTimePast: { medianTimePast(height: $0) })
                else { throw .rule("bad-txns-nonfinal") }
                spends.append((transaction, inputs))
            }
            operations += TransactionRules.signatureOperationCost(transaction, coins: inputs)
            if operations > Self.maximumSignatureOperationCost { throw .rule("bad-blk-sigops") }
            for (outputIndex, output) in transaction.outputs.enumerated() where !output.script.isUnspendable {
                coins[OutPoint(ids[position], UInt32(outputIndex))] = Coin(
                    output, height: height, isCoinbase: position == 0)
            }
            locations[ids[position]] = (hash, position)
        }
        let created = entry.block.transactions[0].outputs.map(\.amount).checkedSum()!
        guard created <= fees + parameters.subsidy(height: height) else { throw .rule("bad-cb-amount") }
        if !assumeValid {
            for (transaction, inputs) in spends {
                do {
                    try TransactionRules.verifyScripts(transaction, coins: inputs, flags: .consensus)
                } catch {
                    throw .rule("mandatory-script-verify-flag-failed (\(error.rawValue))")
                }
            }
        }
    }
}
