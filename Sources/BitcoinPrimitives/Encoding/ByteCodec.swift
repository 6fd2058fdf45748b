package import CryptoPrimitives

/// Why bytes could not be read.
public enum DecodingFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The input ends before the value does.
    case truncated
    /// Bytes remain after the value.
    case trailingBytes(Int)
    /// A variable-length integer is longer than it needs to be.
    case notCanonical
    /// A count or length is beyond what the rest of the input, or a limit, allows.
    case tooLarge
    /// The bytes are no valid value of the named field.
    case invalid(String)

    public var description: String {
        switch self {
        case .truncated: "the input ends too early"
        case .trailingBytes(let count): "\(count) bytes too many at the end"
        case .notCanonical: "an integer is not encoded in its shortest form"
        case .tooLarge: "a length is larger than what it measures"
        case .invalid(let field): "invalid \(field)"
        }
    }
}

/// A cursor over bytes: every read either succeeds whole or throws and the value is abandoned.
package struct ByteReader {
    @usableFromInline let bytes: [UInt8]
    @usableFromInline var position: Int
    @usableFromInline let end: Int

    @inlinable package init(_ bytes: [UInt8]) {
        self.bytes = bytes
        position = 0
        end = bytes.count
    }

    @inlinable init(_ bytes: [UInt8], from start: Int, to end: Int) {
        self.bytes = bytes
        position = start
        self.end = end
    }

    /// How many bytes are left.
    @inlinable package var remaining: Int { end - position }
    @inlinable package var isAtEnd: Bool { position == end }
    /// How many bytes have been read.
    @inlinable package var offset: Int { position }

    @inlinable mutating func advance(_ count: Int) throws(DecodingFailure) -> Int {
        guard count >= 0, count <= remaining else { throw .truncated }
        defer { position += count }
        return position
    }

    @inlinable package mutating func read(_ count: Int) throws(DecodingFailure) -> [UInt8] {
        let start = try advance(count)
        return Array(bytes[start..<start + count])
    }

    /// A reader of the next `count` bytes, which this one passes over.
    @inlinable package mutating func slice(_ count: Int) throws(DecodingFailure) -> ByteReader {
        let start = try advance(count)
        return ByteReader(bytes, from: start, to: start + count)
    }

    @inlinable package mutating func rest() -> [UInt8] {
        defer { position = end }
        return Array(bytes[position..<end])
    }

    @inlinable package mutating func bytes32() throws(DecodingFailure) -> Bytes32 {
        let start = try advance(32)
        return Bytes32(bytes[start..<start + 32])!
    }

    @inlinable package mutating func uint8() throws(DecodingFailure) -> UInt8 {
        bytes[try advance(1)]
    }

    @inlinable mutating func bigEndian<T: FixedWidthInteger>(_ type: T.Type) throws(DecodingFailure) -> T {
        let count = MemoryLayout<T>.size
        let start = try advance(count)
        return bytes.withUnsafeBytes { T(bigEndian: $0.loadUnaligned(fromByteOffset: start, as: T.self)) }
    }

    // Big-endian, as in the BOLTs.
    @inlinable package mutating func uint16() throws(DecodingFailure) -> UInt16 { try bigEndian(UInt16.self) }
    @inlinable package mutating func uint32() throws(DecodingFailure) -> UInt32 { try bigEndian(UInt32.self) }
    @inlinable package mutating func uint64() throws(DecodingFailure) -> UInt64 { try bigEndian(UInt64.self) }

    // Little-endian, as in Bitcoin.
    @inlinable package mutating func littleEndian16() throws(DecodingFailure) -> UInt16 { try uint16().byteSwapped }
    @inlinable package mutating func littleEndian32() throws(DecodingFailure) -> UInt32 { try uint32().byteSwapped }
    @inlinable package mutating func littleEndian64() throws(DecodingFailure) -> UInt64 { try uint64().byteSwapped }

    /// Bitcoin's CompactSize; refuses longer than shortest forms.
    package mutating func compactSize() throws(DecodingFailure) -> UInt64 {
        let value: UInt64
        switch try uint8() {
        case 253:
            value = UInt64(try littleEndian16())
            guard value >= 253 else { throw .notCanonical }
        case 254:
            value = UInt64(try littleEndian32())
            guard value > 0xffff else { throw .notCanonical }
        case 255:
            value = try littleEndian64()
            guard value > 0xffff_ffff else { throw .notCanonical }
        case let byte: value = UInt64(byte)
        }
        return value
    }

    /// A CompactSize that counts things of at least `minimum` bytes each: never more than the rest can hold.
    package mutating func count(minimum: Int = 1) throws(DecodingFailure) -> Int {
        let value = try compactSize()
        guard value <= UInt64(remaining / minimum) else { throw .tooLarge }
        return Int(value)
    }

    package mutating func variableBytes() throws(DecodingFailure) -> [UInt8] {
        try read(try count())
    }

    package func expectEnd() throws(DecodingFailure) {
        guard isAtEnd else { throw .trailingBytes(remaining) }
    }
}

/// Bytes being put together.
package struct ByteWriter {
    package private(set) var bytes: [UInt8] = []

    package init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    @inlinable package var count: Int { bytes.count }

    /// What a few writes put together.
    package static func bytes(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter()
        body(&writer)
        return writer.bytes
    }

    package mutating func write(_ more: [UInt8]) { bytes.append(contentsOf: more) }
    package mutating func write(_ more: ArraySlice<UInt8>) { bytes.append(contentsOf: more) }
    package mutating func write(_ value: Bytes32) { value.withUnsafeBytes { bytes.append(contentsOf: $0) } }
    package mutating func write(_ value: some Identifier32) { write(value.bytes) }
    package mutating func uint8(_ value: UInt8) { bytes.append(value) }

    mutating func bigEndian(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    // Big-endian, as in the BOLTs.
    package mutating func uint16(_ value: UInt16) { bigEndian(value) }
    package mutating func uint32(_ value: UInt32) { bigEndian(value) }
    package mutating func uint64(_ value: UInt64) { bigEndian(value) }

    // Little-endian, as in Bitcoin.
    package mutating func littleEndian16(_ value: UInt16) { bigEndian(value.byteSwapped) }
    package mutating func littleEndian32(_ value: UInt32) { bigEndian(value.byteSwapped) }
    package mutating func littleEndian64(_ value: UInt64) { bigEndian(value.byteSwapped) }

    package mutating func compactSize(_ value: Int) {
        switch value {
        case ..<253: uint8(UInt8(value))
        case ...0xffff:
            uint8(253)
            littleEndian16(UInt16(value))
        case ...0xffff_ffff:
            uint8(254)
            littleEndian32(UInt32(value))
        default:
            uint8(255)
            littleEndian64(UInt64(value))
        }
    }

    package mutating func variableBytes(_ value: [UInt8]) {
        compactSize(value.count)
        write(value)
    }

    /// The size of bytes with their length before them.
    package static func variableLength(_ bytes: [UInt8]) -> Int { compactSizeLength(bytes.count) + bytes.count }

    /// The size of a CompactSize.
    package static func compactSizeLength(_ value: Int) -> Int {
        value < 253 ? 1 : value <= 0xffff ? 3 : value <= 0xffff_ffff ? 5 : 9
    }
}

extension ByteReader {
    /// A value with a byte before it that says whether it is there: for records on disk.
    @inlinable package mutating func optional<T>(
        _ body: (inout ByteReader) throws(DecodingFailure) -> T
    ) throws(DecodingFailure) -> T? {
        switch try uint8() {
        case 0: return nil
        case 1: return try body(&self)
        default: throw .invalid("optional")
        }
    }
}

extension ByteWriter {
    /// A value with a byte before it that says whether it is there: for records on disk.
    @inlinable package mutating func optional<T>(_ value: T?, _ body: (inout ByteWriter, T) -> Void) {
        uint8(value == nil ? 0 : 1)
        if let value { body(&self, value) }
    }
}
