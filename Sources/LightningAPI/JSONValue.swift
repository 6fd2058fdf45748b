package import BitcoinPrimitives
import Foundation

/// A JSON value; numbers are integers wherever they can be.
public enum JSONValue: Hashable, Sendable, Codable {
    /// Nothing.
    case null
    /// True or false.
    case bool(Bool)
    /// A whole number.
    case integer(Int64)
    /// Another number.
    case number(Double)
    /// A text.
    case string(String)
    /// A list.
    case array([JSONValue])
    /// Values by their names.
    case object([String: JSONValue])

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    /// The value of a name; `null` where there is none.
    public subscript(key: String) -> JSONValue {
        if case .object(let fields) = self { return fields[key] ?? .null }
        return .null
    }

    /// The same without the fields of a name, however deep they lie.
    package func without(_ name: String) -> JSONValue {
        switch self {
        case .object(let fields): .object(fields.filter { $0.key != name }.mapValues { $0.without(name) })
        case .array(let values): .array(values.map { $0.without(name) })
        case .null, .bool, .integer, .number, .string: self
        }
    }

    /// The text that it is.
    public var text: String? {
        if case .string(let value) = self { return value }
        return nil
    }

    /// The whole number that it is.
    public var int: Int64? {
        if case .integer(let value) = self { return value }
        return nil
    }

    /// Whether it is `true`.
    public var flag: Bool { self == .bool(true) }

    /// The values of a list; none of anything else.
    public var list: [JSONValue] {
        if case .array(let value) = self { return value }
        return []
    }

    /// One line, keys sorted.
    package var line: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
    }

    /// For people and programs: indented, keys sorted.
    package var pretty: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
    }

    /// The height of a block.
    package static func height(_ height: BlockHeight) -> JSONValue { .integer(Int64(height.value)) }

    /// An amount; those beyond 63 bits cannot exist.
    package static func amount(_ value: UInt64) -> JSONValue { .integer(Int64(clamping: value)) }

    /// A moment, to the second: ISO 8601 in UTC.
    package static func time(_ moment: Timestamp) -> JSONValue {
        .string(Date(timeIntervalSince1970: Double(moment.seconds)).formatted(.iso8601))
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByNilLiteral
{
    /// A text, as it stands in a program.
    public init(stringLiteral value: String) { self = .string(value) }
    /// True or false, as it stands in a program.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A whole number, as it stands in a program.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// An object, as it stands in a program.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
    }
    /// A list, as it stands in a program.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// Nothing, as it stands in a program.
    public init(nilLiteral: ()) { self = .null }
}
