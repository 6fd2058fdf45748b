public import BitcoinBackend
public import BitcoinPrimitives
import Foundation
import LightningChannel
import LightningCore
import LightningRouting
public import LightningRuntime
import LightningTransactions
public import LightningWire

/// A network for the tests of an app: whole nodes with sockets and databases on a layer 1 in memory, with money and channels that can be used.
///
///     let network = try await TestNetwork()
///     let (alice, bob) = (try await network.node("alice"), try await network.node("bob"))
///     let invoice = try await bob.createInvoice(amount: MilliSatoshi(1_000.sat), description: "coffee")
///     try await alice.pay(invoice)
///     await network.stop()
///
/// Nobody mines but `mine(_:)`, so that a test decides when a block comes. The files lie in a folder of their own below the temporary one, which
/// `stop()` removes.
public actor TestNetwork {
    /// Why a network does not come about.
    public enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        /// There is no node of this name.
        case unknownNode(String)
        /// There are two nodes of this name, or none at all.
        case names

        public var description: String {
            switch self {
            case .unknownNode(let name): "there is no node “\(name)” in this network"
            case .names: "a network has at least one node, and each a name of its own"
            }
        }
    }

    /// The layer 1, in memory: regtest.
    public nonisolated let chain: EmbeddedChain
    private let folder: URL
    private let names: [String]
    private var nodes: [String: LightningNode] = [:]

    /// Starts nodes, gives each of them a coin of 50 bitcoin, and opens a channel from each to the next.
    ///
    /// - Parameters:
    ///   - names: of the nodes; each is its node's alias.
    ///   - channels: what is put into each channel; `nil` for none. The first node of a channel has all of it but `push`.
    ///   - push: what of it is the second node's from the start.
    ///   - announce: whether the channels are public, so that payments find a way over several of them.
    /// - Throws: `Failure`, and whatever a node throws that is started or opens a channel.
    public init(
        _ names: [String] = ["alice", "bob"], channels: Satoshi? = Satoshi(1_000_000), push: Satoshi = .zero,
        announce: Bool = false
    ) async throws {
        guard !names.isEmpty, Set(names).count == names.count else { throw Failure.names }
        self.names = names
        folder = FileManager.default.temporaryDirectory.appending(path: "lightning-\(UUID().uuidString)")
        chain = try EmbeddedChain(path: nil)
        do { try await begin(channels: channels, push: push, announce: announce) } catch {
            await stop()
            throw error
        }
    }

    private func begin(channels: Satoshi?, push: Satoshi, announce: Bool) async throws {
        for name in names { nodes[name] = try await launch(name) }
        // The chain's first coins are everybody's: a hundred blocks later they can be spent.
        for name in names { try await chain.mine(1, paying: try await node(name).newAddress().script) }
        try await mine(100)
        guard let channels else { return }
        for (one, two) in zip(names, names.dropFirst()) {
            try await openChannel(from: one, to: two, amount: channels, push: push, announce: announce)
        }
        // From six blocks on a channel is announced: BOLT 7.
        guard announce else { return }
        try await mine(6)
        // Gossip takes a moment: until every node knows of every channel there may be no way.
        for node in nodes.values {
            while try await node.graph().allChannels.count < names.count - 1 { try await Task.sleep(for: .milliseconds(2)) }
        }
    }

    private func launch(_ name: String, port: Int = 0) async throws -> LightningNode {
        let wallet = WalletDirectory(folder.appending(path: name))
        if !wallet.exists { _ = try wallet.create() }
        var options = LightningNode.Options()
        options.port = port
        options.configuration.alias = name
        options.tickInterval = .milliseconds(100)
        options.configuration.gossip.flushInterval = .milliseconds(100)
        return try await LightningNode.start(wallet: wallet, chain: chain, options: options)
    }

    /// A node by its name.
    ///
    /// - Throws: `Failure.unknownNode`.
    public func node(_ name: String) throws -> LightningNode {
        guard let node = nodes[name] else { throw Failure.unknownNode(name) }
        return node
    }

    /// Mines blocks, and waits until every node has seen them.
    ///
    /// - Returns: the height of the last one.
    @discardableResult
    public func mine(_ count: Int = 1) async throws -> BlockHeight {
        // To nobody: what a test looks at does not change by it.
        try await chain.mine(count, paying: .anchor)
        let height = await chain.tip().height
        for node in nodes.values { try await node.waitForBlock(height) }
        return height
    }

    /// Opens a channel and waits until both sides can use it.
    ///
    /// - Parameter push: what is the second node's from the start.
    @discardableResult
    public func openChannel(
        from one: String, to two: String, amount: Satoshi, push: Satoshi = .zero, announce: Bool = false
    ) async throws -> ChannelID {
        let (opener, other) = (try node(one), try node(two))
        guard let address = other.address else { throw Failure.unknownNode(two) }
        try await opener.connect(address)
        let id = try await opener.openChannel(to: other.nodeID, amount: amount, push: MilliSatoshi(push), announce: announce)
        // What is published reaches layer 1 a moment later.
        while await chain.mempoolIsEmpty { try await Task.sleep(for: .milliseconds(2)) }
        try await mine(3)
        for node in [opener, other] { try await node.waitUntilUsable(id) }
        return id
    }

    /// Stops a node as a process that is ended, and starts it again on its files: what an app has to live through. Returns when the peers of its
    /// channels are there again.
    @discardableResult
    public func restart(_ name: String) async throws -> LightningNode {
        let port = try node(name).port
        await (try node(name)).stop()
        // Where its peers know it.
        let node = try await launch(name, port: port ?? 0)
        nodes[name] = node
        // They would call it again by themselves, a little later.
        let peers = Set(try await node.channels().filter { !$0.isClosed }.map(\.parameters.remoteNodeID))
        for other in nodes.values where peers.contains(other.nodeID) {
            if let address = other.address { try await node.connect(address) }
        }
        while try await node.channels().contains(where: { !$0.isClosed && $0.connection != .established }) {
            try await Task.sleep(for: .milliseconds(2))
        }
        return node
    }

    /// Stops all nodes, and removes their files.
    public func stop() async {
        for name in names { await nodes[name]?.stop() }
        nodes = [:]
        await chain.close()
        try? FileManager.default.removeItem(at: folder)
    }
}
