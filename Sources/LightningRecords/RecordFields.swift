package import BitcoinPrimitives

/// The numbered fields of a record: their count, then number, length and value of each.
///
/// A new field is a number of its own, not a new version of the record; a number is never used for anything else again. A field without a
/// value is not written.
package struct RecordFields<Field: RawRepresentable<UInt8>> {
    private var fields: [(field: Field, value: [UInt8])] = []

    package init() {}

    /// Writes a field, unless it has no value. Fields are written in the order of the calls.
    package mutating func put(_ field: Field, _ value: [UInt8]?) {
        if let value { fields.append((field, value)) }
    }

    package func encode(to writer: inout ByteWriter) {
        writer.compactSize(fields.count)
        for (field, value) in fields {
            writer.uint8(field.rawValue)
            writer.variableBytes(value)
        }
    }

    /// Reads all fields, and gives each to `take`, which has to read its value to the end.
    ///
    /// - Parameter record: what it is, for the text of a failure.
    /// - Throws: also for a field that is not known: it was written by a later version, and may be what money depends on.
    package static func decode(
        _ reader: inout ByteReader, of record: String, _ take: (Field, inout ByteReader) throws(DecodingFailure) -> Void
    ) throws(DecodingFailure) {
        for _ in 0..<(try reader.count(minimum: 2)) {
            let number = try reader.uint8()
            guard let field = Field(rawValue: number) else { throw .invalid("field \(number) of \(record)") }
            var value = ByteReader(try reader.variableBytes())
            try take(field, &value)
            try value.expectEnd()
        }
    }
}
