package import CryptoPrimitives

/// BIP 158's basic filter: which scripts a block touches, in a few bytes for each, with one false alarm in 784,931.
package struct BlockFilter: Hashable, Sendable {
    /// As it is served: the number of elements, then the Golomb-coded set.
    package let bytes: [UInt8]
    private let hash: BlockHash

    /// "P = 19" and "M = 784931" for the basic filter.
    private static let remainderBits = 19
    private static let rangeFactor: UInt64 = 784_931

    /// - Parameter spent: the scripts of the outputs that the block spends.
    package init(_ block: Block, spent: [Script]) {
        hash = block.hash
        // "any 'nil' items MUST NOT be included", nor "all scriptPubKeys that start with OP_RETURN".
        let paid = block.transactions.flatMap(\.outputs).map(\.script).filter { $0.bytes.first != 0x6a }
        let elements = Set((paid + spent).filter { !$0.bytes.isEmpty })
        var writer = ByteWriter(capacity: 9 + elements.count * 3)
        writer.compactSize(elements.count)
        var bits = BitWriter()
        var last: UInt64 = 0
        for value in Self.values(elements, count: elements.count, hash).sorted() {
            let delta = value - last
            last = value
            for _ in 0..<(delta >> UInt64(Self.remainderBits)) { bits.write(1, count: 1) }
            bits.write(0, count: 1)
            bits.write(delta & (1 << UInt64(Self.remainderBits) - 1), count: Self.remainderBits)
        }
        writer.write(bits.bytes)
        bytes = writer.bytes
    }

    /// Each script as a number below the set's size times M; the key is the beginning of the block's hash.
    private static func values(_ scripts: some Sequence<Script>, count: Int, _ hash: BlockHash) -> [UInt64] {
        let key = hash.bytes.array
        func half(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        let halves = (half(key[0..<8]), half(key[8..<16]))
        let range = UInt64(count) * rangeFactor
        return scripts.map { SipHash.hash24(key: halves, $0.bytes).multipliedFullWidth(by: range).high }
    }

    /// Whether the block may touch one of the scripts: a false alarm is possible, a miss is not.
    ///
    /// - Throws: `DecodingFailure` where the filter's own bytes are damaged.
    package func mayTouch(_ scripts: [Script]) throws(DecodingFailure) -> Bool {
        var reader = ByteReader(bytes)
        let count = Int(try reader.compactSize())
        guard count > 0, !scripts.isEmpty else { return false }
        let wanted = Set(Self.values(scripts, count: count, hash))
        var bits = BitReader(reader.rest())
        var value: UInt64 = 0
        for _ in 0..<count {
            var quotient: UInt64 = 0
            while true {
                guard let bit = bits.read(1) else { throw .truncated }
                if bit == 0 { break }
                quotient += 1
            }
            guard let remainder = bits.read(Self.remainderBits) else { throw .truncated }
            value += quotient << UInt64(Self.remainderBits) | remainder
            if wanted.contains(value) { return true }
        }
        return false
    }

    /// BIP 157's filter header: a chain of filters as the headers are one of blocks.
    package func header(after previous: Bytes32) -> Bytes32 {
        Hash.sha256d(Hash.sha256d(bytes).array + previous.array)
    }
}

/// Bits from the highest of each byte on.
private struct BitWriter {
    private(set) var bytes: [UInt8] = []
    private var free = 0

    mutating func write(_ value: UInt64, count: Int) {
        for bit in (0..<count).reversed() {
            if free == 0 {
                bytes.append(0)
                free = 8
            }
            free -= 1
            bytes[bytes.count - 1] |= UInt8(value >> UInt64(bit) & 1) << UInt8(free)
        }
    }
}

private struct BitReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func read(_ count: Int) -> UInt64? {
        guard position + count <= bytes.count * 8 else { return nil }
        var value: UInt64 = 0
        for _ in 0..<count {
            value = value << 1 | UInt64(bytes[position / 8] >> UInt8(7 - position % 8) & 1)
            position += 1
        }
        return value
    }
}
