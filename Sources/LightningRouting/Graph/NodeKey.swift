public import CryptoPrimitives
public import LightningWire

/// A node's id as 33 bytes that nobody has parsed: a graph holds tens of thousands, and a point costs 4 µs each.
public struct NodeKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    private var words: (UInt64, UInt64, UInt64, UInt64)
    private var prefix: UInt8

    /// The key of a node.
    public init(_ node: NodeID) { self.init(node.compressed[...])! }

    /// Takes 33 bytes; `nil` for any other count.
    public init?(_ bytes: ArraySlice<UInt8>) {
        guard bytes.count == 33 else { return nil }
        func word(_ index: Int) -> UInt64 {
            bytes.withUnsafeBytes { UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 1 + 8 * index, as: UInt64.self)) }
        }
        prefix = bytes[bytes.startIndex]
        words = (word(0), word(1), word(2), word(3))
    }

    /// A key that is nobody's, for a node of which only a secret is known.
    public init(invented digest: Bytes32) { self.init(([0] + digest.array)[...])! }

    /// Whether no node can have it.
    public var isInvented: Bool { prefix == 0 }

    /// 33 bytes: the node's id.
    public var bytes: [UInt8] {
        var result = [prefix]
        result.reserveCapacity(33)
        for word in [words.0, words.1, words.2, words.3] {
            withUnsafeBytes(of: word.bigEndian) { result.append(contentsOf: $0) }
        }
        return result
    }

    /// The point, where the bytes are one.
    public var nodeID: NodeID? { NodeID(compressed: bytes) }

    public var description: String { bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }

    public static func == (left: NodeKey, right: NodeKey) -> Bool { left.prefix == right.prefix && left.words == right.words }

    /// The order of the bytes, by which BOLT 7 tells `node_id_1` from `node_id_2`.
    public static func < (left: NodeKey, right: NodeKey) -> Bool {
        left.prefix == right.prefix ? left.words < right.words : left.prefix < right.prefix
    }

    public func hash(into hasher: inout Hasher) {
        // The x coordinate of a point is as good as random already; the prefix is told apart by ==.
        hasher.combine(words.0)
        hasher.combine(words.3)
    }
}
