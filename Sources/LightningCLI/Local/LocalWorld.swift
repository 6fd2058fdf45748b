import ArgumentParser
import BitcoinBackend
import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningAPI
import LightningChain
import LightningChannel
import LightningClient
import LightningCore
import LightningRouting
import LightningRuntime
import LightningServer
import LightningTransactions
import LightningWire
import ServiceLifecycle

/// A layer 1 with a faucet, as one process has it.
actor LocalWorld {
    let chain: EmbeddedChain
    private var faucet: OnChainWallet
    private let faucetScript: Script
    private var followed: [BlockHash]
    private var nodes: [String: LightningNode] = [:]

    init(
        path: String?, policy: Policy = Policy(), keepsJournal: Bool = false, clock: EmbeddedChain.Clock? = nil
    ) throws {
        chain = try EmbeddedChain(path: path, policy: policy, keepsJournal: keepsJournal, clock: clock)
        // The faucet's coins are play money: its key is no secret.
        let master = ExtendedSecretKey(seed: Hash.sha256(Array("lnw faucet".utf8)).array)!
        let keys = WalletKeys(master: master, network: .regtest)
        faucet = OnChainWallet(keys: keys)
        faucetScript = keys.script(KeyPath(chain: 0, index: 0))
        followed = [Network.regtest.chainHash]
    }

    func add(_ node: LightningNode, name: String) { nodes[name] = node }

    /// Mines the first blocks of a new chain, so that the faucet has coins.
    func prepare() async throws {
        if await chain.tip().height == 0 { try await chain.mine(101, paying: faucetScript) }
        try await catchUp()
    }

    /// The block that the faucet has followed the chain to.
    private var height: BlockHeight { BlockHeight(followed.count - 1) }

    private func catchUp() async throws {
        while await chain.blockHash(height: height) != followed.last {
            faucet.disconnect(height: height)
            followed.removeLast()
        }
        while let hash = await chain.blockHash(height: height + 1) {
            let block = try await chain.block(hash)
            guard block.header.previous == followed.last else { break }
            faucet.connect(block.transactions.map { ($0, $0.id) }, height: height + 1)
            followed.append(hash)
        }
    }

    /// Mines blocks and waits until every node has seen them.
    func mine(_ count: Int) async throws -> BlockHeight {
        try await chain.mine(count, paying: faucetScript)
        try await catchUp()
        let height = await chain.tip().height
        for node in nodes.values { try await node.waitForBlock(height) }
        return height
    }

    /// Pays from the faucet and mines the payment.
    func fund(_ name: String, _ amount: Satoshi) async throws -> TransactionID {
        guard let node = nodes[name] else {
            throw CallFailure(.refused, "no node “\(name)” here. There are: \(nodes.keys.sorted().joined(separator: ", "))")
        }
        return try await fund(await node.newAddress().script, amount)
    }

    func fund(_ script: Script, _ amount: Satoshi) async throws -> TransactionID {
        try await catchUp()
        let transaction: Transaction
        do {
            transaction = try faucet.fund(
                paying: script, amount: amount, feeRate: FeeRate(perKiloweight: 500), height: height)
        } catch {
            throw CallFailure(.refused, "the faucet: \(error.description). More comes with lnw local mine 100")
        }
        try await chain.publish(transaction)
        faucet.commit(transaction)
        _ = try await mine(1)
        return transaction.id
    }

    /// The network as the first node knows it, with the shares that only we can see.
    func graph() async throws -> JSONValue {
        guard let first = nodes.sorted(by: { $0.key < $1.key }).first?.value else { return .null }
        guard case .object(var fields) = try await ControlAPI(node: first, onStop: nil).handle("graph", [:]) else { return .null }
        var shares: [String: JSONValue] = [:]
        for node in nodes.values {
            for channel in try await node.channels() where !channel.isClosed && node.nodeID < channel.parameters.remoteNodeID {
                guard let name = channel.shortChannelID else { continue }
                shares[name.description] = .amount(channel.commitments.toLocal.value)
            }
        }
        fields["node_1_msat"] = .object(shares)
        return .object(fields)
    }

    // MARK: Files

    static var passwordFile: URL { Home.local.appending(path: "rpc") }

    /// The URL of the layer 1 of `lnw local up`, if one was ever started here.
    static func storedChainURL() throws -> String? {
        guard let text = try? String(contentsOf: passwordFile, encoding: .utf8) else { return nil }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

struct Local: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A whole test network in one process.",
        subcommands: [LocalUp.self, LocalDown.self, LocalMine.self, LocalFund.self, LocalGraph.self])
}

struct LocalUp: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up", abstract: "Start a layer 1, a miner, a faucet and nodes; Ctrl-C or lnw local down ends it.")
    @OptionGroup var options: CommonOptions
    @Option(help: "The nodes' names, or how many. Default: alice,bob; a topology's file has its own.") var nodes: String?
    @Option(help: "Open public channels between them: line, ring, star, random, or a file with lines of “<node> <node> <sat>”.")
    var topology: String?
    @Option(help: "The port of the first node; the others follow.") var port = 9735
    @Option(help: "The port of the layer 1's JSON-RPC.") var rpcPort = 18443
    @Option(help: ArgumentHelp("Show a dashboard of each node in a browser; the first on this port, the others follow.", valueName: "port"))
    var http: Int?
    @OptionGroup var activity: ActivityOptions

    func run() async throws {
        var names = try Self.names(nodes ?? "alice,bob")
        let shape = try topology.map { try LocalTopology($0, names: names) }
        if let shape, nodes != nil, shape.names != names {
            throw CallFailure(.usage, "the file of --topology names the nodes: leave --nodes out")
        }
        names = shape?.names ?? names
        guard !names.isEmpty, Set(names).count == names.count else {
            throw CallFailure(.usage, "the nodes need names that differ")
        }
        guard (1...65535 - names.count).contains(port), (0...65535).contains(rpcPort), (0...65535 - names.count).contains(http ?? 0) else {
            throw CallFailure(.usage, "a port is a number up to 65535, and each node has one")
        }
        try FileManager.default.createDirectory(
            at: Home.local, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let clock = ActivityClock(isVirtual: activity.virtual)
        let world = try LocalWorld(
            path: Home.local.appending(path: "chain.sqlite").path, policy: activity.policy, clock: { clock.now })
        await clock.catchUp(with: world.chain)
        try await world.prepare()
        // The same password after a restart: whoever follows this layer 1 can go on.
        var entropy = Entropy.system()
        let kept = try LocalWorld.storedChainURL().flatMap { URLComponents(string: $0)?.password }
        let password = kept ?? String(entropy.bytes32().hex.prefix(32))
        let rpc: RPCServer
        do {
            var rpcOptions = RPCServer.Options()
            rpcOptions.port = rpcPort
            rpcOptions.user = "lnw"
            rpcOptions.password = password
            rpcOptions.cookieFile = Home.local.appending(path: ".cookie").path
            rpc = try await RPCServer(chain: world.chain, options: rpcOptions)
        } catch let failure as ListenFailure {
            throw CallFailure(.refused, "\(failure): choose another with --rpc-port")
        }
        let url = "http://lnw:\(password)@127.0.0.1:\(rpc.port)"
        _ = FileManager.default.createFile(
            atPath: LocalWorld.passwordFile.path, contents: Data(url.utf8), attributes: [.posixPermissions: 0o600])

        var services: [any Service] = []
        var dashboards: [(name: String, address: String)] = []
        let logger = Logging.logger("local")
        for (index, name) in names.enumerated() {
            var common = CommonOptions()
            common.network = .regtest
            common.wallet = name
            common.json = false
            let directory = try common.directory
            if !directory.exists { _ = try directory.create() }
            var nodeOptions = LightningNode.Options()
            nodeOptions.port = port + index
            // A network in one process: nobody has to be spared.
            nodeOptions.tickInterval = .milliseconds(250)
            nodeOptions.configuration.gossip.flushInterval = .milliseconds(250)
            nodeOptions.configuration.alias = name
            nodeOptions.logger = Logging.logger(name)
            let node: LightningNode
            do {
                node = try await LightningNode.start(wallet: directory, chain: world.chain, options: nodeOptions)
            } catch NodeFailure.cannotListen(let failure) {
                throw CallFailure(.refused, "\(failure): choose others with --port")
            }
            await world.add(node, name: name)
            let service = NodeService(node: node, directory: directory, isAlone: false)
            var web: HTTPServer.Options?
            if let http {
                web = HTTPServer.Options()
                web?.port = http == 0 ? 0 : http + index
            }
            if let address = try await service.startControl(http: web, telling: true) { dashboards.append((name, address)) }
            services.append(service)
        }
        try await world.introduce(services.compactMap { ($0 as? NodeService)?.node })
        let activity = ChainActivity(
            chain: world.chain, options: activity, clock: clock, mine: { _ = try? await world.mine(1) })
        let control = LocalService(world: world, rpc: rpc, activity: activity)
        try await control.start()
        services.append(control)
        if let shape {
            let isQuiet = options.json || !Terminal.isOutput
            try await world.open(shape, services.compactMap { ($0 as? NodeService)?.node }) { step in
                if !isQuiet { Terminal.out("\(step) …") }
            }
        } else {
            try await world.waitForPeers(services.compactMap { ($0 as? NodeService)?.node })
        }
        let height = await world.chain.tip().height
        if options.json {
            let list = services.compactMap { ($0 as? NodeService)?.node.address?.description }
            let nodes = Dictionary(zip(names, list.map { JSONValue.string($0) }), uniquingKeysWith: { $1 })
            let pages = Dictionary(dashboards.map { ($0.name, JSONValue.string($0.address)) }, uniquingKeysWith: { $1 })
            Terminal.out(
                (["blockheight": .height(height), "rpc_url": .string(url), "nodes": .object(nodes), "dashboards": .object(pages)]
                    as JSONValue).line)
        } else {
            tellHowToBegin(services, names, height, url, rpc.port)
            for (name, address) in dashboards { Terminal.out("dashboard of \(name): \(address)") }
        }
        try await Services.run(services, logger: logger)
        let last = await world.chain.tip().height
        await world.chain.close()
        // Other nodes of the same folder are not started by themselves.
        let again =
            (["lnw local up"] + [("--nodes", nodes), ("--topology", topology)].compactMap { name, value in value.map { "\(name) \($0)" } })
        if !options.json { Terminal.out("\nstopped at block \(last); \(again.joined(separator: " ")) goes on where it was") }
    }

    /// What people call nodes that they only count.
    private static let usualNames = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy"]

    private static func names(_ text: String) throws -> [String] {
        guard let count = Int(text) else { return text.split(separator: ",").map(String.init) }
        guard (1...100).contains(count) else { throw CallFailure(.usage, "1 to 100 nodes fit into one process") }
        return (0..<count).map { $0 < usualNames.count ? usualNames[$0] : "node\($0 + 1)" }
    }

    private func tellHowToBegin(_ services: [any Service], _ names: [String], _ height: BlockHeight, _ url: String, _ port: Int) {
        Terminal.out("layer 1   regtest, block \(height), JSON-RPC at \(url)")
        for (service, name) in zip(services, names) {
            if let node = (service as? NodeService)?.node { Terminal.out("\(Format.pad(name, 10))\(node.address!)") }
        }
        if topology != nil, names.count > 1 {
            Terminal.out(
                """

                in another terminal:
                  lnw -w \(names[0]) keysend \(names[names.count - 1]) 1000sat
                  lnw -w \(names[0]) getroute \(names[names.count - 1]) 100000sat
                  lnw local graph
                """)
            return
        }
        let other = names.count > 1 ? (services[1] as? NodeService)?.node.address?.description : nil
        Terminal.out(
            """

            in another terminal (bitcoin-cli: -regtest -rpccookiefile=\(Home.local.appending(path: ".cookie").path) -rpcport=\(port)):
              lnw local fund \(names[0]) 0.1btc
              lnw -w \(names[0]) openchannel \(other ?? "<id>@<host>:<port>") 1000000sat --yes && lnw local mine 6
              lnw -w \(names[0]) listchannels
            """)
    }
}

/// The control socket, the RPC server and the miner of a local network.
final class LocalService: Service, @unchecked Sendable {
    private let world: LocalWorld
    private let rpc: RPCServer
    private let activity: ChainActivity
    private let stopRequest = AsyncStream<Void>.makeStream()
    // Written once, before `run`.
    private var server: ControlServer?

    init(world: LocalWorld, rpc: RPCServer, activity: ChainActivity) {
        self.world = world
        self.rpc = rpc
        self.activity = activity
    }

    func start() async throws {
        let world = world
        let continuation = stopRequest.continuation
        server = try await ControlServer(path: Home.localSocket) { method, parameters in
            switch method {
            case "ping": return true
            case "down":
                continuation.yield()
                return true
            case "mine":
                let count = try parameters.whole("count", in: 1...10_000) ?? 1
                return ["height": .height(try await world.mine(Int(count)))]
            case "graph": return try await world.graph()
            case "fund":
                guard let wanted = try parameters.whole("amount_sat", in: 1...Int64(Satoshi.maximum.value)) else {
                    throw CallFailure(.usage, "how much? In satoshi")
                }
                let amount = Satoshi(UInt64(wanted))
                let id = try await world.fund(parameters["node"].string, amount)
                return ["txid": .string(id.description), "amount_sat": .amount(amount.value)]
            default: throw CallFailure(.usage, "unknown method \(method)")
            }
        }
    }

    func run() async throws {
        let stream = stopRequest.stream
        let activity = activity
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in stream { return }
            }
            group.addTask { try? await gracefulShutdown() }
            group.addTask { await activity.run() }
            await group.next()
            group.cancelAll()
        }
        await server?.stop()
        await rpc.stop()
    }
}

private func callLocal(_ method: String, _ parameters: JSONValue = [:]) async throws -> JSONValue {
    do {
        return try await SocketTransport(path: Home.localSocket).call(method, parameters, as: JSONValue.self)
    } catch {
        guard error.kind == .notRunning else { throw error }
        throw CallFailure(.unreachable, "no local network is running. Start one: lnw local up")
    }
}

struct LocalGraph: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph", abstract: "Draw the local network: who has channels with whom, how they are shared, and what they ask for.")
    @OptionGroup var options: CommonOptions
    @Option(name: .shortAndLong, help: "Where the picture goes.") var output = "graph.svg"

    func run() async throws {
        let graph = try await callLocal("graph")
        let capacities = Dictionary(
            graph["channels"].list.map { ($0["short_channel_id"].string, $0["capacity_sat"].u64) }, uniquingKeysWith: { $1 })
        var shares: [String: Double] = [:]
        if case .object(let fields) = graph["node_1_msat"] {
            for (name, value) in fields { shares[name] = Double(value.u64) / Double(max(1, capacities[name] ?? 1) * 1000) }
        }
        if !options.json {
            do {
                try GraphDrawing.svg(graph, shares: shares).write(toFile: output, atomically: true, encoding: .utf8)
            } catch { throw CallFailure(.refused, "\(output) cannot be written: \(error.localizedDescription)") }
        }
        options.show(graph) {
            "\($0["nodes"].list.count) nodes and \($0["channels"].list.count) channels drawn in \(output)"
        }
    }
}

struct LocalDown: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "down", abstract: "Stop the local network; its state is kept.")
    @OptionGroup var options: CommonOptions
    func run() async throws {
        options.show(["stopped": try await callLocal("down")]) { _ in "stopping; lnw local up, with the same nodes, goes on where it was" }
    }
}

struct LocalMine: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "mine", abstract: "Mine blocks.")
    @OptionGroup var options: CommonOptions
    @Argument var count: Int64 = 1
    func run() async throws {
        options.show(try await callLocal("mine", ["count": .integer(count)])) { "block \($0["height"].u64)" }
    }
}

struct LocalFund: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "fund", abstract: "Give a node coins, and mine them.")
    @OptionGroup var options: CommonOptions
    @Argument var node: String
    @Argument(help: Amount.help, transform: Amount.parse) var amount: Amount
    func run() async throws {
        let satoshi = try amount.satoshi()
        options.show(try await callLocal("fund", ["node": .string(node), "amount_sat": .amount(satoshi)])) {
            "\(node) has \(Format.sat($0["amount_sat"].u64)) more, confirmed, in \($0["txid"].string)"
        }
    }
}
