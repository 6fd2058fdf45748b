import ArgumentParser
import LightningAPI
import LightningRuntime

struct WatchtowerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watchtower", abstract: "Have others punish for you what a peer publishes while you are away, or do it for them.",
        discussion: """
            Whoever publishes a revoked state of a channel loses everything in it, if somebody is there to punish it in time. A watchtower is there \
            when your node is not. It is given a sealed kit for each state that is revoked; it can neither read one before the state is published, \
            nor take anything: what it claims goes to your wallet, by your own signatures.

              lnw watchtower serve -w tower --port 9911      on another machine; prints its address
              lnw watchtower add <id>@<host>:9911            on yours

            It covers what is revoked from then on. Several are better than one.
            """,
        subcommands: [WatchtowerServe.self, WatchtowerAdd.self, WatchtowerRemove.self, WatchtowerList.self])
}

struct WatchtowerServe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run a node that is a watchtower for others: as lnw start --watchtower.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var start: StartOptions
    func run() async throws { try await start.run(options, isTower: true) }
}

struct WatchtowerAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "add", abstract: "Have a watchtower watch for you from now on.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "id@host:port") var address: String
    func run() async throws {
        options.show(try await options.call("addwatchtower", ["address": .string(address)])) {
            "watchtower \(Format.short($0["id"].string)) is called until it answers, and has what is revoked from now on: lnw watchtower list"
        }
    }
}

struct WatchtowerRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "remove", abstract: "Give a watchtower nothing more.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "Its id, or a unique beginning of it") var id: String
    func run() async throws {
        options.show(try await options.call("removewatchtower", ["id": .string(id)])) {
            "\(Format.short($0["id"].string)) has nothing more"
        }
    }
}

struct WatchtowerList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Your watchtowers, and what they cover.")
    @OptionGroup var options: CommonOptions

    /// A line for a channel of a tower.
    private static func coverage(_ channel: JSONValue) -> String {
        let name = channel["short_channel_id"].text ?? Format.short(channel["channel_id"].string)
        let count = channel["revoked_states"].u64
        let states = "\(Format.thousands(count)) revoked state\(count == 1 ? "" : "s")"
        return "  \(Format.pad(name, 14)) \(states)\(channel["complete"].flag ? ", a kit for each" : ", and not for each a kit")"
    }

    func run() async throws {
        options.show(try await options.call("listwatchtowers")) { v in
            let service = v["service"]
            var lines = v["watchtowers"].list.map { tower in
                let waiting = tower["kits_waiting"].u64
                let lost = tower["kits_lost"].u64
                let state = tower["refusal"].text.map { "refuses: \($0)" } ?? (tower["connected"].flag ? "connected" : "away")
                let head =
                    "\(tower["id"].string)  \(state)\n  has \(Format.thousands(tower["kits_stored"].u64)) kits for what was revoked since block \(tower["since_block"].u64)\(waiting > 0 ? ", \(Format.thousands(waiting)) wait for it" : "")\(lost > 0 ? "\n  it will never have \(Format.thousands(lost)) kits: too many waited for it while it was away. For what was revoked then only you, or another watchtower, can punish" : "")"
                return ([head] + tower["channels"].list.map(Self.coverage)).joined(separator: "\n")
            }
            if lines.isEmpty, !service["serves"].flag {
                lines = ["no watchtowers. Add one: \(options.lnw) watchtower add <id>@<host>:<port>"]
            }
            if service["serves"].flag {
                lines.append(
                    "as a watchtower: \(Format.thousands(service["kits"].u64)) kits of \(service["clients"].u64) clients, \(service["breaches"].u64) breaches being punished"
                )
            }
            return lines.joined(separator: "\n")
        }
    }
}
