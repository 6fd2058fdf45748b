public import BitcoinPrimitives

/// The block from whose height on an HTLC can be taken back by who offered it (BOLT 2 `cltv_expiry`): a height, and not a number of blocks.
public struct CLTVExpiry: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// As it stands in messages, scripts and lock times. 500000000 and more would be a time: BOLT 2 forbids that.
    public var value: UInt32

    /// An expiry as it stands in messages.
    public init(_ value: UInt32) { self.value = value }

    /// The block of a height; one that is beyond every number is the last there is.
    package init(clamping height: UInt64) { value = UInt32(clamping: height) }

    /// Later than every block.
    package static let never = CLTVExpiry(.max)

    /// The height of that block.
    public var height: BlockHeight { BlockHeight(value) }

    /// BOLT 2: "if cltv_expiry is greater or equal to 500000000" the channel fails.
    package var isBlock: Bool { value < 500_000_000 }

    /// So many blocks earlier; `nil` where there are not so many.
    package func earlier(by blocks: UInt32) -> CLTVExpiry? {
        let (difference, overflow) = value.subtractingReportingOverflow(blocks)
        return overflow ? nil : CLTVExpiry(difference)
    }

    public var description: String { "\(value)" }
    public static func < (left: CLTVExpiry, right: CLTVExpiry) -> Bool { left.value < right.value }
}

extension CLTVExpiry: ExpressibleByIntegerLiteral {
    /// An expiry as it stands in messages.
    public init(integerLiteral value: UInt32) { self.value = value }
}

extension BlockHeight {
    /// The expiry of an HTLC that ends so many blocks after this height; one that is beyond every number is the last there is.
    package func expiry(after blocks: some BinaryInteger) -> CLTVExpiry { CLTVExpiry((self + Int(UInt32(clamping: blocks))).uint32) }
}

extension ByteReader {
    package mutating func cltvExpiry() throws(DecodingFailure) -> CLTVExpiry { CLTVExpiry(try uint32()) }
}

extension ByteWriter {
    package mutating func cltvExpiry(_ expiry: CLTVExpiry) { uint32(expiry.value) }
}
