public import BitcoinBackend
public import BitcoinPrimitives
public import CryptoPrimitives
public import Foundation
public import LightningChain
public import LightningChannel
public import LightningCore
import LightningEnforcement
public import LightningInvoice
public import LightningPayment
import LightningRecords
public import LightningRouting
import LightningStorage
import LightningTransactions
public import LightningWire
public import Logging
internal import NIOCore
internal import NIOPosix
public import ServiceLifecycle

/// Why a node does not start or a connection does not come about.
public enum NodeFailure: Error, Sendable, CustomStringConvertible {
    /// The port cannot be listened on.
    case cannotListen(ListenFailure)
    /// The other node cannot be reached, or does not speak as a Lightning node does.
    case cannotConnect(String, why: String)
    /// Nothing came in time.
    case timeout(String)

    public var description: String {
        switch self {
        case .cannotListen(let why): "\(why): choose another with --port"
        case .cannotConnect(let address, let why): "cannot connect to \(address): \(why)"
        case .timeout(let what): "\(what) took too long"
        }
    }
}

/// A Lightning node: one wallet, one database, one port, driven on one thread.
///
///     let chain = try EmbeddedChain(path: nil)
///     let alice = try await LightningNode.start(wallet: directory, chain: chain)
///     let payment = try await alice.pay(try Invoice("lnbcrt…"))
public final class LightningNode: Service, Sendable {
    /// How a node runs.
    public struct Options: Sendable {
        /// On which peers are listened for.
        public var host = "127.0.0.1"
        /// 0 takes any free port; `nil` listens to nobody.
        public var port: Int? = 0
        /// The hosts by which others can call this node, as it tells them; `host` where nothing else is said. One that stands for all of
        /// this machine's addresses, like 0.0.0.0, is told to nobody.
        public var announcedHosts: [String]?
        /// What the node asks of its peers and pays for.
        public var configuration = NodeConfiguration()
        /// Where the backup of the channels is kept, best on another disk: it is renewed whenever a channel is opened or closed, and is of use
        /// to nobody without the words. `nil`: `channels.backup` in the wallet's directory.
        public var backupFile: URL?
        /// A second database, best on another disk or machine, that receives every batch before anything of it leaves the node. Where it does
        /// not take one the node stops.
        public var replica: URL?
        /// For a wallet that was made of words: the height at which its first coin may have come, a hundred blocks before which it begins to look for it;
        /// `nil` for the whole chain. A wallet that was made anew begins at the tip, and keeps where that was.
        ///
        /// Money at risk: what was paid to it before is not seen, until a start with an empty database looks from an earlier block.
        public var birthday: BlockHeight?
        /// Whether the database is taken for the newest also after the machine stopped without warning, when nothing shows it. Money at risk: after
        /// a disk or a whole machine was set back to an earlier time everything in the channels may be lost.
        public var trustsDatabase = false
        /// How often time is told to pass: what is due is done then.
        public var tickInterval = Duration.seconds(1)
        /// Warnings and worse, unless another one is given.
        public var logger: Logger
        /// A node that listens on this machine only, on a free port.
        public init() {
            logger = Logger(label: "lightning")
            logger.logLevel = .warning
        }
    }

    /// By which others know it.
    public let nodeID: NodeID
    /// Of its layer 1.
    public let network: Network
    /// The port that peers can call, if any.
    public let port: Int?
    /// On which it listens.
    public let host: String
    let driver: NodeDriver
    let store: StoreThread
    private let addresses: PeerAddresses
    private let connector: PeerConnector
    private let group: MultiThreadedEventLoopGroup
    private let server: (any Channel)?
    private let tasks: [Task<Void, Never>]
    private let ticker: RepeatedTask

    private init(
        nodeID: NodeID, network: Network, host: String, driver: NodeDriver, store: StoreThread, addresses: PeerAddresses,
        connector: PeerConnector, group: MultiThreadedEventLoopGroup, server: (any Channel)?, tasks: [Task<Void, Never>],
        ticker: RepeatedTask
    ) {
        self.nodeID = nodeID
        self.network = network
        self.host = host
        self.driver = driver
        self.store = store
        self.addresses = addresses
        self.connector = connector
        self.group = group
        self.server = server
        self.tasks = tasks
        self.ticker = ticker
        port = server?.localAddress?.port
    }

    /// Where a node without a database begins to follow the chain: a hundred blocks below the day on which its wallet was new, so that no
    /// reorganization comes before it; on regtest, and where nobody knows that day, at the first block, which takes as long as it takes to read the
    /// whole chain.
    private static func beginning(
        _ wallet: WalletDirectory, isNew: Bool, _ options: Options, _ chain: any ChainBackend
    ) async throws -> (height: BlockHeight, hash: BlockHash)? {
        let tip = try await chain.tip().height
        if options.birthday == nil, isNew, options.configuration.network != .regtest { wallet.keep(birthday: tip) }
        guard let day = options.birthday ?? wallet.birthday else { return nil }
        let height = min(day, tip)
        guard height > 100, let hash = try await chain.blockHash(height: height - 100) else { return nil }
        return (height - 100, hash)
    }

    /// Starts a node on its wallet's directory, which must hold a seed, and follows the chain to its tip.
    public static func start(
        wallet: WalletDirectory, chain: any ChainBackend, options: Options = Options()
    ) async throws -> LightningNode {
        var configuration = options.configuration
        configuration.connections.fit(files: OpenFiles.raiseLimit())
        if wallet.isRestored { configuration.walletLookAhead = OnChainWallet.addressLimit }
        if chain.isSelective {
            if configuration.tower != nil {
                options.logger.warning("a watchtower looks through whole blocks, which this layer 1 does not show: this node is none")
                configuration.tower = nil
            }
            if wallet.isRestored {
                options.logger.warning(
                    "this layer 1 shows no whole blocks: of channels that are lost it finds what is in the backup of the channels, and not what was paid out by closes that only the words tell of"
                )
            }
        }
        let network = configuration.network
        let keys = NodeKeys(seed: try wallet.seed(), network: network)
        let isNew = wallet.isNew
        let database = try SQLiteStore(path: wallet.database)
        let contents = try database.load()
        if contents.record(.meta, "node") == nil {
            configuration.birthday = try await beginning(wallet, isNew: isNew, options, chain)
        } else if options.birthday != nil {
            options.logger.warning("this database has followed the chain already: a birthday is for the first start, and not used")
        }
        let fence = StoreFence(path: wallet.fence)
        let batches = try database.batchNumber()
        let replica = try options.replica.map { try database.replica(at: $0.path) }
        var doubt = fence.doubt(contents, batches: batches)
        if doubt == .machineStopped, options.trustsDatabase { doubt = nil }
        let core = try NodeCore(
            configuration: configuration, keys: keys, entropy: .system(), store: contents, isStoreProven: doubt == nil)
        let isInDoubt = doubt
        let store = StoreThread(
            database, replica: replica, fence: fence, batches: batches, backupFile: options.backupFile?.path ?? wallet.backup,
            logger: options.logger)
        let addresses = PeerAddresses(contents)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let (transactions, publisher) = AsyncStream<Publication>.makeStream()
        let (checks, checker) = AsyncStream<GossipCheck>.makeStream()
        let driver = NodeDriver(
            eventLoop: loop, core: core, store: store, logger: options.logger, publisher: publisher, checker: checker)
        let follower = ChainFollower(backend: chain, driver: driver, logger: options.logger)
        let known = addresses.descriptors
        driver.onLoop { driver.enqueue(.addresses(known)) }
        // Before anybody can call: what happened while the node was down comes first.
        do {
            try await follower.catchUp(to: try await chain.tip().hash, isStart: true)
            // What a doubt means for the channels is stored before this database counts as the one in use.
            if let doubt = isInDoubt {
                try await driver.handle(.tick)
                let inDoubt = try await driver.read { $0.channels.values.count { $0.isPossiblyBehind } }
                if inDoubt > 0 {
                    options.logger.warning(
                        "this database may be an old copy: \(doubt). Nothing of \(inDoubt) of its channels is published before their peers have shown that it is the newest"
                    )
                }
            }
            await store.raiseFence()
        } catch {
            await store.close()
            try? await group.shutdownGracefully()
            throw error
        }
        var server: (any Channel)?
        if let port = options.port {
            do {
                server = try await ServerBootstrap(group: group)
                    .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                    .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                    .childChannelOption(.maxMessagesPerRead, value: 16)
                    .childChannelOption(.writeBufferWaterMark, value: PeerSocketHandler.waterMark)
                    .childChannelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(PeerSocketHandler(driver: driver, node: nil))
                        }
                    }
                    .bind(host: options.host, port: port).get()
            } catch {
                await store.close()
                try? await group.shutdownGracefully()
                throw NodeFailure.cannotListen(ListenFailure(error, host: options.host, port: port))
            }
        }
        if batches == 0, let backup = DurableFile.read(options.backupFile?.path ?? wallet.backup, upTo: WalletDirectory.longestBackup),
            let summary = try? wallet.summary(of: backup, network: network), !summary.channels.isEmpty
        {
            // The database is gone, and the first renewal would put another backup in the place of this one.
            options.logger.warning("the database is gone, and there is a backup of \(summary.channels.count) channels: it is restored")
            _ = try await driver.command(.restoreChannels(backup))
        }
        let connector = PeerConnector(driver: driver)
        let reconnector = Reconnector(driver: driver, addresses: addresses, connector: connector)
        let keeper = AddressKeeper(driver: driver, addresses: addresses)
        let port = server?.localAddress?.port
        let places = options.announcedHosts ?? [options.host]
        let descriptors = AddressDescriptors.encode(port.map { port in places.map { .init(host: $0, port: port) } } ?? [])
        loop.execute { driver.enqueue(.listening(addresses: descriptors)) }
        let tasks = [
            Task { await follower.run() }, Task { await follower.publish(transactions) },
            Task { await MempoolWatcher(backend: chain, driver: driver).run() },
            Task { await reconnector.run() }, Task { await keeper.run() },
            Task { await PastCloses(backend: chain, driver: driver, logger: options.logger).run() },
            Task { await GossipChecker(backend: chain, driver: driver).run(checks) },
        ]
        let ticker = loop.scheduleRepeatedTask(
            initialDelay: TimeAmount(options.tickInterval), delay: TimeAmount(options.tickInterval)
        ) { _ in
            driver.enqueue(.tick)
        }
        return LightningNode(
            nodeID: keys.nodeID, network: network, host: options.host, driver: driver, store: store, addresses: addresses,
            connector: connector, group: group, server: server, tasks: tasks, ticker: ticker)
    }

    /// Runs until a graceful shutdown is asked for, then stops: for a `ServiceGroup`.
    public func run() async throws {
        try await gracefulShutdown()
        await stop()
    }

    /// Closes connections and the database. Everything that was promised is stored already.
    ///
    /// Whatever is asked of it afterwards throws `NodeRefusal.stopped`, and its events have ended. A second call does nothing.
    public func stop() async {
        guard driver.beginStop() else { return }
        ticker.cancel()
        for task in tasks { task.cancel() }
        try? await server?.close()
        let driver = driver
        try? await driver.eventLoop.submit { driver.shutdown() }.get()
        await store.close()
        try? await group.shutdownGracefully()
    }

    /// Calls back if the store refuses a batch: the node has stopped then, and must be started again.
    public func onFailure(_ handler: @escaping @Sendable (String) -> Void) { driver.setFailureHandler(handler) }

    /// Where others reach this node.
    public var address: NodeAddress? { port.map { NodeAddress(nodeID: nodeID, host: host, port: $0) } }

    /// Everything that happens, from now on. What happened before, or while nobody listened: `events(since:)`.
    public var events: AsyncStream<NodeEvent> { driver.events() }

    // MARK: Peers

    /// Connects to a node and waits for its `init`.
    public func connect(_ address: NodeAddress) async throws {
        try driver.requireRunning()
        guard try await connector.connect(address) else { return }
        if let change = addresses.proven(address) { try await driver.commit(change) }
    }

    /// Ends the connection to a node.
    ///
    /// - Throws: `NodeRefusal.notConnected`. The peer of a channel is called again: payments could not be made else.
    public func disconnect(_ node: NodeID) async throws { _ = try await driver.command(.disconnect(node)) }

    /// Takes a place at which a node can be found, without calling it now: should it be the peer of a channel and away, it is tried.
    public func remember(_ address: NodeAddress) async throws {
        try driver.requireRunning()
        if let change = addresses.told(address.nodeID, [address]) { try await driver.commit(change) }
    }

    /// The nodes it is connected to.
    public func peers() async throws -> [PeerSummary] { try await driver.read { $0.peerSummaries } }

    // MARK: Channels

    /// Opens a channel to a connected peer; returns when the funding transaction is published.
    ///
    /// - Parameter amount: `nil` for everything on chain, less what is kept for the claims of closes.
    /// - Parameter feeRate: of the commitments; `funding`: what the funding transaction is to pay.
    /// - Parameter announce: makes it public, so that others can be paid through it.
    /// - Parameter mayUseReserve: whether what is kept may be used (`Balance.closeReserve`). Money at risk: without coins on chain HTLCs of a
    ///   channel with anchors cannot be claimed in time.
    @discardableResult
    public func openChannel(
        to node: NodeID, amount: Satoshi?, push: MilliSatoshi = .zero, feeRate: FeeRate? = nil, announce: Bool = false,
        mayUseReserve: Bool = false, funding: FeeChoice? = nil
    ) async throws -> ChannelID {
        let command = NodeCommand.openChannel(
            node, amount: amount, push: push, feeRate: feeRate, announce: announce, mayUseReserve: mayUseReserve, funding: funding)
        guard case .channelOpened(let id, _) = try await driver.command(command) else { preconditionFailure() }
        return id
    }

    /// All channels, among them those that were closed in the last two weeks (`closedChannels` has the others).
    public func channels() async throws -> [PaymentChannel] {
        try await driver.read { core in core.channels.values.sorted { $0.id < $1.id } }
    }

    /// The transactions of ours that layer 1 does not take, and why.
    public func refusedPublications() async throws -> [TransactionID: String] { try await driver.read { $0.refusedPublications } }

    /// Agrees with the peer to close a channel; the money is on chain once the closing transaction is mined.
    ///
    /// - Parameter fee: what we propose that the closing transaction pays.
    public func closeChannel(_ id: ChannelID, to script: Script? = nil, fee: FeeChoice? = nil) async throws {
        _ = try await driver.command(.closeChannel(id, to: script, fee: fee))
    }

    /// What closing a channel without its peer would come to now; `nil` for one that is closed already, and without a fee for one that is
    /// given up.
    public func forceCloseQuote(of id: ChannelID, fee: FeeChoice? = nil) async throws -> ForceCloseQuote? {
        let answer: Result<ForceCloseQuote?, WalletRefusal> = try await driver.read { core in
            do throws(WalletRefusal) { return .success(try core.forceCloseQuote(of: id, fee)) } catch { return .failure(error) }
        }
        do { return try answer.get() } catch { throw NodeRefusal.wallet(error) }
    }

    /// Closes a channel without the peer. Our own money is locked for the peer's `to_self_delay` blocks.
    ///
    /// - Parameters:
    ///   - isNewest: your word that no newer copy of this database exists, for a channel that `isPossiblyBehind`. Money at risk: if
    ///     there is one, everything in the channel may be lost.
    ///   - replacesClose: whether it is meant also where a closing transaction that both sides have signed waits to be mined.
    ///   - fee: what our last state and the child that pays for it are to pay together at the least; never more than what the channel holds
    ///     of ours. `nil` for what the deadlines of its HTLCs ask for. A channel that is given up and not mined yet pays more from now on.
    /// - Throws: `NodeRefusal.channel(.possiblyBehind)` and `NodeRefusal.channel(.closeWaits)` for such channels without that word.
    public func forceCloseChannel(_ id: ChannelID, isNewest: Bool = false, replacesClose: Bool = false, fee: FeeChoice? = nil) async throws
    {
        _ = try await driver.command(.forceCloseChannel(id, isNewest: isNewest, replacesClose: replacesClose, fee: fee))
    }

    /// Proposes a new fee rate for the commitments of a channel that we opened.
    public func setFeeRate(_ rate: FeeRate, of id: ChannelID) async throws {
        _ = try await driver.command(.setFeeRate(id, rate))
    }

    /// Our current commitment transaction with both signatures: see `NodeCore.signedCommitment(of:)`.
    public func signedCommitment(of id: ChannelID) async throws -> Transaction? {
        try await driver.read { $0.signedCommitment(of: id) }
    }

    // MARK: Payments

    /// Makes an invoice; `amount` of `nil` lets the payer choose.
    ///
    /// - Parameters:
    ///   - blindedHops: above 0, the invoice does not tell who we are: the payer sees a node so many hops before us, and
    ///     nothing of the way behind it (BOLT 4 "Route Blinding").
    ///   - label: what you call it, up to 200 bytes: it is kept with the invoice, and nobody else sees it.
    public func createInvoice(
        amount: MilliSatoshi?, description: String = "", expiry: Duration = Invoice.defaultExpiry, blindedHops: Int = 0,
        label: String? = nil
    ) async throws -> Invoice {
        try await createInvoice(amount: amount, .text(description), expiry: expiry, blindedHops: blindedHops, label: label)
    }

    /// Makes an invoice with a description in words, or the hash of one that is told elsewhere (BOLT 11's `h`).
    public func createInvoice(
        amount: MilliSatoshi?, _ description: InvoiceDescription, expiry: Duration = Invoice.defaultExpiry, blindedHops: Int = 0,
        label: String? = nil
    ) async throws -> Invoice {
        let command = NodeCommand.createInvoice(amount: amount, description, expiry: expiry, blindedHops: blindedHops, label: label)
        guard case .invoice(let record) = try await driver.command(command) else { preconditionFailure() }
        return record.invoice
    }

    /// Makes an invoice whose payment is held until `settle` or `cancel`.
    ///
    /// - Parameters:
    ///   - hash: of a preimage that may be known later.
    ///   - blindedHops: as for other invoices.
    public func createHoldInvoice(
        _ hash: PaymentHash, amount: MilliSatoshi?, description: String = "", expiry: Duration = Invoice.defaultExpiry,
        blindedHops: Int = 0,
        label: String? = nil
    ) async throws -> Invoice {
        try await createHoldInvoice(hash, amount: amount, .text(description), expiry: expiry, blindedHops: blindedHops, label: label)
    }

    /// The same with a description in words, or the hash of one that is told elsewhere (BOLT 11's `h`).
    public func createHoldInvoice(
        _ hash: PaymentHash, amount: MilliSatoshi?, _ description: InvoiceDescription, expiry: Duration = Invoice.defaultExpiry,
        blindedHops: Int = 0, label: String? = nil
    ) async throws -> Invoice {
        let command = NodeCommand.createHoldInvoice(
            hash, amount: amount, description, expiry: expiry, blindedHops: blindedHops, label: label)
        guard case .invoice(let record) = try await driver.command(command) else { preconditionFailure() }
        return record.invoice
    }

    /// Takes the payment that is held for a hold invoice. From then on it cannot be failed.
    public func settle(_ preimage: PaymentPreimage) async throws {
        _ = try await driver.command(.settle(preimage.paymentHash, preimage))
    }

    /// Gives back what is held for a hold invoice, or does not want to be paid for any invoice any more.
    public func cancel(_ hash: PaymentHash) async throws { _ = try await driver.command(.cancel(hash)) }

    /// Pays an invoice and waits for the outcome.
    ///
    /// - Throws: `NodeRefusal`: nothing was paid, except where a payment was under way already.
    @discardableResult
    public func pay(
        _ invoice: Invoice, amount: MilliSatoshi? = nil, limits: PaymentLimits = PaymentLimits()
    ) async throws(NodeRefusal) -> OutgoingPayment {
        guard case .payment(let payment) = try await driver.command(.pay(invoice, amount: amount, limits)) else {
            preconditionFailure()
        }
        return payment
    }

    /// Pays a node without an invoice.
    ///
    /// - Parameter records: for the payee's application, with types of 65536 and above.
    @discardableResult
    public func keysend(
        _ node: NodeID, amount: MilliSatoshi, limits: PaymentLimits = PaymentLimits(), records: [UInt64: [UInt8]] = [:]
    ) async throws(NodeRefusal) -> OutgoingPayment {
        guard case .payment(let payment) = try await driver.command(.keysend(node, amount: amount, limits, customRecords: records))
        else { preconditionFailure() }
        return payment
    }

    /// Pays this node itself in a circle: out over the first channel, in over the second.
    @discardableResult
    public func rebalance(
        from: ChannelID, to: ChannelID, amount: MilliSatoshi, limits: PaymentLimits = PaymentLimits()
    ) async throws(NodeRefusal) -> OutgoingPayment {
        guard case .payment(let payment) = try await driver.command(.rebalance(from: from, to: to, amount: amount, limits)) else {
            preconditionFailure()
        }
        return payment
    }

    /// Tries whether a payment would arrive, without paying: the attempts that were made, and whether the last one got there.
    public func probe(
        _ node: NodeID, amount: MilliSatoshi, limits: PaymentLimits = PaymentLimits()
    ) async throws(NodeRefusal) -> (payment: OutgoingPayment, arrived: Bool) {
        do throws(NodeRefusal) {
            _ = try await driver.command(.probe(node, amount: amount, limits))
            preconditionFailure("nobody knows the preimage of a probe")
        } catch {
            guard case .paymentFailed(let payment, _) = error else { throw error }
            let arrived = payment.attempts.contains { attempt in
                if case .failed(let failure) = attempt.status { return failure.hop == attempt.route.hops.count - 1 }
                return false
            }
            return (payment, arrived)
        }
    }

    /// The best route to a node, as far as this one knows. Nothing is paid.
    public func route(to node: NodeID, amount: MilliSatoshi, maxFee: MilliSatoshi? = nil) async throws(NodeRefusal) -> Route {
        try await parts(to: node, amount: amount, maxFee: maxFee, maxParts: 1)[0]
    }

    /// The parts in which an amount would be sent to a node, if one way is not likely to work. Nothing is paid.
    public func parts(
        to node: NodeID, amount: MilliSatoshi, maxFee: MilliSatoshi? = nil, maxParts: Int = PaymentLimits().maxParts
    ) async throws(NodeRefusal) -> [Route] {
        let command = NodeCommand.findRoute(node, amount: amount, maxFee: maxFee, maxParts: maxParts)
        guard case .route(let routes) = try await driver.command(command) else { preconditionFailure() }
        return routes
    }

    /// The best route to a node and what else could be tried, the best first. Nothing is paid.
    public func routes(to node: NodeID, amount: MilliSatoshi, maxFee: MilliSatoshi? = nil) async throws(NodeRefusal) -> [RouteChoice] {
        guard case .routes(let routes) = try await driver.command(.compareRoutes(node, amount: amount, maxFee: maxFee)) else {
            preconditionFailure()
        }
        return routes
    }

    /// Every change of payments that this node sends, from now on: parts that go out or come back, and the end.
    public var paymentUpdates: AsyncStream<OutgoingPayment> {
        let events = events
        return AsyncStream { continuation in
            let task = Task {
                for await event in events {
                    switch event {
                    case .paymentUpdated(let payment), .paymentSucceeded(let payment), .paymentFailed(let payment):
                        continuation.yield(payment)
                    default: break
                    }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    // MARK: The network

    /// The public network as this node knows it.
    public func graph() async throws -> NetworkGraph { try await driver.read { $0.gossip.graph } }

    /// What payments have taught of the liquidity of channels, as lines of text for another node.
    public func exportedEstimates() async throws -> String { try await driver.read { $0.estimates.exported } }

    /// Takes what another node has learned; what is newer wins.
    public func importEstimates(_ text: String) async throws(NodeRefusal) {
        _ = try await driver.command(.importEstimates(text))
    }

    /// Changes the terms on which this node forwards into a channel, and tells the network.
    public func setForwardingPolicy(_ policy: ForwardingPolicy, of id: ChannelID) async throws {
        _ = try await driver.command(.setForwardingPolicy(id, policy))
    }

    /// On which terms this node forwards into a channel.
    ///
    /// - Throws: `NodeRefusal.unknownChannel`.
    public func forwardingPolicy(of id: ChannelID) async throws -> ForwardingPolicy {
        let policy = try await driver.read { $0.channels[id] == nil ? nil : $0.forwardingPolicy(of: id) }
        guard let policy else { throw NodeRefusal.unknownChannel }
        return policy
    }

    /// The blocks from which payments that are held are failed: until then they can be settled.
    public func holdDeadlines() async throws -> [PaymentHash: BlockHeight] {
        try await driver.read { core in core.holdDeadlines }
    }

    // MARK: Overview

    /// What there is, on chain and in channels, and what of it can be spent.
    public func balance() async throws -> Balance { try await driver.read { Balance($0) } }

    /// What the node calls itself; `nil` for nothing.
    package func alias() async throws -> String? { try await driver.read { $0.configuration.alias.isEmpty ? nil : $0.configuration.alias } }

    /// The height that the node has followed the chain to.
    public func height() async throws -> BlockHeight { try await driver.read { $0.height } }
}
