/// Where a block is in its chain: the number of blocks before it, so that the genesis block has height 0.
///
/// Two heights have a distance in blocks, which is an `Int`; a height and a number of blocks make a height. Two heights have no sum.
public struct BlockHeight: Hashable, Sendable, CustomStringConvertible {
    /// The number of blocks before it. One that is computed may lie before the first block (BOLT 5's deadlines do on a young chain).
    public var value: Int

    /// - Parameter value: the number of blocks before it.
    public init(_ value: Int) { self.value = value }

    /// As it stands in records and in messages.
    public init(_ value: UInt32) { self.value = Int(value) }

    /// The first block of every chain.
    public static let genesis = BlockHeight(0)
    /// After every block that there will be.
    public static let never = BlockHeight(Int(UInt32.max))

    /// As records, messages and lock times have it, in 32 bits; what does not fit is the nearest that does.
    public var uint32: UInt32 { UInt32(clamping: value) }

    /// How many blocks deep a block at this height is when the tip is at another: 1 for the tip itself, 0 and less for what is to come.
    public func depth(at tip: BlockHeight) -> Int { tip - self + 1 }

    public var description: String { "\(value)" }

    public static func < (left: BlockHeight, right: BlockHeight) -> Bool { left.value < right.value }

    /// So many blocks later.
    public static func + (height: BlockHeight, blocks: Int) -> BlockHeight { BlockHeight(height.value + blocks) }

    /// So many blocks earlier.
    public static func - (height: BlockHeight, blocks: Int) -> BlockHeight { BlockHeight(height.value - blocks) }

    /// By how many blocks the left one is the later; negative where it is the earlier.
    public static func - (left: BlockHeight, right: BlockHeight) -> Int { left.value - right.value }

    public static func += (height: inout BlockHeight, blocks: Int) { height.value += blocks }

    public static func -= (height: inout BlockHeight, blocks: Int) { height.value -= blocks }
}

extension BlockHeight: Strideable {
    /// By how many blocks another one is later.
    public func distance(to other: BlockHeight) -> Int { other - self }
    /// So many blocks later.
    public func advanced(by blocks: Int) -> BlockHeight { self + blocks }
}

extension BlockHeight: ExpressibleByIntegerLiteral {
    /// The number of blocks before it.
    public init(integerLiteral value: Int) { self.value = value }
}

extension ByteReader {
    /// A height in 32 bits.
    package mutating func blockHeight() throws(DecodingFailure) -> BlockHeight { BlockHeight(try uint32()) }
}

extension ByteWriter {
    /// A height in 32 bits.
    package mutating func blockHeight(_ height: BlockHeight) { uint32(height.uint32) }
}
