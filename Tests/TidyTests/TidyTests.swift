import Foundation
import Testing

/// What a script can hold of the rules of the house.
@Suite("the house is tidy")
struct TidyTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    struct Source: Sendable {
        /// Below the root.
        var path: String
        var text: String
        var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
        var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
        var folder: String { path.split(separator: "/").dropLast().joined(separator: "/") }

        /// The lines of cases of public enums that have no comment above them.
        var undocumentedCases: [Int] {
            var enums: [Int] = []
            var found: [Int] = []
            for (number, line) in lines.enumerated() {
                let text = line.drop { $0 == " " }
                let indent = line.count - text.count
                if !text.isEmpty, !text.hasPrefix("//"), !text.hasPrefix("@") {
                    while let last = enums.last, indent <= last { enums.removeLast() }
                }
                if text.hasPrefix("public enum ") || text.hasPrefix("public indirect enum ") { enums.append(indent) }
                guard let last = enums.last, indent == last + 4, text.hasPrefix("case ") else { continue }
                if !lines[number - 1].drop(while: { $0 == " " }).hasPrefix("///") { found.append(number) }
            }
            return found
        }
    }

    static func sources(_ folder: String) throws -> [Source] {
        let base = root.appending(path: folder)
        let files = try #require(FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil))
        return try files.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }.sorted { $0.path < $1.path }.map { file in
            Source(
                path: folder + file.path.dropFirst(base.path.count), text: try String(contentsOf: file, encoding: .utf8))
        }
    }

    @Test("no file is longer than 600 lines, and 19 of 20 are not longer than 400")
    func files() throws {
        for folder in ["Sources", "Tests", "Examples"] {
            // What is made from the table of calls is as long as that.
            let counts = try Self.sources(folder).filter { !$0.folder.contains("/Generated") }.map { ($0.path, $0.lines.count) }
            for (path, count) in counts { #expect(count <= 600, "\(path) has \(count) lines") }
            let sorted = counts.map(\.1).sorted()
            #expect(sorted[sorted.count * 19 / 20] <= 400, "\(folder)")
        }
    }

    @Test("no folder of the sources has more than a dozen files")
    func folders() throws {
        let folders = Dictionary(grouping: try Self.sources("Sources"), by: \.folder).mapValues(\.count)
        for (folder, count) in folders.sorted(by: { $0.key < $1.key }) where folder != "Sources/BitcoinBackend/RPC" {
            #expect(count <= 12, "\(folder) has \(count) files")
        }
    }

    /// Targets that know no clock, disk, task, process or system randomness.
    static let pure: Set = [
        "BitcoinPrimitives", "BitcoinLedger", "LightningRecords", "LightningTransport", "LightningWire", "LightningChain", "LightningOnion",
        "LightningInvoice", "LightningTransactions", "LightningEnforcement", "LightningRouting", "LightningChannel", "LightningPayment",
        "LightningCore", "LightningSimulation",
    ]

    @Test("what is to be pure imports nothing else, and only the cryptography touches C")
    func imports() throws {
        let foreign = ["Foundation", "NIO", "GRDB", "Logging", "Dispatch", "Glibc", "Darwin"]
        for source in try Self.sources("Sources") {
            for line in source.lines where line.contains("import ") && !line.hasPrefix("//") {
                guard let module = line.split(separator: " ").last, line.split(separator: " ").dropLast().last == "import" else { continue }
                if Self.pure.contains(source.target) { #expect(!foreign.contains { module.hasPrefix($0) }, "\(source.path): \(line)") }
                if source.target != "CryptoPrimitives" { #expect(!["COpenSSL", "CSecp256k1"].contains(module), "\(source.path): \(line)") }
            }
        }
    }

    @Test("the core and the channel decide every case: no default over our own enums")
    func defaults() throws {
        // Numbers and bytes have more values than can be listed.
        let openEnded = ["throw .invalid(", "moves = false"]
        for source in try Self.sources("Sources")
        where ["LightningCore", "LightningChannel", "LightningEnforcement"].contains(source.target) {
            for (number, line) in source.lines.enumerated() where line.trimmingCharacters(in: .whitespaces).hasPrefix("default:") {
                #expect(openEnded.contains { line.contains($0) }, "\(source.path):\(number + 1)")
            }
        }
    }

    @Test("no channel is taken for granted in the core")
    func channels() throws {
        for source in try Self.sources("Sources/LightningCore") {
            for (number, line) in source.lines.enumerated() {
                #expect(!line.contains("channels[") || !line.contains("]!"), "\(source.path):\(number + 1)")
            }
        }
    }

    @Test("no type of the core has more than twelve stored properties")
    func storedProperties() throws {
        for source in try Self.sources("Sources/LightningCore") {
            var counts: [(name: String, count: Int)] = []
            for line in source.lines {
                let indent = line.prefix { $0 == " " }.count
                let words = line.split(separator: " ")
                if indent == 0, let kind = words.firstIndex(where: { ["struct", "class", "enum", "extension"].contains($0) }),
                    words.count > kind + 1
                {
                    counts.append((String(words[kind + 1]), 0))
                }
                guard indent == 4, let keyword = words.firstIndex(where: { $0 == "var" || $0 == "let" }), !counts.isEmpty,
                    !words[..<keyword].contains("static"),
                    words[..<keyword].allSatisfy({ !$0.hasPrefix("//") && $0 != "case" && $0 != "func" })
                else { continue }
                // A computed property has its body on the line, or opens it there.
                let isComputed = line.contains("{") && !line.contains("didSet") && !line.contains(" = ") || line.hasSuffix("{")
                if !isComputed { counts[counts.count - 1].count += 1 }
            }
            for (name, count) in counts where !name.hasPrefix("NodeConfiguration") && !name.hasPrefix("NodeEffects") {
                #expect(count <= 12, "\(source.path): \(name) has \(count)")
            }
        }
    }

    @Test("what is public is documented, and not many types")
    func publicSymbols() throws {
        var types = 0
        for source in try Self.sources("Sources") where !["LightningCLI", "LightningSimulation"].contains(source.target) {
            var before: Substring = ""
            for (number, line) in source.lines.enumerated() {
                let text = line.drop { $0 == " " }
                defer { if !text.hasPrefix("@") { before = text } }
                guard text.hasPrefix("public "), !text.contains(" import ") else { continue }
                let kinds = ["struct ", "enum ", "final class ", "actor ", "protocol ", "typealias "]
                // Scenarios and the kit for tests are products of their own.
                if !["LightningScenarios", "LightningTesting", "LightningClient", "LightningAPI"].contains(source.target),
                    text.count == line.count,
                    kinds.contains(where: { text.dropFirst(7).hasPrefix($0) })
                {
                    types += 1
                }
                // What a protocol of the standard library asks for means the same everywhere.
                let isKnown = ["func hash(", "var description", "static func ", "init(from", "func encode("].contains {
                    text.dropFirst(7).hasPrefix($0)
                }
                #expect(isKnown || before.hasPrefix("///"), "\(source.path):\(number + 1)")
            }
            for number in source.undocumentedCases { Issue.record("\(source.path):\(number + 1): a case without a comment") }
        }
        // With streams and QR codes; an application needs about 60 of them.
        #expect(types <= 106)
    }

    @Test("every suite of the hostile peer names the rule that it expects")
    func rules() throws {
        let hostile = try #require(try Self.sources("Tests/ChannelTests").first { $0.path.hasSuffix("HostilePeerTests.swift") })
        #expect(!hostile.text.contains("consequence =="))
    }

    @Test("all Swift in the README and the articles is compiled")
    func snippets() throws {
        let articles = Self.root.appending(path: "Sources/Lightning/Lightning.docc")
        let files =
            try FileManager.default.contentsOfDirectory(at: articles, includingPropertiesForKeys: nil).filter { $0.pathExtension == "md" }
            + [Self.root.appending(path: "README.md")]
        // Blanks, and what a formatter does with lists that are longer than a line, make no difference.
        func bare(_ text: some StringProtocol) -> String {
            String(text.filter { !$0.isWhitespace }).replacing(",]", with: "]")
        }
        let compiled = try Self.sources("Examples").map { bare($0.text) }
        var count = 0
        for file in files {
            let pieces = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n```swift\n").dropFirst()
            for piece in pieces {
                let code = try #require(piece.components(separatedBy: "\n```").first)
                // Parts of the architecture are not what applications write.
                guard !code.hasPrefix("protocol ") else { continue }
                count += 1
                let lines = code.split(separator: "\n").filter { !$0.hasPrefix("import ") }
                let wanted = bare(lines.joined())
                #expect(compiled.contains { $0.contains(wanted) }, "\(file.lastPathComponent): \(lines.first ?? "") …")
            }
        }
        #expect(count >= 8)
    }
}
