import ArgumentParser
import BitcoinBackend
import BitcoinLedger
import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningRuntime
import LightningSimulation
import ServiceLifecycle

struct ChainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chain", abstract: "The layer 1 by itself: Bitcoin's regtest with a bitcoind's JSON-RPC.",
        subcommands: [
            ChainServe.self, ChainMine.self, ChainInfo.self, ChainBlock.self, ChainTransaction.self, ChainAddress.self, ChainMempool.self,
            ChainUTXOs.self, ChainMarket.self, ChainCheck.self, ChainRebuild.self,
        ])
}

/// What `lnw chain serve` and `lnw local up` know about blocks and load.
struct ActivityOptions: ParsableArguments {
    @Option(help: "Mine a block every so often: 10s, 10m.", transform: TimeSpan.parse) var blockInterval: TimeSpan?
    @Option(help: "The weight that mined blocks may fill, up to 4000000.") var blockWeight = Ledger.maximumBlockWeight
    @Option(help: "Payments a second that others make on layer 1, to fill its blocks.") var load = 0.0
    @Flag(help: "Virtual time: each second counts as one block interval.") var virtual = false

    func validate() throws {
        guard (10_000...Ledger.maximumBlockWeight).contains(blockWeight) else {
            throw ValidationError("--block-weight is between 10000 and 4000000.")
        }
        guard load >= 0, load <= 1000 else { throw ValidationError("--load is between 0 and 1000 payments a second.") }
        if virtual, blockInterval == nil { throw ValidationError("--virtual needs --block-interval.") }
        if load > 0, blockInterval == nil { throw ValidationError("--load needs --block-interval, or nothing is ever mined.") }
    }

    var policy: Policy {
        var policy = Policy()
        policy.blockWeight = blockWeight
        return policy
    }
}

/// A length of time on the command line.
struct TimeSpan: Equatable {
    var seconds: Int

    static func parse(_ text: String) throws -> TimeSpan {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600]
        let unit = text.last.flatMap { units[$0] }
        let digits = unit == nil ? text[...] : text.dropLast()
        guard let count = Int(digits), (1...31_536_000).contains(count), count * (unit ?? 1) <= 31_536_000 else {
            throw ValidationError("a time is a number of seconds, or like 10s, 10m, 1h; a year at most")
        }
        return TimeSpan(seconds: count * (unit ?? 1))
    }
}

struct ChainServe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run a layer 1 alone, for any software that wants a bitcoind on regtest.",
        discussion: """
            bitcoin-cli -regtest -datadir=<the folder> finds port and cookie by itself. Other software takes
            --rpc-user and --rpc-password. Without --host nobody but this machine is answered.
            """)
    @OptionGroup var options: CommonOptions
    @OptionGroup var activity: ActivityOptions
    @Option(help: "The folder of the chain. Default: chain in lnw's own folder.") var data: String?
    @Flag(help: "Keep everything in memory; nothing remains.") var memory = false
    @Option(help: "The port; 0 for any free one.") var rpcPort = 18443
    @Option(name: .customLong("host"), help: "The address to listen on.") var host = "127.0.0.1"
    @Option(help: "A user for JSON-RPC, besides the cookie.") var rpcUser: String?
    @Option(help: "That user's password; LNW_RPC_PASSWORD does not show it to others.") var rpcPassword: String?

    func run() async throws {
        guard (0...65535).contains(rpcPort) else { throw CallFailure(.usage, "a port is a number up to 65535") }
        let password = rpcPassword ?? ProcessInfo.processInfo.environment["LNW_RPC_PASSWORD"]
        guard (rpcUser == nil) == (password == nil) else {
            throw CallFailure(.usage, "--rpc-user and --rpc-password go together")
        }
        // A chain in memory keeps nothing but its cookie: not where another server may have its own.
        let usual = memory ? "chain-memory-\(rpcPort)" : "chain"
        let folder = data.map { URL(filePath: $0, directoryHint: .isDirectory) } ?? Home.url.appending(path: usual)
        // Where bitcoin-cli looks for the cookie of a regtest node.
        let regtest = folder.appending(path: "regtest")
        do {
            try FileManager.default.createDirectory(
                at: regtest, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw CallFailure(.usage, "the folder \(regtest.path) cannot be made: choose another with --data")
        }
        let clock = ActivityClock(isVirtual: activity.virtual)
        let chain = try EmbeddedChain(
            path: memory ? nil : regtest.appending(path: "chain.sqlite").path, policy: activity.policy,
            clock: { clock.now })
        await clock.catchUp(with: chain)
        let stopRequest = AsyncStream<Void>.makeStream()
        var rpcOptions = RPCServer.Options()
        rpcOptions.port = rpcPort
        rpcOptions.host = host
        rpcOptions.user = rpcUser
        rpcOptions.password = password
        rpcOptions.cookieFile = regtest.appending(path: ".cookie").path
        rpcOptions.stop = { stopRequest.continuation.yield() }
        let rpc: RPCServer
        do {
            rpc = try await RPCServer(chain: chain, options: rpcOptions)
        } catch let failure as ListenFailure {
            throw CallFailure(.refused, "\(failure): choose another with --rpc-port")
        }
        let height = await chain.tip().height
        let place = "http://\(host):\(rpc.port)"
        options.show(
            [
                "blockheight": .height(height), "rpc_url": .string(place),
                "cookie_file": .string(rpcOptions.cookieFile!),
            ]
        ) { _ in
            """
            layer 1   regtest, block \(height), JSON-RPC at \(place)
            cookie    \(rpcOptions.cookieFile!)
            try       bitcoin-cli -regtest -datadir=\(folder.path) -rpcport=\(rpc.port) getblockchaininfo
            mine      lnw chain mine 101\(data.map { " --data \($0)" } ?? "")\(rpc.port == 18443 ? "" : " --rpc-port \(rpc.port)")
            """
        }
        if activity.load > 0, !options.json {
            Terminal.error("first 111 blocks are mined at once, so that those who pay have coins")
        }
        let service = ChainService(
            chain: chain, rpc: rpc, activity: ChainActivity(chain: chain, options: activity, clock: clock),
            stop: stopRequest.stream)
        try await Services.run([service], logger: Logging.logger("chain"))
        let last = await chain.tip().height
        await chain.close()
        if !options.json { Terminal.out("\nstopped at block \(last); " + (memory ? "nothing is kept" : "kept in \(folder.path)")) }
    }
}

/// A layer 1 with its server and its miner, until it is asked to stop.
struct ChainService: Service {
    let chain: EmbeddedChain
    let rpc: RPCServer
    let activity: ChainActivity
    let stop: AsyncStream<Void>

    func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in stop { return } }
            group.addTask { try? await gracefulShutdown() }
            group.addTask { await activity.run() }
            await group.next()
            group.cancelAll()
        }
        await rpc.stop()
    }
}

struct ChainMarket: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "market", abstract: "Watch a fee market: a layer 1 under load, in virtual time, from a seed.")
    @OptionGroup var options: CommonOptions
    @Option(help: "How many blocks.") var blocks = 24
    @Option(help: "The time between blocks, on average.", transform: TimeSpan.parse) var blockInterval = TimeSpan(seconds: 600)
    @Option(help: "The weight that blocks may fill, up to 4000000.") var blockWeight = Ledger.maximumBlockWeight
    @Option(help: "Payments a second.") var load = 10.0
    @Flag(help: "The payments are of Bitcoin's first form, 226 virtual bytes, instead of segwit's 141.") var legacy = false
    @Option(help: "The same seed gives the same market.") var seed: UInt64 = 1

    func validate() throws {
        guard (1...100_000).contains(blocks) else { throw ValidationError("--blocks is at least 1.") }
        guard (20_000...Ledger.maximumBlockWeight).contains(blockWeight) else {
            throw ValidationError("--block-weight is between 20000 and 4000000.")
        }
        guard load > 0, load <= 100 else { throw ValidationError("--load is above 0 and at most 100 payments a second.") }
    }

    func run() async throws {
        var market = FeeMarket.Options()
        market.seed = seed
        market.blockInterval = blockInterval.seconds
        market.blockWeight = blockWeight
        market.load = load
        market.form = legacy ? .legacy : .segwit
        var world = try FeeMarket(market)
        if !options.json {
            Terminal.out("block    after   payments   full   sat/vB: 10 %   median   waiting        next block   in six   (sat/vB)")
        }
        let interrupt = Interrupt()
        var history: [JSONValue] = []
        var mined = 0
        while mined < blocks, !interrupt.happened {
            let report = try world.nextBlock()
            mined += 1
            if !options.json { Terminal.out(line(report)) }
            history.append([
                "blockheight": .height(report.height), "after_seconds": .integer(Int64(report.interval)),
                "payments": .integer(Int64(report.transactions)), "weight": .integer(Int64(report.weight)),
                "waiting": .integer(Int64(report.waiting)), "tenth_sat_per_kvb": .integer(Int64(report.cheapest)),
                "median_sat_per_kvb": .integer(Int64(report.median)),
                "next_block_sat_per_kvb": .integer(Int64(report.nextBlock)),
                "six_blocks_sat_per_kvb": .integer(Int64(report.sixBlocks)),
            ])
        }
        let waits = world.waits.sorted()
        let median = waits.isEmpty ? 0 : waits[waits.count / 2]
        let slow = waits.isEmpty ? 0 : waits[waits.count * 95 / 100]
        options.show(
            [
                "blocks": .integer(Int64(mined)), "virtual_seconds": .integer(Int64(world.elapsed)),
                "payments_confirmed": .integer(Int64(waits.count)),
                "payments_per_second": .number((world.throughput * 100).rounded() / 100),
                "history": .array(history),
                "median_wait_seconds": .integer(Int64(median)), "p95_wait_seconds": .integer(Int64(slow)),
                "waiting": .integer(Int64(world.ledger.mempool.entries.count)),
            ]
        ) { _ in
            let rate = String(format: "%.1f", world.throughput)
            return """

                \(Format.thousands(UInt64(waits.count))) payments in \(Format.thousands(UInt64(world.elapsed))) s: \(rate) a second of \
                \(String(format: "%g", load)) wanted; half were confirmed within \(median) s, 95 % within \(slow) s
                """
        }
    }

    private func line(_ report: FeeMarket.Report) -> String {
        func rate(_ value: UInt64) -> String { String(format: "%.1f", Double(value) / 1000) }
        func right(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
        return right("\(report.height)", 5) + right("\(report.interval) s", 9)
            + right(Format.thousands(UInt64(report.transactions)), 11) + right("\(report.weight * 100 / blockWeight) %", 7)
            + right(rate(report.cheapest), 15) + right(rate(report.median), 9)
            + right("\(Format.thousands(UInt64(report.waiting)))", 10)
            + right(rate(report.nextBlock), 18) + right(rate(report.sixBlocks), 9)
    }
}

/// The database that a maintenance command works on.
struct ChainFile: ParsableArguments {
    @Option(help: "The folder of `lnw chain serve`. Default: chain in lnw's own folder.") var data: String?
    @Flag(help: "The layer 1 of `lnw local up` instead.") var local = false

    var path: String {
        get throws {
            guard data == nil || !local else { throw CallFailure(.usage, "--data and --local name two chains") }
            let folder = data.map { URL(filePath: $0, directoryHint: .isDirectory) } ?? Home.url.appending(path: "chain")
            let file = local ? Home.local.appending(path: "chain.sqlite") : folder.appending(path: "regtest/chain.sqlite")
            guard FileManager.default.fileExists(atPath: file.path) else {
                throw CallFailure(
                    .usage,
                    "there is no chain at \(file.path). The chain of lnw local is looked at with --local, another one with --data and its folder"
                )
            }
            return file.path
        }
    }
}

struct ChainCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check a chain's database: every block again, and that all else follows from them.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var file: ChainFile

    func run() async throws {
        let path = try file.path
        let found: EmbeddedChain.Examination
        do throws(ChainFailure) { found = try EmbeddedChain.examine(path: path) } catch {
            throw CallFailure(.corrupt, error.description)
        }
        let problems = found.problems
        options.show(
            [
                "blockheight": .height(found.height), "txouts": .integer(Int64(found.coins)),
                "problems": .array(problems.map { .string($0) }),
            ]
        ) { _ in
            problems.isEmpty
                ? "sound: \(Format.thousands(UInt64(found.height.uint32))) blocks, \(Format.thousands(UInt64(found.coins))) unspent outputs; every table says what the blocks say"
                : problems.joined(separator: "\n")
        }
        if !problems.isEmpty {
            throw CallFailure(
                .corrupt,
                "\(problems.count == 1 ? "one problem" : "\(problems.count) problems"); lnw chain rebuild makes all tables anew from the blocks"
            )
        }
    }
}

struct ChainRebuild: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild", abstract: "Compute a chain's unspent outputs and indexes anew from its blocks.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var file: ChainFile
    @Flag(help: "Also where blocks are missing, and the chain gets shorter. The old file is kept beside the new one.") var yes = false

    func run() async throws {
        let path = try file.path
        let height: BlockHeight
        do throws(ChainFailure) {
            height = try EmbeddedChain.rebuild(path: path, mayShorten: yes)
        } catch {
            let isBeyond = error.reason.hasPrefix("it is damaged")
            throw CallFailure(
                .corrupt, isBeyond ? "\(path) cannot be read any more. Move it away and start anew" : error.description)
        }
        options.show(["blockheight": .height(height)]) { _ in "rebuilt, up to block \(height)" }
    }
}

struct ChainMine: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mine", abstract: "Mine blocks on the layer 1 that runs here.",
        discussion: "Without an address the coins are anyone's: they pay to Bitcoin's anchor, which needs no signature.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var source: ChainSource
    @Argument(help: "How many blocks.") var count = 1
    @Argument(help: "Where subsidy and fees go.") var address: String?

    func run() async throws {
        guard (1...100_000).contains(count) else { throw CallFailure(.usage, "between 1 and 100000 blocks") }
        let view = try await source.open()
        let target = address ?? Address(script: .anchor, network: .regtest)!.description
        let answer = try await view.call("generatetoaddress", [.integer(count), .string(target)])
        let height = try await view.call("getblockcount").integer ?? 0
        options.show(
            ["blockheight": .integer(height), "mined": .integer(Int64(answer.array?.count ?? 0))]
        ) { _ in "block \(height)" }
    }
}
