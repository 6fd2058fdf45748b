import ArgumentParser
import LightningAPI
import LightningRuntime

struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "What happened to the node, the newest first: its channels, what layer 1 refused, money at risk.",
        discussion: "The last 10,000 entries are kept. Payments, invoices, forwards and transactions have lists of their own.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var page: PageOptions
    @Flag(help: "Only what puts money at risk, or lost it.") var alerts = false

    func run() async throws {
        guard case .object(var parameters) = page.parameters else { return }
        parameters["alerts"] = .bool(alerts)
        options.show(try await options.call("log", .object(parameters))) { v in
            let list = v["entries"].list
            if list.isEmpty { return !page.isFirst ? "no older ones" : alerts ? "no alerts" : "nothing has happened yet" }
            let lines = list.map { entry in
                "\(entry["time"].string)  block \(Format.pad("\(entry["blockheight"].u64)", 8))\(Format.pad(entry["level"].string, 8))\(entry["text"].string)"
            }
            return (lines + page.more(v, "log\(alerts ? " --alerts" : "")", options)).joined(separator: "\n")
        }
    }
}
