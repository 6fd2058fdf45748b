package import BitcoinLedger
public import BitcoinPrimitives

/// A base layer under load in virtual time: blocks come at random, people pay what the estimate says for the time they
/// have, and what does not fit waits.
public struct FeeMarket: Sendable {
    public struct Options: Sendable {
        public var seed: UInt64 = 1
        /// Seconds between blocks, on average.
        public var blockInterval = 600
        public var blockWeight = Ledger.maximumBlockWeight
        /// Payments for each second.
        public var load = 10.0
        public var form = BaseLayerLoad.Form.segwit

        public init() {}
    }

    /// What one block brought.
    public struct Report: Sendable {
        public var height: BlockHeight
        /// Seconds since the block before.
        public var interval: Int
        public var transactions: Int
        public var weight: Int
        /// Rates for each 1000 virtual bytes: what the cheapest tenth and the median paid.
        public var cheapest: UInt64
        public var median: UInt64
        /// What waits behind it.
        public var waiting: Int
        public var waitingSize: Int
        /// The estimates for the next block, and for six.
        public var nextBlock: UInt64
        public var sixBlocks: UInt64
    }

    /// What the people have in mind: blocks they are willing to wait.
    private static let patience = [1, 1, 2, 3, 6, 6, 12, 24, 144]

    public let options: Options
    package private(set) var ledger: Ledger
    private var load: BaseLayerLoad
    private var random: SeededRandom
    private var now: UInt32 = 1_700_000_000
    private var start: UInt32
    private var arrivals: [TransactionID: UInt32] = [:]
    /// What the people see; they look again every minute.
    private var outlook: FeeOutlook?
    /// Seconds from arrival to the first confirmation.
    public private(set) var waits: [Int] = []
    public private(set) var refused = 0

    package init(_ options: Options) throws(BlockRefusal) {
        self.options = options
        var policy = Policy()
        policy.blockWeight = options.blockWeight
        ledger = Ledger(policy: policy)
        load = BaseLayerLoad(seed: options.seed, form: options.form)
        random = SeededRandom(seed: options.seed ^ 0x6d61_726b_6574)
        start = now
        try supply()
    }

    /// Gives everyone coins: enough for a few blocks' payments at once.
    private mutating func supply() throws(BlockRefusal) {
        let needed = min(100_000, Int(options.load * Double(options.blockInterval) * 2) + 1000)
        ledger.policy.blockWeight = Ledger.maximumBlockWeight
        for _ in 0..<140 { try mineSupply() }
        let parents = needed / 500 + 1
        for height in 1...min(parents, 39) {
            load.matured(ledger.block(ledger.blockHash(height: BlockHeight(height))!)!)
        }
        for _ in 0..<min(parents, 39) {
            guard let transaction = load.fanOut(into: max(500, needed / 39), rate: 1000) else { break }
            _ = try? ledger.accept(transaction, now: now)
            load.add(transaction, id: transaction.id)
        }
        while !ledger.mempool.entries.isEmpty { try mineSupply() }
        ledger.policy.blockWeight = options.blockWeight
        start = now
    }

    private mutating func mineSupply() throws(BlockRefusal) {
        now += 1
        _ = try ledger.mine(paying: load.script, now: now)
    }

    /// Lets time pass until the next block.
    package mutating func nextBlock() throws(BlockRefusal) -> Report {
        let began = now
        repeat {
            now += 1
            if (now - began) % 60 == 1 { outlook = nil }
            var arriving = Int(options.load)
            let fraction = UInt64((options.load - Double(arriving)) * 1_000_000)
            if random.next(upperBound: 1_000_000) < fraction { arriving += 1 }
            for _ in 0..<arriving { pay() }
        } while random.next(upperBound: UInt64(options.blockInterval)) != 0
        let (block, events) = try ledger.mine(paying: .anchor, now: now)
        for transaction in block.transactions.dropFirst() {
            if let arrival = arrivals.removeValue(forKey: transaction.id) { waits.append(Int(now - arrival)) }
        }
        for case .removed(let id) in events { arrivals[id] = nil }
        let outlook = ledger.feeOutlook(now: now)
        self.outlook = outlook
        let fees = ledger.blockFees(block.hash)!
        let rates = fees.percentiles([10, 50])
        return Report(
            height: ledger.height, interval: Int(now - began), transactions: block.transactions.count - 1,
            weight: block.weight, cheapest: rates[0], median: rates[1], waiting: ledger.mempool.entries.count,
            waitingSize: ledger.mempool.size, nextBlock: outlook.estimate(target: 1).rate,
            sixBlocks: outlook.estimate(target: 6).rate)
    }

    private mutating func pay() {
        let target = Self.patience[Int(random.next(upperBound: UInt64(Self.patience.count)))]
        let outlook = outlook ?? ledger.feeOutlook(now: now)
        self.outlook = outlook
        let estimate = outlook.estimate(target: target).rate
        let rate = max(ledger.minimumFeeRate(now: now), estimate * (85 + random.next(upperBound: 45)) / 100)
        guard let transaction = load.payment(rate: rate) else { return }
        do throws(TransactionRefusal) {
            _ = try ledger.accept(transaction, now: now)
            let id = transaction.id
            arrivals[id] = now
            load.add(transaction, id: id)
        } catch { refused += 1 }
    }

    /// Payments confirmed for each second of virtual time.
    public var throughput: Double { now > start ? Double(waits.count) / Double(now - start) : 0 }
    /// Seconds of virtual time that have passed.
    public var elapsed: Int { Int(now - start) }
}
