public import BitcoinPrimitives
package import LightningRecords

/// A line of a node's log: what its owner may want to know later.
public struct LogEntry: Hashable, Sendable {
    /// How much it matters.
    public enum Level: UInt8, Sendable, CaseIterable {
        /// It is as it should be.
        case info
        /// Worth a look.
        case notice
        /// Money is at risk, or has been lost.
        case alert
    }

    /// Counted from 1 on; no number is used twice.
    public var number: UInt64
    /// When it happened.
    public var time: Timestamp
    /// The height of the chain then.
    public var height: BlockHeight
    /// How much it matters.
    public var level: Level
    /// What happened, in words.
    public var text: String
}

// The record on disk. Nothing of the node depends on it.
extension LogEntry {
    private static let version: UInt8 = 1

    private enum Field: UInt8 {
        case time = 1
        case height = 2
        case level = 3
        case text = 4
    }

    /// Its place in the log.
    package var position: HistoryPosition { HistoryPosition(order: number, id: []) }

    package func encoded() -> [UInt8] {
        var fields = RecordFields<Field>()
        fields.put(.time, ByteWriter.bytes { $0.uint64(time.milliseconds) })
        fields.put(.height, ByteWriter.bytes { $0.blockHeight(height) })
        fields.put(.level, [level.rawValue])
        fields.put(.text, Array(text.utf8))
        return ByteWriter.bytes {
            $0.uint8(Self.version)
            $0.uint64(number)
            fields.encode(to: &$0)
        }
    }

    package init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        guard try reader.uint8() == Self.version else { throw .invalid("version of a log entry") }
        self.init(number: try reader.uint64(), time: .zero, height: 0, level: .info, text: "")
        try RecordFields<Field>.decode(&reader, of: "a log entry") { (field, value) throws(DecodingFailure) in
            switch field {
            case .time: time = Timestamp(milliseconds: try value.uint64())
            case .height: height = try value.blockHeight()
            case .level:
                guard let level = Level(rawValue: try value.uint8()) else { throw .invalid("level of a log entry") }
                self.level = level
            case .text: text = String(decoding: value.rest(), as: UTF8.self)
            }
        }
        try reader.expectEnd()
    }
}
