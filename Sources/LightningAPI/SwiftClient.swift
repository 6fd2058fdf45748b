import Foundation

/// The table of calls as Swift: a method for each call and a type for each value, for `LightningClient`.
///
/// The files that it writes are part of the repository, so that they can be read; a test holds that they are what the table says.
package struct SwiftClient {
    /// The files by their paths in the client's folder.
    package static var files: [String: String] {
        var client = SwiftClient()
        var files: [String: String] = [:]
        for group in CallGroup.allCases {
            let calls = CallTable.all.filter { $0.group == group }
            client.types = []
            let methods = calls.map { client.method(of: $0) }
            files["Calls/\(group.rawValue.capitalized)Calls.swift"] = file("// \(group.title).", methods)
            if !client.types.isEmpty {
                files["Values/\(group.rawValue.capitalized)Values.swift"] = file(
                    "// \(group.title): what calls take and give.", client.types)
            }
        }
        files["Values/Answers.swift"] = answers(client.answerTypes)
        return files
    }

    private static func file(_ title: String, _ parts: [String]) -> String {
        let text = parts.joined(separator: "\n")
        let usesTimes = text.contains(": Date")
        let usesTable = text.contains("CallFailure") || text.contains("JSONValue")
        return (usesTimes ? "public import Foundation\n" : "") + (usesTable ? "public import LightningAPI\n" : "")
            + (usesTimes || usesTable ? "\n" : "") + title + " Made from the table of calls: see `SwiftClient`.\nextension RemoteNode {\n"
            + text + "}\n"
    }

    /// The type of each call's answer, by its name.
    private static func answers(_ types: [(call: String, type: String)]) -> String {
        "// Made from the table of calls: see `SwiftClient`.\nextension RemoteNode {\n"
            + "/// What the answer to each call is read as.\n"
            + "package static let answers: [String: any (Codable & Sendable).Type] = [\n"
            + types.map { "\"\($0.call)\": \($0.type).self,\n" }.joined() + "]\n}\n"
    }

    /// Types of the group that is being written, and the names of all that were written so far.
    private var types: [String] = []
    private var named: Set<String> = []
    private var answerTypes: [(call: String, type: String)] = []

    // MARK: Calls

    private mutating func method(of call: Call) -> String {
        let prefix = call.name.prefix(1).uppercased() + call.name.dropFirst()
        // What has to be said comes first.
        let fields = call.request.filter { $0.presence == .always } + call.request.filter { $0.presence != .always }
        var parameters: [String] = []
        var arguments: [String] = []
        var comments: [String] = []
        for field in fields {
            let (type, isOptional) = type(of: field.shape, named: prefix + Self.pascal(field.name))
            let isLeftOut = field.presence != .always || isOptional
            let name = Self.camel(field.name)
            parameters.append("\(name): \(type)\(isLeftOut ? "? = nil" : "")")
            arguments.append("\"\(field.name)\": \(isLeftOut ? "\(name).map { json($0) }" : "json(\(name))")")
            comments.append("- \(name): \(Self.comment(of: field))")
        }
        let answer: String?
        if case .done = call.response.kind { answer = nil } else { answer = type(of: call.response, named: prefix + "Answer").type }
        answerTypes.append((call.name, answer ?? "Bool"))
        var text = Self.doc(call.summary)
        if !call.details.isEmpty { text += "///\n" + Self.doc(call.details) }
        text += "///\n" + Self.doc(call.permission.map { "A token needs the permission `\($0.rawValue)`." } ?? "Any token will do.")
        if comments.count == 1 {
            text += "///\n" + Self.doc("- Parameter " + comments[0].dropFirst(2))
        } else if !comments.isEmpty {
            text += "///\n/// - Parameters:\n" + comments.map { Self.doc($0, indent: "  ") }.joined()
        }
        // As in the OpenAPI document: who names something may name what is not there.
        let naming: [CallFailure.Kind] = call.failures.contains(.refused) && !call.request.isEmpty ? [.notFound] : []
        let kinds = ([.usage, .forbidden, .notRunning, .unreachable, .corrupt, .internal] + naming + call.failures).map {
            "`\($0.rawValue)`"
        }
        text += Self.doc("- Throws: `CallFailure`, of kind " + kinds.joined(separator: ", ") + ".")
        if answer != nil, !call.canBeGot, !call.name.hasPrefix("lookup") { text += "@discardableResult\n" }
        text += "public func \(Self.escaped(call.name))(\(parameters.joined(separator: ", "))) async throws(CallFailure)"
        text += answer.map { " -> \($0) {\n" } ?? " {\n"
        let request = arguments.isEmpty ? "[:]" : "[\(arguments.joined(separator: ", "))]"
        text += answer == nil ? "let _: Bool = " : ""
        return text + "try await ask(\"\(call.name)\", \(request))\n}\n"
    }

    // MARK: Types

    /// The Swift type of values of a shape, and whether `null` is one of them.
    ///
    /// - Parameter name: what its type is called where it has no name of its own.
    private mutating func type(of shape: Shape, named name: String) -> (type: String, isOptional: Bool) {
        switch shape.kind {
        case .flag, .done: return ("Bool", false)
        case .integer: return ("Int64", false)
        case .text(.time): return ("Date", false)
        case .text: return ("String", false)
        case .null: return ("JSONValue", true)
        case .choice(let words):
            write(name) { _ in Self.choice(name, words) }
            return (name, false)
        case .list(let element):
            let (type, isOptional) = type(of: element, named: Self.singular(name))
            return ("[\(type)\(isOptional ? "?" : "")]", false)
        case .map(let element):
            let (type, isOptional) = type(of: element, named: name + "Value")
            return ("[String: \(type)\(isOptional ? "?" : "")]", false)
        case .either(let shapes):
            let others = shapes.filter { if case .null = $0.kind { false } else { true } }
            // What is of several kinds is JSON.
            guard others.count == 1 else { return ("JSONValue", others.count < shapes.count) }
            return (type(of: others[0], named: name).type, others.count < shapes.count)
        case .object(let own, let fields):
            let name = own ?? name
            write(name) { client in client.structure(name, shape.meaning, fields) }
            return (name, false)
        }
    }

    /// Writes a type, unless it was.
    private mutating func write(_ name: String, _ body: (inout SwiftClient) -> String) {
        guard named.insert(name).inserted else { return }
        let text = body(&self)
        types.append(text)
    }

    private mutating func structure(_ name: String, _ meaning: String, _ fields: [Field]) -> String {
        var members = ""
        var parameters: [String] = []
        var assignments = ""
        var keys = ""
        for field in fields {
            let (type, isNull) = type(of: field.shape, named: name + Self.pascal(field.name))
            let isOptional = field.presence != .always || isNull
            let member = Self.escaped(Self.camel(field.name))
            members += Self.doc(Self.comment(of: field)) + "public var \(member): \(type)\(isOptional ? "?" : "")\n"
            parameters.append("\(member): \(type)\(isOptional ? "? = nil" : "")")
            assignments += "self.\(member) = \(member)\n"
            keys += "case \(member)" + (Self.camel(field.name) == field.name ? "\n" : " = \"\(field.name)\"\n")
        }
        let title = meaning.isEmpty ? "What `\(name)` stands for." : meaning
        guard !fields.isEmpty else {
            return Self.doc(title) + "public struct \(name): Codable, Hashable, Sendable {\npublic init() {}\n}\n"
        }
        return Self.doc(title) + "public struct \(name): Codable, Hashable, Sendable {\n" + members
            + "\n/// Puts one together, for tests and previews.\npublic init(\(parameters.joined(separator: ", "))) {\n\(assignments)}\n"
            + "\nprivate enum CodingKeys: String, CodingKey {\n\(keys)}\n}\n"
    }

    private static func choice(_ name: String, _ words: [String]) -> String {
        let cases = words.map { (name: escaped(camel($0)), word: $0) }
        return doc("One of some words; `other` is one of a later version.")
            + "public enum \(name): RawRepresentable, Codable, Hashable, Sendable {\n"
            + cases.map { "/// “\($0.word)”.\ncase \($0.name)\n" }.joined()
            + "/// What this version does not know.\ncase other(String)\n"
            + "\n/// Reads a word.\npublic init(rawValue: String) {\nself = switch rawValue {\n"
            + cases.map { "case \"\($0.word)\": .\($0.name)\n" }.joined() + "default: .other(rawValue)\n}\n}\n"
            + "\n/// The word.\npublic var rawValue: String {\nswitch self {\n"
            + cases.map { "case .\($0.name): \"\($0.word)\"\n" }.joined() + "case .other(let word): word\n}\n}\n}\n"
    }

    // MARK: Names and comments

    /// What a field means, with its unit.
    private static func comment(of field: Field) -> String {
        let unit = field.shape.meaning
        return field.meaning + (unit.isEmpty ? "" : " " + unit.prefix(1).uppercased() + unit.dropFirst() + ".")
    }

    /// A documentation comment, its lines not too long.
    private static func doc(_ text: String, indent: String = "") -> String {
        var lines: [String] = []
        for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
            var line = ""
            for word in paragraph.split(separator: " ") {
                if line.count + word.count > 110, !line.isEmpty {
                    lines.append(line)
                    line = ""
                }
                // What goes on with an item of a list stands below its text.
                if line.isEmpty, !lines.isEmpty, text.hasPrefix("- ") { line = " " }
                line += (line.isEmpty ? "" : " ") + word
            }
            lines.append(line)
        }
        return lines.map { $0.isEmpty ? "///\n" : "/// \(indent)\($0)\n" }.joined()
    }

    private static func words(_ name: String) -> [String] {
        name.split { !($0.isLetter || $0.isNumber) }.map(String.init)
    }

    private static func pascal(_ name: String) -> String {
        words(name).map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    private static func camel(_ name: String) -> String {
        let words = words(name)
        return (words.first ?? "") + words.dropFirst().map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    private static func singular(_ name: String) -> String {
        if name.hasSuffix("ies") { return name.dropLast(3) + "y" }
        return name.hasSuffix("s") && !name.hasSuffix("ss") ? String(name.dropLast()) : name + "Element"
    }

    private static let keywords: Set<String> = [
        "in", "is", "as", "for", "do", "default", "public", "private", "internal", "self", "case", "switch", "repeat", "return", "where",
        "import", "true", "false", "init", "any", "some", "let", "var", "func",
    ]

    private static func escaped(_ name: String) -> String {
        if let first = name.first, first.isNumber { return "_" + name }
        return keywords.contains(name) ? "`\(name)`" : name
    }
}
