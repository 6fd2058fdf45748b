public import BitcoinPrimitives

/// Why layer 1 did not answer, or did not take what it was given.
public enum ChainFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// It does not answer, and why: it is asked again.
    case unreachable(String)
    /// It is there, and cannot serve yet.
    case notReady(String)
    /// The other end is not what it should be.
    case unexpected(String)
    /// A transaction or a block was refused, for Bitcoin Core's reason.
    case refused(String)
    /// Its own disk refuses, or what is there is damaged.
    case store(String)

    /// The bare reason, without the words around it.
    public var reason: String {
        switch self {
        case .unreachable(let why), .notReady(let why), .unexpected(let why), .refused(let why), .store(let why): why
        }
    }

    public var description: String {
        switch self {
        case .unreachable(let why): "the layer 1 cannot be reached: \(why)"
        case .notReady(let why): "the layer 1 is not ready: \(why)"
        case .unexpected(let what): "unexpected answer of the layer 1: \(what)"
        case .refused(let why): "the layer 1 refuses it: \(why)"
        case .store(let why): "the layer 1's database: \(why)"
        }
    }
}

/// Layer 1 as a Lightning node needs it: the embedded chain in this process, a bitcoind behind JSON-RPC, or an Electrum server.
public protocol ChainBackend: Sendable {
    /// The active chain's last block.
    func tip() async throws(ChainFailure) -> (height: BlockHeight, hash: BlockHash)
    /// The hash of the active chain's block at a height; `nil` above the tip.
    func blockHash(height: BlockHeight) async throws(ChainFailure) -> BlockHash?
    /// Whether it tells of nothing but what it is asked for: then it is told what that is.
    var isSelective: Bool { get }
    /// What a block of the active chain holds: all of it, or at least what the interests name, and what spends or pays for that in the same block.
    ///
    /// - Throws: `.refused` where there is no such block; `.notReady` where it has left the active chain.
    func contents(
        of hash: BlockHash, height: BlockHeight, concerning interests: BlockContents.Interests
    ) async throws(ChainFailure) -> BlockContents
    /// The lowest of some blocks of the active chain of which more is known now than was told, for a server learns late, and interests grow; `nil`
    /// where nothing was missed. What was told of it, and of what is on top of it, has to be taken back and asked for again.
    ///
    /// - Parameter told: the transactions that were told of each block.
    func missed(
        of told: [BlockHeight: Set<TransactionID>], concerning interests: BlockContents.Interests
    ) async throws(ChainFailure) -> BlockHeight?
    /// What it refuses to tell though it is of interest, in words.
    ///
    /// Money at risk: what happens there is not seen.
    func refusals() async -> [String]
    /// The unspent output at a place in the active chain; `nil` where there is none or it is spent.
    ///
    /// - Throws: `.notReady` for a block that is not there yet.
    func unspentOutput(height: BlockHeight, transaction: Int, output: Int) async throws(ChainFailure) -> (OutPoint, TransactionOutput)?
    /// Gives a transaction to the mempool. One that is known already is no failure.
    func publish(_ transaction: Transaction) async throws(ChainFailure)
    /// Gives a transaction to the mempool together with the unconfirmed ones that it pays for; those that are known already are no failure.
    ///
    /// - Throws: `.refused` where the last one is refused.
    func publish(_ transaction: Transaction, payingFor parents: [Transaction]) async throws(ChainFailure)
    /// What a transaction has to pay to be mined within so many blocks, as far as can be told; never below the floor of BOLT 2.
    ///
    /// - Parameter blocks: 1 to 1008.
    func feeRate(within blocks: Int) async throws(ChainFailure) -> FeeRate
    /// The transactions that wait for a block, by their ids: all, or those that the interests name and what spends those.
    func mempool(concerning interests: BlockContents.Interests) async throws(ChainFailure) -> [TransactionID]
    /// One of them; `nil` where it has left meanwhile.
    func mempoolTransaction(_ id: TransactionID) async throws(ChainFailure) -> Transaction?
    /// Returns when the tip is no longer this one, or after some time.
    func waitForChange(from tip: BlockHash) async
}

extension ChainBackend {
    /// Whole blocks tell everything.
    public var isSelective: Bool { false }
    /// Nothing is missed in whole blocks.
    public func missed(
        of told: [BlockHeight: Set<TransactionID>], concerning interests: BlockContents.Interests
    ) async throws(ChainFailure) -> BlockHeight? { nil }
    /// Whole blocks tell everything.
    public func refusals() async -> [String] { [] }

    /// Hands a transaction to the mempool after the unconfirmed ones that it pays for, one by one.
    ///
    /// - Returns: nothing where it is taken; else the parents that pay too little by themselves, to be given together with it.
    func publishEach(
        _ transaction: Transaction, payingFor parents: [Transaction], takesPackages: Bool
    ) async throws(ChainFailure) -> [Transaction] {
        var refused: [Transaction] = []
        for parent in parents {
            do throws(ChainFailure) { try await publish(parent) } catch {
                guard case .refused = error else { throw error }
                refused.append(parent)
            }
        }
        do throws(ChainFailure) {
            try await publish(transaction)
            return []
        } catch {
            guard case .refused = error, !refused.isEmpty, takesPackages else { throw error }
        }
        return refused
    }
}
