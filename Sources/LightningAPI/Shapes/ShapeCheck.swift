import BitcoinPrimitives

/// A value is not what it should be: which one, and what it should have been.
package struct ShapeMismatch: Error, Hashable, Sendable, CustomStringConvertible {
    /// Where it stands: `recipients[0].weight`; empty for the whole.
    package var path: String
    package var expected: String

    package var description: String { path.isEmpty ? expected : "\(path) \(expected)" }
}

extension Shape {
    /// Whether a value is of this shape.
    ///
    /// - Parameter isRequest: what a caller sends: a field that may be left out may be `null` as well.
    /// - Throws: the first mismatch.
    package func check(_ value: JSONValue, at path: String = "", isRequest: Bool = false) throws(ShapeMismatch) {
        func mismatch(_ expected: String) -> ShapeMismatch { ShapeMismatch(path: path, expected: expected) }
        switch kind {
        case .flag:
            guard case .bool = value else { throw mismatch("is true or false") }
        case .done:
            guard value == true else { throw mismatch("is true") }
        case .null:
            guard value == .null else { throw mismatch("is null") }
        case .integer(let range):
            guard let number = value.int, range.contains(number) else { throw mismatch("is \(inWords)") }
        case .text(let form):
            guard let text = value.text else { throw mismatch("is a text") }
            guard form.matches(text) else { throw mismatch("is \(inWords)") }
        case .choice(let words):
            guard let text = value.text, words.contains(text) else { throw mismatch("is \(inWords)") }
        case .list(let shape):
            guard case .array(let values) = value else { throw mismatch("is a list") }
            for (index, value) in values.enumerated() { try shape.check(value, at: "\(path)[\(index)]", isRequest: isRequest) }
        case .map(let shape):
            guard case .object(let fields) = value else { throw mismatch("is an object") }
            for (name, value) in fields { try shape.check(value, at: path.isEmpty ? name : "\(path).\(name)", isRequest: isRequest) }
        case .either(let shapes):
            for shape in shapes {
                do throws(ShapeMismatch) {
                    try shape.check(value, at: path, isRequest: isRequest)
                    return
                } catch {}
            }
            throw mismatch("is \(inWords)")
        case .object(_, let fields):
            guard case .object(let values) = value else { throw mismatch(path.isEmpty ? "an object is expected" : "is an object") }
            try check(values, fields, at: path, isRequest: isRequest)
        }
    }

    private func check(
        _ values: [String: JSONValue], _ fields: [Field], at path: String, isRequest: Bool
    ) throws(ShapeMismatch) {
        func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
        if let unknown = values.keys.filter({ name in !fields.contains { $0.name == name } }).sorted().first {
            let near = LikelyWord.of(unknown, among: fields.map(\.name)).map { ": \($0) is" } ?? ""
            throw ShapeMismatch(path: place(unknown), expected: "is not known\(near)")
        }
        for field in fields {
            let value = values[field.name]
            switch (value, field.presence) {
            case (nil, .optional), (.null?, .nullable): continue
            case (.null?, .optional) where isRequest: continue
            case (nil, _): throw ShapeMismatch(path: place(field.name), expected: "is missing: it is \(field.shape.inWords)")
            case (let value?, _): try field.shape.check(value, at: place(field.name), isRequest: isRequest)
            }
        }
    }

    /// What such a value is, for people.
    package var inWords: String {
        let unit = meaning.isEmpty ? "" : ", \(meaning)"
        return switch kind {
        case .flag: "true or false"
        case .done: "true"
        case .null: "null"
        case .integer(let range):
            "a whole number: " + (range.upperBound == .max ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)")
                + unit
        case .text: meaning.isEmpty ? "a text" : meaning
        case .choice(let words):
            words.count == 1 ? "“\(words[0])”" : words.dropLast().joined(separator: ", ") + " or \(words[words.count - 1])"
        case .list(let element): "a list of " + element.inWords
        case .object(let name?, _): name
        case .map, .object: "an object"
        case .either(let shapes): meaning.isEmpty ? shapes.map(\.inWords).joined(separator: ", or ") : meaning
        }
    }
}
