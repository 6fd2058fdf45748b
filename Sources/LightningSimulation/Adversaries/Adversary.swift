/// Who or what may be in a contested history, beside nodes that pay, hold and close.
public enum Adversary: String, Sendable, CaseIterable {
    /// A node that publishes a commitment which it has revoked, and may take its HTLC outputs to their second step, in blocks of a miner
    /// that prefers them to what punishes.
    case cheater
    /// A node that opens a channel and spends the coins of its funding otherwise, before the other side relies on it.
    case doubleSpender = "double-spender"
    /// A node that goes away, often for longer than its deadlines allow.
    case vanisher
    /// A node that takes what it is sent, and says nothing any more.
    case staller
    /// A node that publishes its commitment for little, with descendants that pay next to nothing, so that ours does not get past it.
    case pinner
    /// Blocks that others replace.
    case reorganizer
    /// A miner who leaves out for some blocks whatever spends outputs of commitments.
    case censor
    /// Blocks that are full: for some time nothing is mined that pays less than others do.
    case feeSpike = "fee-spike"
}
