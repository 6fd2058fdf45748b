package import BitcoinPrimitives
package import CryptoPrimitives

// BOLT 1's fundamental types, on top of the byte codec.
extension ByteReader {
    /// BigSize: CompactSize in big-endian order; refuses longer than shortest forms.
    package mutating func bigSize() throws(DecodingFailure) -> UInt64 {
        let value: UInt64
        switch try uint8() {
        case 0xfd:
            value = UInt64(try uint16())
            guard value >= 0xfd else { throw .notCanonical }
        case 0xfe:
            value = UInt64(try uint32())
            guard value > 0xffff else { throw .notCanonical }
        case 0xff:
            value = try uint64()
            guard value > 0xffff_ffff else { throw .notCanonical }
        case let byte: value = UInt64(byte)
        }
        return value
    }

    /// A truncated integer that fills the rest: `tu16`, `tu32`, `tu64` by `maximumBytes`.
    package mutating func truncatedInteger(maximumBytes: Int) throws(DecodingFailure) -> UInt64 {
        let bytes = rest()
        guard bytes.count <= maximumBytes else { throw .trailingBytes(bytes.count - maximumBytes) }
        guard bytes.first != 0 else { throw .notCanonical }
        return bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    package mutating func point() throws(DecodingFailure) -> PublicKey {
        guard let key = PublicKey(compressed: try read(33)) else { throw .invalid("point") }
        return key
    }

    package mutating func satoshi() throws(DecodingFailure) -> Satoshi { Satoshi(try uint64()) }
    package mutating func milliSatoshi() throws(DecodingFailure) -> MilliSatoshi { MilliSatoshi(try uint64()) }
    /// An amount that can exist: sums of a few of them stay within 64 bits.
    package mutating func money() throws(DecodingFailure) -> MilliSatoshi {
        let amount = try milliSatoshi()
        guard amount <= MilliSatoshi(Satoshi.maximum) else { throw .tooLarge }
        return amount
    }

    package mutating func channelID() throws(DecodingFailure) -> ChannelID { ChannelID(try bytes32()) }
    package mutating func shortChannelID() throws(DecodingFailure) -> ShortChannelID { ShortChannelID(try uint64()) }

    /// A field with a 16-bit length before it.
    package mutating func sized16() throws(DecodingFailure) -> [UInt8] { try read(Int(try uint16())) }

    package mutating func signature() throws(DecodingFailure) -> WireSignature { WireSignature(try read(64)) }
}

extension ByteWriter {
    package mutating func bigSize(_ value: UInt64) {
        switch value {
        case ..<0xfd: uint8(UInt8(value))
        case ...0xffff:
            uint8(0xfd)
            uint16(UInt16(value))
        case ...0xffff_ffff:
            uint8(0xfe)
            uint32(UInt32(value))
        default:
            uint8(0xff)
            uint64(value)
        }
    }

    /// Big-endian without leading zero bytes.
    package mutating func truncatedInteger(_ value: UInt64) {
        withUnsafeBytes(of: value.bigEndian) { write(Array($0.drop { $0 == 0 })) }
    }

    package mutating func point(_ key: PublicKey) { write(key.compressed) }
    package mutating func satoshi(_ amount: Satoshi) { uint64(amount.value) }
    package mutating func milliSatoshi(_ amount: MilliSatoshi) { uint64(amount.value) }
    package mutating func shortChannelID(_ id: ShortChannelID) { uint64(id.value) }
    package mutating func signature(_ signature: WireSignature) { write(signature.bytes) }

    package mutating func sized16(_ bytes: [UInt8]) {
        uint16(UInt16(bytes.count))
        write(bytes)
    }
}

/// BOLT 1's signed integers in their shortest two's complement form of 1, 2, 4 or 8 bytes.
package enum SignedInteger {
    package static func encode(_ value: Int64) -> [UInt8] {
        if let small = Int8(exactly: value) { return [UInt8(bitPattern: small)] }
        if let small = Int16(exactly: value) { return withUnsafeBytes(of: small.bigEndian) { Array($0) } }
        if let small = Int32(exactly: value) { return withUnsafeBytes(of: small.bigEndian) { Array($0) } }
        return withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    package static func decode(_ bytes: [UInt8]) -> Int64? {
        guard [1, 2, 4, 8].contains(bytes.count) else { return nil }
        let magnitude = bytes.reduce(0) { $0 << 8 | UInt64($1) }
        let shift = UInt64(64 - bytes.count * 8)
        return Int64(bitPattern: magnitude << shift) >> Int64(shift)
    }
}

/// A signature as it came over the wire: 64 bytes, not yet known to be one.
package struct WireSignature: Hashable, Sendable {
    package let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The place of a signature that is still to be made.
    package static let missing = WireSignature([UInt8](repeating: 0, count: 64))

    package init(_ signature: ECDSASignature) { bytes = signature.compact }

    /// The signature, where r and s are in range and S is low ("non-compliant with LOW-S-standard rule" is refused).
    package var parsed: ECDSASignature? {
        guard let signature = ECDSASignature(compact: bytes), signature.hasLowS else { return nil }
        return signature
    }
}
