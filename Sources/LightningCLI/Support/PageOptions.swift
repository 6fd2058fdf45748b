import ArgumentParser
import LightningAPI
import LightningRuntime

/// Which part of a long list is shown.
struct PageOptions: ParsableArguments {
    @Option(help: "How many of the past ones at most, the newest first: 1 to 10000; what is under way is shown beside them") var limit:
        Int = 100
    @Option(help: ArgumentHelp("Go on where the list before ended: what its last line says", valueName: "position")) var before: String?

    func validate() throws {
        guard (1...10_000).contains(limit) else { throw ValidationError("--limit takes 1 to 10000") }
    }

    var isFirst: Bool { before == nil }

    var parameters: JSONValue {
        var fields: [String: JSONValue] = ["limit": .integer(Int64(limit))]
        if let before { fields["before"] = .string(before) }
        return .object(fields)
    }

    /// How to see the rest, where there is one.
    ///
    /// - Parameter filters: what else was asked for.
    func more(_ answer: JSONValue, _ command: String, _ options: CommonOptions, filters: String = "") -> [String] {
        answer["next"].text.map { ["older ones: \(options.lnw) \(command)\(filters) --limit \(limit) --before \($0)"] } ?? []
    }
}
