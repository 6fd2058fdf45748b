package import BitcoinPrimitives

/// BOLT 1's type-length-value stream.
package struct TLVStream: Hashable, Sendable {
    package struct Record: Hashable, Sendable {
        package var type: UInt64
        package var value: [UInt8]
    }

    /// Checks the value of a known type.
    package typealias Check = @Sendable (inout ByteReader) throws(DecodingFailure) -> Void

    /// Strictly increasing by type. Unknown odd types are kept, so that what was read can be written again.
    package private(set) var records: [Record] = []

    package init() {}

    /// Reads to the end of the input, checking known types; BOLT 1's "it's ok to be odd" for the others.
    package init(from reader: inout ByteReader, known: [UInt64: Check]) throws(DecodingFailure) {
        var previous: UInt64?
        while !reader.isAtEnd {
            let type = try reader.bigSize()
            if let previous, type <= previous { throw .invalid("order of TLV types") }
            previous = type
            let length = try reader.bigSize()
            guard length <= UInt64(reader.remaining) else { throw .truncated }
            let value = try reader.read(Int(length))
            if let check = known[type] {
                var inner = ByteReader(value)
                try check(&inner)
                try inner.expectEnd()
            } else if type % 2 == 0 {
                throw .invalid("unknown even TLV type \(type)")
            }
            records.append(Record(type: type, value: value))
        }
    }

    package func encode(to writer: inout ByteWriter) {
        for record in records {
            writer.bigSize(record.type)
            writer.bigSize(UInt64(record.value.count))
            writer.write(record.value)
        }
    }

    /// The value of a type.
    package subscript(type: UInt64) -> [UInt8]? {
        get { records.first { $0.type == type }?.value }
        set {
            let index = records.firstIndex { $0.type >= type } ?? records.count
            let exists = index < records.count && records[index].type == type
            switch (newValue, exists) {
            case (let value?, true): records[index].value = value
            case (let value?, false): records.insert(Record(type: type, value: value), at: index)
            case (nil, true): records.remove(at: index)
            case (nil, false): break
            }
        }
    }

    /// Any bytes.
    package static let anything: Check = { (reader: inout ByteReader) throws(DecodingFailure) in _ = reader.rest() }

    /// Exactly `count` bytes.
    package static func exactly(_ count: Int) -> Check {
        { (reader: inout ByteReader) throws(DecodingFailure) in _ = try reader.read(count) }
    }

    /// A point.
    package static let point: Check = { (reader: inout ByteReader) throws(DecodingFailure) in _ = try reader.point() }

    /// A whole number of elements of `size` bytes.
    package static func multiple(of size: Int) -> Check {
        { (reader: inout ByteReader) throws(DecodingFailure) in
            guard reader.rest().count % size == 0 else { throw .truncated }
        }
    }
}
