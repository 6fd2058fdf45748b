public import BitcoinPrimitives

/// An unspent output.
public struct Coin: Hashable, Sendable {
    public var output: TransactionOutput
    /// The block that created it.
    public var height: Int
    public var isCoinbase: Bool

    public init(_ output: TransactionOutput, height: Int, isCoinbase: Bool) {
        self.output = output
        self.height = height
        self.isCoinbase = isCoinbase
    }
}
