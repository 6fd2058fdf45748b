import BitcoinLedger
package import BitcoinPrimitives
package import Foundation

/// A JSON value as bitcoind writes it: members in their order, amounts with eight decimals.
///
/// Foundation's writer can do neither, so writing is here; reading is Foundation's.
package enum RPCValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// A number with its digits as they are to be written.
    case number(String)
    case string(String)
    case array([RPCValue])
    case object([Member])

    package struct Member: Sendable, Hashable {
        package var name: String
        package var value: RPCValue
    }

    /// Bitcoin with eight decimals.
    package static func amount(_ amount: Satoshi) -> RPCValue { .number(Decimal8(amount).description) }
    package static func integer(_ value: Int) -> RPCValue { .integer(Int64(value)) }
    static func height(_ height: BlockHeight) -> RPCValue { .integer(height.value) }
    package static func double(_ value: Double) -> RPCValue { .number("\(value)") }
    static func text(_ value: some CustomStringConvertible) -> RPCValue { .string(value.description) }

    package subscript(name: String) -> RPCValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    package var integer: Int64? {
        switch self {
        case .integer(let value): value
        // Some languages know but one kind of number.
        case .number(let text): Double(text).flatMap { Int64(exactly: $0) }
        default: nil
        }
    }

    package var array: [RPCValue]? {
        guard case .array(let values) = self else { return nil }
        return values
    }

    package var bool: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    var isNull: Bool { self == .null }

    /// The kind of value, by the names in bitcoind's errors.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "bool"
        case .integer, .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    // MARK: Writing

    package var json: String {
        var text = ""
        write(to: &text)
        return text
    }

    private func write(to text: inout String) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .number(let digits): text += digits
        case .string(let value): Self.write(value, to: &text)
        case .array(let values):
            text += "["
            for (position, value) in values.enumerated() {
                if position > 0 { text += "," }
                value.write(to: &text)
            }
            text += "]"
        case .object(let members):
            text += "{"
            for (position, member) in members.enumerated() {
                if position > 0 { text += "," }
                Self.write(member.name, to: &text)
                text += ":"
                member.value.write(to: &text)
            }
            text += "}"
        }
    }

    private static func write(_ value: String, to text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    // MARK: Reading

    /// What a request may hold: more is an attack on memory and time.
    static let maximumDepth = 64
    static let maximumValues = 500_000

    package static func parse(_ data: Data) -> RPCValue? {
        guard JSONShape.isReasonable(data, depth: maximumDepth, values: 20_000_000) else { return nil }
        return try? JSONDecoder().decode(RPCValue.self, from: data)
    }

    /// What a stranger sent: refused where it is made to be expensive.
    static func parseRequest(_ data: Data) -> RPCValue? {
        JSONShape.isReasonable(data, depth: maximumDepth, values: maximumValues) ? parse(data) : nil
    }
}

extension RPCValue: Decodable {
    package init(from decoder: any Decoder) throws {
        if let members = try? decoder.container(keyedBy: Name.self) {
            // A JSON object's members have no order of meaning; sorted, so that the same input is the same value.
            self = .object(
                try members.allKeys.sorted { $0.stringValue < $1.stringValue }.map {
                    Member(name: $0.stringValue, value: try members.decode(RPCValue.self, forKey: $0))
                })
            return
        }
        if var list = try? decoder.unkeyedContainer() {
            var values: [RPCValue] = []
            while !list.isAtEnd { values.append(try list.decode(RPCValue.self)) }
            self = .array(values)
            return
        }
        let single = try decoder.singleValueContainer()
        if single.decodeNil() {
            self = .null
        } else if let text = try? single.decode(String.self) {
            self = .string(text)
        } else if let value = try? single.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? single.decode(Int64.self) {
            self = .integer(value)
        } else {
            self = .number("\(try single.decode(Decimal.self))")
        }
    }

    private struct Name: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { return nil }
    }
}

extension RPCValue: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
    ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral
{
    package init(dictionaryLiteral elements: (String, RPCValue)...) {
        self = .object(elements.map { Member(name: $0.0, value: $0.1) })
    }
    package init(arrayLiteral elements: RPCValue...) { self = .array(elements) }
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }

    /// Adds a member to an object.
    mutating func append(_ name: String, _ value: RPCValue?) {
        guard case .object(var members) = self, let value else { return }
        members.append(Member(name: name, value: value))
        self = .object(members)
    }

    static func + (left: RPCValue, right: RPCValue) -> RPCValue {
        guard case .object(let first) = left, case .object(let second) = right else { return left }
        return .object(first + second)
    }
}

/// A call that failed, with bitcoind's number for the kind of failure.
struct RPCFailure: Error, Hashable {
    var code: Int
    var message: String

    static let parse = RPCFailure(code: -32700, message: "Parse error")
    static func invalidRequest(_ message: String) -> RPCFailure { RPCFailure(code: -32600, message: message) }
    static let unknownMethod = RPCFailure(code: -32601, message: "Method not found")
    static func misc(_ message: String) -> RPCFailure { RPCFailure(code: -1, message: message) }
    static func type(_ message: String) -> RPCFailure { RPCFailure(code: -3, message: message) }
    static func notFound(_ message: String) -> RPCFailure { RPCFailure(code: -5, message: message) }
    static func parameter(_ message: String) -> RPCFailure { RPCFailure(code: -8, message: message) }
    static func database(_ message: String) -> RPCFailure { RPCFailure(code: -20, message: message) }
    static func deserialization(_ message: String) -> RPCFailure { RPCFailure(code: -22, message: message) }
    static func verify(_ message: String) -> RPCFailure { RPCFailure(code: -25, message: message) }
    static func rejected(_ message: String) -> RPCFailure { RPCFailure(code: -26, message: message) }
    static func alreadyInChain(_ message: String) -> RPCFailure { RPCFailure(code: -27, message: message) }
    static func shuttingDown(_ message: String) -> RPCFailure { RPCFailure(code: -9, message: message) }

    var value: RPCValue { ["code": .integer(code), "message": .string(message)] }

    /// The HTTP status that tells of it in version 1 of JSON-RPC.
    var status: UInt {
        switch code {
        case -32600: 400
        case -32601: 404
        default: 500
        }
    }
}
