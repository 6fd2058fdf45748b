import ArgumentParser
import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningRuntime
import LightningWire

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Let a shop, an app or a dashboard call your node over HTTP, within limits.",
        discussion: """
            A token is a password with permissions, for a node that was started with --http. What it allows:

              read      to look at everything but secrets
              invoice   to ask for money, and to see whether it came
              pay       to pay over Lightning, up to --limit
              chain     to open and close channels, and to send on chain
              admin     everything

              lnw start --http 127.0.0.1:8080
              lnw token create --can invoice,read --name shop
              lnw token create --can pay --limit 10000sat/day --name pocket

            It is told once and kept nowhere: the node has its hash only.
            """,
        subcommands: [TokenCreate.self, TokenList.self, TokenRevoke.self])
}

/// What may be paid with a token: an amount, or an amount in a time.
struct LimitArgument {
    var msat: UInt64
    var seconds: Int64?

    private static let periods: [String: Int64] = ["hour": 3600, "day": 86_400, "week": 604_800, "month": 2_592_000]

    static func parse(_ text: String) throws -> LimitArgument {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2, let amount = Amount(parts[0]), amount.msat > 0,
            let period = Optional(parts.count == 2 ? periods[parts[1]] : 0)
        else { throw ValidationError("“\(text)” is no limit. Write 50000sat, or 10000sat/hour, /day, /week or /month") }
        return LimitArgument(msat: amount.msat, seconds: period == 0 ? nil : period)
    }

    /// A limit in words.
    static func words(_ v: JSONValue) -> String {
        guard let limit = v["limit_msat"].int else { return "" }
        let seconds = v["limit_period_s"].int
        let period = seconds.map { seconds in " a " + (periods.first { $0.value == seconds }?.key ?? "time of \(seconds) s") } ?? " in all"
        return "  \(Format.msat(v["spent_msat"].u64)) of \(Format.msat(UInt64(limit)))\(period)"
    }
}

struct TokenCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "create", abstract: "Make a token. It is told once.")
    @OptionGroup var options: CommonOptions
    @Option(help: "What it allows: some of read,invoice,pay,chain,admin") var can: String
    @Option(help: "For whom it is.") var name: String?
    @Option(
        help: "What may be paid with it, fees included: 50000sat, or 10000sat/hour, /day, /week or /month.", transform: LimitArgument.parse)
    var limit: LimitArgument?

    func run() async throws {
        let words = can.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        let known = Permission.allCases.map(\.rawValue)
        if let unknown = words.first(where: { !known.contains($0) }) {
            let near = LikelyWord.of(unknown, among: known).map { " Did you mean \($0)?" } ?? ""
            throw CallFailure(.usage, "“\(unknown)” is no permission.\(near) There are: \(known.joined(separator: ", "))")
        }
        let token = try await options.call(
            "createtoken",
            [
                "permissions": .array(words.map { .string($0) }), "name": .string(name ?? ""),
                "limit_msat": limit.map { .amount($0.msat) } ?? .null, "limit_period_s": limit?.seconds.map { .integer($0) } ?? .null,
            ])
        options.show(token) {
            "\($0["token"].string)\nIt is told this once. To take it back: \(options.lnw) token revoke \($0["id"].string)"
        }
    }
}

struct TokenList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "The tokens, what they allow, and what was paid with them.")
    @OptionGroup var options: CommonOptions
    func run() async throws {
        options.show(try await options.call("listtokens")) { v in
            v.list.isEmpty
                ? "no tokens. Make one: \(options.lnw) token create --can read"
                : v.list.map { token in
                    let permissions = token["permissions"].list.compactMap(\.text).joined(separator: ",")
                    return
                        "\(token["id"].string)  \(Format.pad(permissions, 22))  \(Format.pad(token["name"].string, 12))  made \(token["created_at"].string)\(LimitArgument.words(token))"
                }.joined(separator: "\n")
        }
    }
}

struct TokenRevoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "revoke", abstract: "Take a token back: from now on it allows nothing.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "Its id: lnw token list") var id: String
    func run() async throws {
        options.show(try await options.call("revoketoken", ["id": .string(id)])) { "token \($0["id"].string) allows nothing any more" }
    }
}
