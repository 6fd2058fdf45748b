package import BitcoinPrimitives
import Foundation

/// A JSON value; numbers are integers wherever they can be.
package enum JSONValue: Hashable, Sendable, Codable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    package init(from decoder: any Decoder) throws {
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

    package func encode(to encoder: any Encoder) throws {
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

    package subscript(key: String) -> JSONValue {
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

    package var text: String? {
        if case .string(let value) = self { return value }
        return nil
    }

    package var int: Int64? {
        if case .integer(let value) = self { return value }
        return nil
    }

    package var flag: Bool { self == .bool(true) }

    package var list: [JSONValue] {
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
    package init(stringLiteral value: String) { self = .string(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
    }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(nilLiteral: ()) { self = .null }
}
