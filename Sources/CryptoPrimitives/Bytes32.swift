/// Thirty-two opaque bytes, stored inline: a hash, an identifier or a public value of that size.
///
/// Ordering is that of the bytes, first byte first.
public struct Bytes32: Hashable, Sendable, Comparable, CustomStringConvertible {
    // Four words in memory order: their raw bytes are the value's bytes.
    private var words: (UInt64, UInt64, UInt64, UInt64)

    /// All bytes zero.
    public static let zero = Bytes32()

    /// All bytes zero.
    public init() { words = (0, 0, 0, 0) }

    /// Takes exactly 32 bytes; `nil` for any other count.
    public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count == 32 else { return nil }
        self.init()
        withUnsafeMutableBytes { $0.copyBytes(from: bytes) }
    }

    /// Decodes 64 hexadecimal digits.
    public init?(hex: some StringProtocol) {
        guard let bytes = Hex.decode(hex) else { return nil }
        self.init(bytes)
    }

    /// The bytes as an array.
    public var array: [UInt8] { withUnsafeBytes { Array($0) } }

    /// Lower-case hexadecimal, first byte first.
    public var hex: String { withUnsafeBytes { Hex.encode($0) } }

    /// The bytes in opposite order, the way Bitcoin prints hashes.
    public var reversed: Bytes32 {
        var result = Bytes32()
        result.words = (
            words.3.byteSwapped, words.2.byteSwapped, words.1.byteSwapped, words.0.byteSwapped
        )
        return result
    }

    public var description: String { hex }

    /// Whether every byte is zero.
    public var isZero: Bool { words.0 | words.1 | words.2 | words.3 == 0 }

    /// The byte at a place from 0 to 31.
    public subscript(index: Int) -> UInt8 {
        get { withUnsafeBytes { $0[index] } }
        set { withUnsafeMutableBytes { $0[index] = newValue } }
    }

    /// Lends the 32 bytes without a copy.
    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try Swift.withUnsafeBytes(of: words) { (buffer) throws(E) in try body(buffer) }
    }

    /// Lends the 32 bytes to be changed in place.
    public mutating func withUnsafeMutableBytes<R, E: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try Swift.withUnsafeMutableBytes(of: &words) { (buffer) throws(E) in try body(buffer) }
    }

    public static func == (left: Bytes32, right: Bytes32) -> Bool {
        left.words.0 == right.words.0 && left.words.1 == right.words.1
            && left.words.2 == right.words.2 && left.words.3 == right.words.3
    }

    public static func < (left: Bytes32, right: Bytes32) -> Bool {
        if left.words.0 != right.words.0 { return left.words.0.bigEndian < right.words.0.bigEndian }
        if left.words.1 != right.words.1 { return left.words.1.bigEndian < right.words.1.bigEndian }
        if left.words.2 != right.words.2 { return left.words.2.bigEndian < right.words.2.bigEndian }
        return left.words.3.bigEndian < right.words.3.bigEndian
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }

    /// Each bit of one where the other has none.
    public static func ^ (left: Bytes32, right: Bytes32) -> Bytes32 {
        var result = left
        result.words.0 ^= right.words.0
        result.words.1 ^= right.words.1
        result.words.2 ^= right.words.2
        result.words.3 ^= right.words.3
        return result
    }
}

/// A distinct meaning given to 32 bytes: a payment hash is not a transaction id.
public protocol Identifier32: Hashable, Sendable, Comparable, CustomStringConvertible {
    var bytes: Bytes32 { get }
    init(_ bytes: Bytes32)
}

extension Identifier32 {
    /// Takes exactly 32 bytes; `nil` for any other count.
    public init?(_ bytes: some Collection<UInt8>) {
        guard let value = Bytes32(bytes) else { return nil }
        self.init(value)
    }

    /// Decodes 64 hexadecimal digits.
    public init?(hex: some StringProtocol) {
        guard let value = Bytes32(hex: hex) else { return nil }
        self.init(value)
    }

    /// 64 lower-case digits.
    public var hex: String { bytes.hex }
    public var description: String { bytes.hex }
    public static func < (left: Self, right: Self) -> Bool { left.bytes < right.bytes }
}
