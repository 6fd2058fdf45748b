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

            It is told once and kept nowhere: the node has its hash only. A limit is of the last hour, 24 hours, 7 or 30 days, with fees and what is under
            way counted; a token that has one begins no streams, which pay by themselves later. A token is for this wallet's node alone.
            """,
        subcommands: [TokenCreate.self, TokenList.self, TokenRevoke.self])
}

/// What may be paid with a token: an amount, or an amount in a time.
struct LimitArgument {
    var msat: UInt64
    var seconds: Int64?

    static func parse(_ text: String) throws -> LimitArgument {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        let failure = ValidationError("“\(text)” is no limit. Write 50000sat, or 10000sat/hour, /day, /week or /month")
        guard parts.count <= 2, let amount = Amount(parts[0]), amount.msat > 0 else { throw failure }
        guard parts.count == 2 else { return LimitArgument(msat: amount.msat, seconds: nil) }
        guard let period = LimitPeriod(rawValue: parts[1]) else { throw failure }
        return LimitArgument(msat: amount.msat, seconds: period.seconds)
    }

    /// A limit in words: 10,000 sat in 24 hours.
    static func words(_ limit: Int64, _ seconds: Int64?) -> String {
        return Format.msat(UInt64(max(0, limit))) + (seconds.map { " in \(LimitPeriod.words($0))" } ?? " in all")
    }
}

struct TokenCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "create", abstract: "Make a token. It is told once.")
    @OptionGroup var options: CommonOptions
    @Option(help: "What it allows: some of read,invoice,pay,chain,admin") var can: [String]
    @Option(help: "For whom it is.") var name: String?
    @Option(
        help: "What may be paid with it, fees included: 50000sat, or 10000sat/hour, /day, /week or /month.", transform: LimitArgument.parse)
    var limit: LimitArgument?

    func run() async throws {
        let words = can.flatMap { $0.split(separator: ",") }.map { $0.trimmingCharacters(in: .whitespaces) }
        let known = Permission.allCases.map(\.rawValue)
        if let unknown = words.first(where: { !known.contains($0) }) {
            let near = LikelyWord.of(unknown, among: known).map { " Did you mean \($0)?" } ?? ""
            throw CallFailure(.usage, "“\(unknown)” is no permission.\(near) There are: \(known.joined(separator: ", "))")
        }
        if limit != nil, !words.contains("pay") {
            throw CallFailure(.usage, "--limit is of what is paid: this token pays nothing without pay")
        }
        let token = try await options.call(
            "createtoken",
            [
                "permissions": .array(words.map { .string($0) }), "name": .string(name ?? ""),
                "limit_msat": limit.map { .amount($0.msat) } ?? .null, "limit_period_s": limit?.seconds.map { .integer($0) } ?? .null,
            ])
        options.show(token) { $0["token"].string }
        guard !options.json else { return }
        let limits = limit.map { ", up to \(LimitArgument.words(Int64($0.msat), $0.seconds)), fees included" } ?? ""
        Terminal.error(
            "It allows \(words.joined(separator: ", "))\(limits). It is told this once; to take it back: \(options.lnw) token revoke \(token["id"].string)"
        )
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
                    let limit = token["limit_msat"].int.map {
                        "  \(Format.msat(token["spent_msat"].u64)) of \(LimitArgument.words($0, token["limit_period_s"].int))"
                    }
                    return
                        "\(token["id"].string)  \(Format.pad(permissions, 22))  made \(token["created_at"].string)  \(token["name"].string)\(limit ?? "")"
                }.joined(separator: "\n")
        }
    }
}

struct TokenRevoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "revoke", abstract: "Take a token back: from now on it allows nothing.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "Its id, a beginning of that, or its name: lnw token list") var id: String
    func run() async throws {
        options.show(try await options.call("revoketoken", ["id": .string(id)])) { "token \($0["id"].string) allows nothing any more" }
    }
}
