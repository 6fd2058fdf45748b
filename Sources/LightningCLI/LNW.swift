import ArgumentParser
import BitcoinBackend
import BitcoinLedger
import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningCore
import LightningRecords
import LightningRuntime

@main
struct LNW: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lnw", abstract: "A Lightning wallet, node and test network.",
        discussion:
            "Exit status: 2 wrong usage, 3 not reachable, 4 refused or not there, 5 payment failed, 6 database unusable, 7 still under way, 1 anything else.",
        version: "0.2.0",
        subcommands: [Welcome.self],
        groupedSubcommands: [
            CommandGroup(
                name: "To begin",
                subcommands: [
                    Demo.self, Local.self, Create.self, Start.self, Stop.self, GetInfo.self, ConfigCommand.self, ServiceCommand.self,
                ]),
            CommandGroup(
                name: "Payments",
                subcommands: [
                    Pay.self, Keysend.self, Decode.self, ListPayments.self, Explain.self, GetRoute.self, Probe.self, Rebalance.self,
                    StreamCommand.self,
                ]),
            CommandGroup(
                name: "Invoices",
                subcommands: [
                    InvoiceCommand.self, WaitInvoice.self, LookupInvoice.self, ListInvoices.self, HoldInvoice.self, Settle.self,
                    Cancel.self,
                ]),
            CommandGroup(
                name: "Channels",
                subcommands: [
                    OpenChannelCommand.self, ListChannels.self, Close.self, ForceClose.self, Abandon.self, Quote.self, SetChannel.self,
                    ListForwards.self, FeeReport.self,
                ]),
            CommandGroup(
                name: "Wallet on chain",
                subcommands: [
                    BalanceCommand.self, NewAddress.self, Send.self, BumpFee.self, ListTransactions.self, ListUnspent.self,
                ]),
            CommandGroup(
                name: "Network", subcommands: [Connect.self, Disconnect.self, ListPeers.self, GraphCommand.self, Estimates.self]),
            CommandGroup(name: "Watching", subcommands: [Watch.self, LogCommand.self, TokenCommand.self, APICommand.self]),
            CommandGroup(
                name: "Safety", subcommands: [Seed.self, ChangePassphrase.self, Unlock.self, Backup.self, WatchtowerCommand.self]),
            CommandGroup(name: "Layer 1 and simulation", subcommands: [ChainCommand.self, SimCommand.self]),
        ], defaultSubcommand: Welcome.self)

    /// `-w alice balance` means `balance -w alice`: options before the command move behind it.
    private static func arranged(_ arguments: [String]) -> [String] {
        var leading: [String] = []
        var rest = arguments[...]
        while let first = rest.first, first.hasPrefix("-") {
            switch first {
            case "-w", "--wallet", "--network":
                leading += rest.prefix(2)
                rest = rest.dropFirst(2)
            case "--json":
                leading.append(first)
                rest = rest.dropFirst()
            case _ where first.hasPrefix("--wallet=") || first.hasPrefix("--network=") || (first.hasPrefix("-w") && first.count > 2):
                leading.append(first)
                rest = rest.dropFirst()
            default: return leading + rest
            }
        }
        return rest + leading
    }

    static func main() async {
        let given = Array(CommandLine.arguments.dropFirst())
        // A shell asks what a word may be: its line is not ours to arrange.
        let isCompletion = given.first == "---completion"
        let arguments = isCompletion ? given : arranged(given)
        do {
            if !isCompletion { try checkNames(in: arguments) }
            var command = try await asyncParseAsRoot(isCompletion ? arguments : try ConfigFile.completed(arguments))
            if let first = arguments.first { try checkNetwork(of: first, arguments) }
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            exit(with: error)
        }
    }

    /// A command that there is not is told with the one that was probably meant, also among the commands of a command.
    private static func checkNames(in arguments: [String]) throws(CallFailure) {
        var command: any ParsableCommand.Type = LNW.self
        var path = "lnw"
        for word in arguments {
            let inner = command.configuration.subcommands
            guard !inner.isEmpty, !word.hasPrefix("-") else { return }
            if let next = inner.first(where: { $0._commandName == word || $0.configuration.aliases.contains(word) }) {
                command = next
                path += " \(word)"
                continue
            }
            // What is no command may be an argument of the one that is meant where none is named.
            guard word != "help", path == "lnw" || command.configuration.defaultSubcommand == nil else { return }
            let names = inner.filter { $0.configuration.shouldDisplay }.flatMap { [$0._commandName] + $0.configuration.aliases }
            let near = LikelyWord.of(word, among: names).map { " Did you mean \(path) \($0)?" } ?? ""
            throw CallFailure(
                .usage, "there is no command “\(path == "lnw" ? word : "\(path) \(word)")”.\(near) All of them: \(path) --help")
        }
    }

    /// A network of one's own is a regtest: whoever says another one means something else.
    private static func checkNetwork(of command: String, _ arguments: [String]) throws {
        guard ["local", "chain", "demo", "sim"].contains(command) else { return }
        let index = arguments.firstIndex { $0 == "--network" || $0.hasPrefix("--network=") }
        if let index {
            let word = arguments[index].split(separator: "=", maxSplits: 1).dropFirst().first.map(String.init)
            let network = word ?? arguments[(index + 1)...].first
            guard network == "regtest" else { throw CallFailure(.usage, "lnw \(command) has a regtest of its own: leave --network out") }
        } else if command == "local" || command == "demo", let network = ProcessInfo.processInfo.environment["LNW_NETWORK"],
            !network.isEmpty, network != "regtest"
        {
            throw CallFailure(.usage, "lnw \(command) has a regtest of its own, and LNW_NETWORK is \(network): unset it")
        }
    }

    /// Says what, why and what now on standard error, and ends with the status for it.
    private static func exit(with error: any Error) -> Never {
        let (status, text): (Int32, String)
        switch error {
        case let failure as CallFailure:
            text = failure.message
            status = failure.kind.exitStatus
        case let failure as StoreFailure: (status, text) = (6, failure.description)
        case let failure as ChainFailure:
            text = failure.description
            if case .store = failure { status = 6 } else { status = 3 }
        case let refusal as BlockRefusal: (status, text) = (1, refusal.description)
        case let failure as NodeFailure: (status, text) = (3, failure.description)
        case let refusal as NodeRefusal: (status, text) = (refusal == .stopped ? 3 : 4, refusal.description)
        case let failure as WalletDirectoryFailure:
            status =
                switch failure {
                case .unreadable: 6
                case .locked: 3
                case .exists, .missing, .wrongPassphrase: 4
                }
            text = failure.description
        default:
            // Help, version, and what the parser has to say.
            let code = exitCode(for: error)
            let message = fullMessage(for: error)
            let status: Int32 = code == .success ? 0 : code == .validationFailure ? 2 : 1
            if code == .success {
                Terminal.out(message)
            } else if isJSON, status == 2 {
                fail(self.message(for: error), status)
            } else {
                Terminal.error(message)
            }
            Foundation.exit(status)
        }
        fail(text, status, (error as? CallFailure)?.kind, (error as? CallFailure)?.data)
    }

    /// Whether what is printed is for programs: also where the arguments could not be parsed.
    private static var isJSON: Bool { CommandLine.arguments.contains("--json") }

    /// Says what went wrong: on standard error, or with `--json` as an object on standard output, so that a program has one thing to parse.
    private static func fail(_ text: String, _ status: Int32, _ kind: CallFailure.Kind? = nil, _ data: JSONValue? = nil) -> Never {
        guard isJSON else {
            Terminal.error("lnw: \(text)")
            Foundation.exit(status)
        }
        // `unreachable` comes before `notRunning`, and `refused` before `forbidden`, which have the same status.
        let usual = CallFailure.Kind.allCases.first { $0 != .notRunning && $0.exitStatus == status } ?? .internal
        let kind = kind ?? usual
        var fields: [String: JSONValue] = [
            "code": .string(kind.code), "message": .string(text), "exit_status": .integer(Int64(status)),
        ]
        if let data { fields["data"] = data }
        // In one line: after what came before it in lines.
        Terminal.out(JSONValue.object(["error": .object(fields)]).line)
        Foundation.exit(status)
    }
}

struct Welcome: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "welcome", abstract: "Where to begin.", shouldDisplay: false)
    @OptionGroup var options: CommonOptions
    func run() async throws {
        Terminal.out(
            """
            lnw is a Lightning wallet, a node, and a test network with a layer 1 of its own.
              lnw demo        two nodes, a channel, a thousand payments, in a few seconds
              lnw local up    a network of your own to play with
              lnw start       run one node on a layer 1
              lnw --help      all commands; lnw help <command> for one
            data: \(Home.url.path) (LNW_HOME chooses another place)
            """)
    }
}
