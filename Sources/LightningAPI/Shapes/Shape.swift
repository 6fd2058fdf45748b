/// What a value of the API looks like: one description, from which values are checked, the JSON Schema and the reference are made.
package struct Shape: Sendable {
    package indirect enum Kind: Sendable {
        case flag
        case integer(ClosedRange<Int64>)
        case text(TextForm)
        /// One of some words.
        case choice([String])
        case list(Shape)
        /// `name`: under which the schema knows it; `nil` for one that is used once.
        case object(name: String?, [Field])
        /// An object whose names are data.
        case map(Shape)
        case either([Shape])
        /// Nothing but the word `true`: it is done.
        case done
        case null
    }

    package var kind: Kind
    /// What it means, and its unit.
    package var meaning: String
    /// What one looks like.
    package var example: JSONValue

    package init(_ kind: Kind, _ meaning: String = "", example: JSONValue = .null) {
        self.kind = kind
        self.meaning = meaning
        self.example = example
    }
}

/// What the letters of a text are.
package enum TextForm: Sendable, Hashable {
    case any
    /// So many bytes in lower-case hex; `nil` for any number of them.
    case hex(bytes: Int?)
    /// RFC 3339, in UTC, to the second.
    case time
    /// Block, transaction and output: BOLT 7.
    case shortChannelID
    /// A transaction's id and the number of an output.
    case outPoint
    /// A node's id, and where it is: `<id>@<host>:<port>`.
    case nodeAddress

    /// As JSON Schema writes it; `nil` for any text.
    package var pattern: String? {
        switch self {
        case .any: nil
        case .hex(let bytes): bytes.map { "^[0-9a-f]{\($0 * 2)}$" } ?? "^([0-9a-f]{2})*$"
        case .time: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
        case .shortChannelID: "^[0-9]+x[0-9]+x[0-9]+$"
        case .outPoint: "^[0-9a-f]{64}:[0-9]+$"
        case .nodeAddress: "^0[23][0-9a-f]{64}@.+:[0-9]+$"
        }
    }

    package func matches(_ text: String) -> Bool {
        func isHex(_ text: Substring) -> Bool {
            text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        }
        func isNumber(_ text: Substring) -> Bool { !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) } }
        switch self {
        case .any: return true
        case .hex(let bytes): return isHex(text[...]) && (bytes.map { text.utf8.count == $0 * 2 } ?? text.utf8.count.isMultiple(of: 2))
        case .time:
            let form = "0000-00-00T00:00:00Z"
            return text.utf8.count == form.utf8.count
                && zip(text.utf8, form.utf8).allSatisfy { $1 == 0x30 ? (0x30...0x39).contains($0) : $0 == $1 }
        case .shortChannelID:
            let parts = text.split(separator: "x", omittingEmptySubsequences: false)
            return parts.count == 3 && parts.allSatisfy(isNumber)
        case .outPoint:
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            return parts.count == 2 && parts[0].utf8.count == 64 && isHex(parts[0]) && isNumber(parts[1])
        case .nodeAddress:
            guard let at = text.firstIndex(of: "@"), let colon = text.lastIndex(of: ":"), at < colon else { return false }
            let id = text[..<at]
            return id.utf8.count == 66 && isHex(id) && (id.hasPrefix("02") || id.hasPrefix("03"))
                && isNumber(text[text.index(after: colon)...])
        }
    }
}

/// A value with a name, as part of an object.
package struct Field: Sendable {
    package enum Presence: Sendable {
        /// It is always there.
        case always
        /// It is always there, and `null` where there is nothing to be said.
        case nullable
        /// It may be left out. In a request `null` is the same as nothing.
        case optional
    }

    package var name: String
    package var shape: Shape
    package var presence: Presence
    /// What it means here.
    package var meaning: String

    package init(_ name: String, _ shape: Shape, _ meaning: String, presence: Presence = .always) {
        self.name = name
        self.shape = shape
        self.meaning = meaning
        self.presence = presence
    }

    /// There is always one, or the request is refused.
    package static func always(_ name: String, _ shape: Shape, _ meaning: String) -> Field { Field(name, shape, meaning) }
    /// There is always one, which may be `null`.
    package static func nullable(_ name: String, _ shape: Shape, _ meaning: String) -> Field {
        Field(name, shape, meaning, presence: .nullable)
    }
    /// It may be left out.
    package static func optional(_ name: String, _ shape: Shape, _ meaning: String) -> Field {
        Field(name, shape, meaning, presence: .optional)
    }
}
