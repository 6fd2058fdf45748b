import CryptoPrimitives

/// What the hash of a header may be at the most: 256 bits, as Bitcoin counts with them.
package struct Target: Hashable, Sendable, Comparable {
    /// Words of 32 bits, the lowest first.
    private var words: [UInt32]

    private init(words: [UInt32]) { self.words = words }

    /// From a header's compact form; `nil` for what is negative, zero or more than 256 bits.
    package init?(compact: UInt32) {
        let mantissa = compact & 0x007f_ffff
        let size = Int(compact >> 24)
        guard mantissa != 0, compact & 0x0080_0000 == 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 32)
        for index in 0..<3 {
            let byte = UInt8(truncatingIfNeeded: mantissa >> (8 * UInt32(index)))
            let place = size - 3 + index
            guard place >= 0, byte != 0 else { continue }
            guard place < 32 else { return nil }
            bytes[place] = byte
        }
        self.init(littleEndian: bytes)
        guard words.contains(where: { $0 != 0 }) else { return nil }
    }

    /// From a hash, in the order in which it is computed: its last byte is the highest.
    package init(_ hash: BlockHash) { self.init(littleEndian: hash.bytes.array) }

    private init(littleEndian bytes: [UInt8]) {
        words = (0..<8).map { word in (0..<4).reduce(0) { $0 | UInt32(bytes[word * 4 + $1]) << (8 * UInt32($1)) } }
    }

    /// The compact form, as rounded as headers have it.
    package var compact: UInt32 {
        let bytes = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * UInt32($0))) } }
        guard var size = bytes.lastIndex(where: { $0 != 0 }).map({ $0 + 1 }) else { return 0 }
        var mantissa: UInt32 = 0
        for index in 1...3 { mantissa = mantissa << 8 | (size - index >= 0 ? UInt32(bytes[size - index]) : 0) }
        // The highest bit would make it negative.
        if mantissa & 0x0080_0000 != 0 {
            mantissa >>= 8
            size += 1
        }
        return UInt32(size) << 24 | mantissa
    }

    /// Times a fraction, rounded down; `limit` where it would be more.
    package func scaled(by numerator: UInt32, over denominator: UInt32, limit: Target) -> Target {
        var carry: UInt64 = 0
        // One word more than a target has: the product may need it.
        var product = words.map { word -> UInt32 in
            let sum = UInt64(word) * UInt64(numerator) + carry
            carry = sum >> 32
            return UInt32(truncatingIfNeeded: sum)
        }
        product.append(UInt32(carry))
        var rest: UInt64 = 0
        for index in product.indices.reversed() {
            let value = rest << 32 | UInt64(product[index])
            product[index] = UInt32(value / UInt64(denominator))
            rest = value % UInt64(denominator)
        }
        guard product[8] == 0 else { return limit }
        return min(Target(words: Array(product.prefix(8))), limit)
    }

    /// The hashes that a block of this target takes on average.
    package var work: Double {
        let value = words.reversed().reduce(0.0) { $0 * 4_294_967_296 + Double($1) }
        return 0x1p256 / (value + 1)
    }

    package static func < (left: Target, right: Target) -> Bool {
        for index in (0..<8).reversed() where left.words[index] != right.words[index] { return left.words[index] < right.words[index] }
        return false
    }
}
