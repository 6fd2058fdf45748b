import ArgumentParser
import BitcoinBackend
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningAPI
import LightningCore
import LightningRuntime
import LightningServer

struct Start: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run the wallet's node until it is stopped.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var start: StartOptions
    @Flag(help: "Be a watchtower for others as well: lnw help watchtower.") var watchtower = false

    func run() async throws { try await start.run(options, isTower: watchtower) }
}

/// How a node is started.
struct StartOptions: ParsableArguments {
    @Option(
        help:
            "The layer 1: bitcoind:http://user:password@host:port, or electrum:ssl://host:port without a bitcoind. Default: on regtest `lnw local up`'s."
    )
    var chain: String?
    @Option(help: "The bitcoind's .cookie, where the address has no user. Default: the one in ~/.bitcoin of the network.")
    var chainCookie: String?
    @Option(help: ArgumentHelp("The Electrum server's certificate, a PEM file, where it signed that itself.", valueName: "file"))
    var chainCertificate: String?
    @Option(help: "The port that other nodes call; 0 for any free one. Default: the last one, or any free one.")
    var port: Int?
    @Option(help: ArgumentHelp("The address to listen on, e.g. 0.0.0.0 for all of this machine's.", valueName: "address"))
    var host: String?
    @Option(help: ArgumentHelp("What the node calls itself, to everybody: 32 bytes at the most.", valueName: "name")) var alias: String?
    @Option(help: "What is logged: debug, info, notice, warning or error. Default: $LNW_LOG, or warning.") var logLevel: String?
    @Option(help: ArgumentHelp("Where the log goes, once the node runs. Default: standard error.", valueName: "file")) var logFile: String?
    @Option(help: ArgumentHelp("How others reach this machine, as it is told to them. Default: the address of --host.", valueName: "host"))
    var announce: String?
    @Option(
        help: ArgumentHelp(
            "Where the backup of the channels is kept, best on another disk. Default: channels.backup in the wallet's directory.",
            valueName: "file"))
    var backupFile: String?
    @Option(
        help: ArgumentHelp(
            "A second database that receives every change before anything leaves the node; without it the node stops.", valueName: "file"))
    var replica: String?
    @Flag(
        help:
            "Take the database for the newest also after a power cut. Not where a disk or the whole machine may have been set back to an earlier time."
    )
    var trustDatabase = false
    @Option(
        help: ArgumentHelp(
            "Where a wallet that was made of words begins to look for its coins: the block of its first day. Default: the first of all.",
            valueName: "height"))
    var birthday: Int?
    @Flag(help: "Once for a wallet on mainnet: its money is real, and nobody outside the project has audited this software.")
    var iUnderstand = false
    @Option(
        help: ArgumentHelp(
            "Answer calls over HTTP as well, for those who have a token, and show a dashboard: 127.0.0.1:8080. See lnw help token.",
            valueName: "address"))
    var http: String?
    @Option(help: ArgumentHelp("TLS for --http: a PEM file with the certificate and its chain; with --http-key.", valueName: "file"))
    var httpCert: String?
    @Option(help: ArgumentHelp("The PEM file of its key.", valueName: "file")) var httpKey: String?
    @Option(
        help: ArgumentHelp(
            "Tell another program what happens, by a POST that is signed with the wallet's webhook.secret and repeated until it is taken; several times for several.",
            valueName: "url"))
    var webhook: [String] = []
    @Option(help: "Which events it is told, by their names: payment_received,payment_failed. Default: payment_received.")
    var webhookEvents: String?
    @OptionGroup var unlocking: UnlockOptions

    /// Real money is put at risk by nobody who has not said that once.
    private func checkConsent(_ network: Network, _ directory: WalletDirectory) throws {
        guard network == .mainnet, !iUnderstand, !directory.hasConsent else { return }
        throw CallFailure(
            .refused,
            """
            on mainnet money is real, and this software is young: nobody outside the project has audited its protocol code, its cryptography or its \
            storage; a bug may lose everything in its channels. Put in what you can lose, and keep the seed words and channels.backup on \
            another disk. If that is what you want, say so once for this wallet: --i-understand
            """)
    }

    private func httpOptions() throws -> HTTPServer.Options? {
        guard (httpCert == nil) == (httpKey == nil), http != nil || httpCert == nil else {
            throw CallFailure(.usage, "TLS takes all three: --http, --http-cert and --http-key")
        }
        var options = try http.map { try HTTPServer.Options(parsing: $0) }
        if let httpCert, let httpKey { options?.tls = (Backup.url(httpCert).path, Backup.url(httpKey).path) }
        if let options, options.tls == nil, !["127.0.0.1", "::1", "localhost"].contains(options.host) {
            Terminal.error("lnw: --http \(options.host) is not this machine alone: without TLS whoever reads the line has the tokens")
        }
        return options
    }

    private func webhookOptions() throws -> Webhooks.Options? {
        guard !webhook.isEmpty else {
            guard webhookEvents == nil else { throw CallFailure(.usage, "--webhook-events says what a --webhook is told: whom?") }
            return nil
        }
        let events = webhookEvents?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        return try Webhooks.Options(urls: webhook, events: events)
    }

    /// The layer 1 of an address, which must be of the network.
    private func layerOne(_ url: String, _ network: Network, isTower: Bool) async throws -> any ChainBackend {
        guard url.hasPrefix("electrum:") else {
            guard chainCertificate == nil else { throw CallFailure(.usage, "--chain-certificate is for --chain electrum:ssl://…") }
            let backend: BitcoindChain
            do { backend = try BitcoindChain(url: url, cookieFile: chainCookie, network: network) } catch {
                throw CallFailure(.usage, "--chain: \(error.reason)")
            }
            try await backend.check(network: network)
            return backend
        }
        guard chainCookie == nil else { throw CallFailure(.usage, "--chain-cookie is for --chain bitcoind:…") }
        guard !isTower else {
            throw CallFailure(.usage, "a watchtower looks through whole blocks, which an Electrum server does not show: --chain bitcoind:…")
        }
        let backend: ElectrumChain
        do { backend = try ElectrumChain(url: url, certificate: chainCertificate.map { Backup.url($0).path }, network: network) } catch {
            throw CallFailure(.usage, "--chain: \(error.reason)")
        }
        try await backend.check()
        return backend
    }

    /// Runs the node.
    func run(_ options: CommonOptions, isTower: Bool) async throws {
        var directory = try options.directory
        guard (alias ?? "").utf8.count <= 32 else { throw CallFailure(.usage, "an alias has 32 bytes at the most") }
        guard (0...65535).contains(port ?? 0) else { throw CallFailure(.usage, "a port is a number up to 65535") }
        let network = try options.chosenNetwork
        guard (0..<500_000_000).contains(birthday ?? 0) else { throw CallFailure(.usage, "a birthday is a block's height") }
        try checkConsent(network, directory)
        let logger = try Logging.logger(options.walletName, level: logLevel)
        let web = try httpOptions()
        let webhooks = try webhookOptions()
        let url = try chain ?? (network == .regtest ? LocalWorld.storedChainURL() : nil)
        guard let url else {
            throw CallFailure(
                .usage,
                "which layer 1? \(network == .regtest ? "Run lnw local up, or say" : "Say") --chain bitcoind:http://user:password@host:port, or --chain bitcoind:http://host:port --chain-cookie <its .cookie>, or without a bitcoind --chain electrum:ssl://host:port"
            )
        }
        let backend = try await layerOne(url, network, isTower: isTower)
        if !directory.exists {
            let words = try directory.create()
            Terminal.error("new wallet “\(options.walletName)”; its seed words, shown this once:\n\n\(words.numbered)\n")
        }
        if !directory.isUnlocked {
            if try unlocking.given() != nil || Terminal.isInput {
                directory = try unlocking.unlocked(directory)
            } else {
                guard let unlocked = try await LockedWallet.wait(directory, name: options.walletName) else { return }
                directory = unlocked
            }
        }
        var nodeOptions = LightningNode.Options()
        nodeOptions.port = port ?? directory.lastPort ?? 0
        nodeOptions.host = host ?? nodeOptions.host
        if let alias { nodeOptions.configuration.alias = alias }
        nodeOptions.announcedHosts = announce.map { [$0] }
        nodeOptions.logger = logger
        nodeOptions.configuration.network = network
        nodeOptions.birthday = birthday.map { BlockHeight($0) }
        if isTower {
            var policy = TowerPolicy()
            // Others fill half of what the disk has left at the most: a full disk stops the node itself.
            let attributes = try? FileManager.default.attributesOfFileSystem(forPath: directory.url.path)
            if let free = attributes?[.systemFreeSize] as? NSNumber { policy.maxNewBytes = free.uint64Value / 2 }
            nodeOptions.configuration.tower = policy
        } else {
            nodeOptions.configuration.tower = nil
        }
        nodeOptions.backupFile = backupFile.map(Backup.url)
        nodeOptions.trustsDatabase = trustDatabase
        nodeOptions.replica = replica.map(Backup.url)
        var node: LightningNode
        do {
            node = try await LightningNode.start(wallet: directory, chain: backend, options: nodeOptions)
        } catch NodeFailure.cannotListen(let failure) where port == nil && nodeOptions.port != 0 {
            Terminal.error("\(failure): another one is taken, and the peers are told")
            nodeOptions.port = 0
            node = try await LightningNode.start(wallet: directory, chain: backend, options: nodeOptions)
        }
        if iUnderstand, network == .mainnet { directory.keepConsent() }
        if let port = node.port { directory.keep(port: port) }
        let service = NodeService(node: node, directory: directory)
        let dashboard: String?
        do { dashboard = try await service.startControl(http: web, webhooks: webhooks, telling: options.json) } catch {
            await service.stop()
            throw error
        }
        let height = try await node.height()
        options.show(
            [
                "id": .string(node.nodeID.hex), "address": node.address.map { .string($0.description) } ?? .null,
                "blockheight": .height(height), "dashboard": dashboard.map { .string($0) } ?? .null,
            ]
        ) { _ in
            "node \(node.address?.description ?? node.nodeID.hex) at block \(height)"
                + (dashboard.map { "\ndashboard \($0)" } ?? "")
        }
        if let logFile { try Logging.redirect(to: Backup.url(logFile).path) }
        try await Services.run([service], logger: nodeOptions.logger)
    }
}
