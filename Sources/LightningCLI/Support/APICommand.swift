import ArgumentParser
import LightningAPI

struct APICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "api", abstract: "The calls that a node answers, over HTTP and on its socket.",
        discussion: """
            With --json the OpenAPI document, from which clients are made.

              lnw api
              lnw api pay
              lnw api --json > openapi.json
            """)
    @OptionGroup var options: CommonOptions
    @Argument(help: "One call") var call: String?

    func run() async throws {
        if let call {
            let call = try CallTable.call(call)
            Terminal.out(options.json ? OpenAPI.document(of: [call]).pretty : Reference.text(call, width: Terminal.width))
        } else if options.json {
            Terminal.out(OpenAPI.document.pretty)
        } else {
            let width = CallTable.all.map(\.name.count).max() ?? 0
            for group in CallGroup.allCases {
                Terminal.out("\(group.title)")
                for call in CallTable.all where call.group == group {
                    Terminal.out("  \(Format.pad(call.name, width))  \(Format.pad(call.permission?.rawValue ?? "", 7))  \(call.summary)")
                }
            }
        }
    }
}
