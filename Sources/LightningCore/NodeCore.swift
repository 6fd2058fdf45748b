public import BitcoinPrimitives
public import CryptoPrimitives
public import LightningChain
import LightningChannel
import LightningInvoice
import LightningOnion
public import LightningPayment
public import LightningRecords
public import LightningRouting
import LightningTransactions
import LightningTransport
public import LightningWire

/// A funding transaction that waits for the peer's signature.
struct PendingFunding { var transaction: Transaction }

/// A whole Lightning node as one value: inputs go in, effects come out.
///
/// The runtime drives it with sockets, disk and clock, the simulation with a virtual world. Nothing of the effects may
/// leave before their writes are committed.
public struct NodeCore {
    public let configuration: NodeConfiguration
    let keys: NodeKeys
    var entropy: Entropy
    /// Milliseconds since 1970, as the driver last said.
    var now: UInt64 = 0

    public internal(set) var wallet: OnChainWallet
    public internal(set) var payments: Payments
    public internal(set) var channels = ChannelTable()
    public internal(set) var circuits: Circuits
    var replays: OnionReplays
    /// HTLCs that are refused because their onion has come before, until they are answered.
    var refusedReplays: Set<IncomingHTLC.Key> = []
    public internal(set) var gossip: Gossip
    public internal(set) var estimates: LiquidityEstimates
    var finder = RouteFinder()
    /// Where we can be called, as BOLT 7's address descriptors, and what we said of ourselves last.
    var ownAddresses: [UInt8]
    var lastAnnouncement: NodeAnnouncement?
    /// Milliseconds since 1970 at which HTLCs that wait for a decision came: what we tell the payer of how long we held them.
    var arrivals: [IncomingHTLC.Key: UInt64] = [:]
    /// Failures on blinded paths and too many of them at once, and the milliseconds from which they are told. A restart decides their HTLCs
    /// anew.
    var delayedFailures: [(due: UInt64, key: IncomingHTLC.Key, decision: IncomingDecision)] = []
    /// Channels that are forgotten at the end of this batch, and why.
    var abandoned: [ChannelID: String] = [:]
    /// The last ones that went into failures, by the names that payers used.
    var failureUpdates: [ShortChannelID: ChannelUpdate] = [:]
    /// Milliseconds at which the fee rates of our channels were looked at last.
    var lastFeeAdjustment: UInt64 = 0
    /// What payments under way do not use any more.
    var knowledge: [PaymentHash: PaymentKnowledge] = [:]
    /// Payments that wait until one more HTLC can be under way, the first come first.
    var waitingForSlots: [PaymentHash] = []
    /// Payments that lost a part in this batch.
    var unfinished: Set<PaymentHash> = []
    /// HTLCs that were committed before a restart and are still to be decided.
    var undecided: [(ChannelID, UInt64)] = []
    var hasReceivedUndecided = false
    private var hasResumed = false
    var peers: [ConnectionID: Peer] = [:]
    var connectionsByNode: [NodeID: ConnectionID] = [:]
    /// `open_channel`s of peers that have no channel with us.
    var strangersOpenRequests = TokenBucket(Peer.strangersOpenRate, now: 0)
    public internal(set) var chain: ChainPosition
    public internal(set) var feeRate: FeeRate
    var nextKeyIndex: UInt64 = 0
    /// Money of ours in closes of channels that this database does not know.
    public internal(set) var recovered: [OutPoint: RecoveredOutput] = [:]
    /// What channels from before there were salts are paid by: made when it is first needed.
    var unsaltedPayments: [Script: (index: UInt64, hasAnchors: Bool)]?
    /// Transactions that wait for the chain's tip to be reached.
    var unpublished: [Publication] = []
    /// The last publications, and why layer 1 refused them.
    var lastPublications: [TransactionID: Publication] = [:]
    var refusals: [TransactionID: String] = [:]
    /// Milliseconds at which the driver last said that there are no more blocks.
    var caughtUpAt: UInt64?
    /// Whether the chain was at its tip a short while ago. Where not, no preimage is given away.
    public var isSynced: Bool { caughtUpAt.map { now - min(now, $0) < 600_000 } ?? false }
    var isMetaChanged = true

    var effects = NodeEffects()
    /// Who waits for the outcome of a payment.
    var waitingForPayment: [PaymentHash: [RequestID]] = [:]

    public var nodeID: NodeID { keys.nodeID }
    public var height: Int { chain.height }

    /// Starts a node from what its store holds; an empty store makes a new node.
    ///
    /// - Parameter genesis: the chain's first block, from which a new node starts to look for its coins.
    public init(
        configuration: NodeConfiguration, keys: NodeKeys, entropy: Entropy, store: StoreContents
    ) throws(StoreFailure) {
        self.configuration = configuration
        self.keys = keys
        self.entropy = entropy
        feeRate = configuration.feeRate
        ownAddresses = configuration.addresses
        do throws(DecodingError) {
            wallet = try OnChainWallet(
                keys: keys.wallet, lookAhead: configuration.walletLookAhead, head: store.record(.meta, "wallet"),
                coins: store.records(.coins),
                transactions: store.records(.transactions))
            payments = try Payments(invoices: store.records(.invoices), payments: store.records(.payments))
            circuits = try Circuits(records: store.records(.circuits), totals: store.record(.meta, "forwards"))
            replays = try OnionReplays(records: store.entries(.onions))
            estimates = try LiquidityEstimates(records: store.entries(.estimates))
            gossip = try Gossip(
                chainHash: configuration.network.chainHash, policy: configuration.gossip, records: store.entries(.gossip))
            var terms: [ChannelID: ForwardingTerms] = [:]
            for (key, record) in store.entries(.policies) {
                guard let id = Bytes32(key) else { throw .invalid("key of a forwarding policy") }
                terms[ChannelID(id)] = try ForwardingTerms(record: record)
            }
            for record in store.records(.recovered) {
                let output = try RecoveredOutput(record: record)
                recovered[output.outPoint] = output
            }
            chain = ChainPosition(genesis: configuration.network.chainHash)
            if let record = store.record(.meta, "node") {
                var reader = ByteReader(record)
                guard try reader.uint8() == Self.metaVersion else { throw .invalid("version of the node's record") }
                nextKeyIndex = try reader.uint64()
                guard nextKeyIndex < 1 << 40 else { throw .invalid("number of channels") }
                let owner = try reader.point()
                chain = try ChainPosition(from: &reader)
                try reader.expectEnd()
                isMetaChanged = false
                guard owner == keys.nodeID else { throw .invalid("owner") }
            }
            let htlcs = store.records(.htlcs, groupedByPrefixOf: 32)
            for head in store.records(.channels) {
                var reader = ByteReader(head)
                _ = try reader.uint8()
                let id = try reader.channelID()
                let channel = try PaymentChannel(head: head, htlcs: htlcs[id.bytes.array] ?? [])
                channels.insert(ChannelEntry(channel, keys: keys.channel(channel.parameters.keyOrigin), terms: terms[id]))
                adoptSweepScript(id)
            }
        } catch .invalid("owner") {
            throw .foreign("seed")
        } catch {
            throw .damaged(error.description)
        }
    }

    static let metaVersion: UInt8 = 1

    // MARK: The one entrance

    /// Takes everything that happened since the last call, and says what is to be done about it.
    ///
    /// - Parameter now: milliseconds since 1970.
    public mutating func handle(_ inputs: [NodeInput], now: UInt64) -> NodeEffects {
        self.now = now
        if !hasResumed {
            hasResumed = true
            resume()
        }
        for input in inputs { handle(input) }
        // What gossip wants may close a connection, which gives HTLCs back.
        drainGossip()
        closeEnding()
        continuePayments()
        // One commitment_signed for each channel that has something to sign, at the end of the batch.
        for id in channels.touched.sorted() {
            guard let environment = environment(id) else { continue }
            change(id) { $0.flush(environment) }
        }
        drainGossip()
        closeEnding()
        for (id, why) in abandoned.sorted(by: { $0.key < $1.key }) { forget(id, why: why) }
        abandoned = [:]
        notePublications()
        collectWrites()
        let result = effects
        effects = NodeEffects()
        return result
    }

    private mutating func handle(_ input: NodeInput) {
        switch input {
        case .connected(let id, let node, let origin): connected(id, to: node, from: origin)
        case .congested(let id, let isCongested): gossip.setCongested(Self.gossipPeer(id), isCongested)
        case .received(let id, let bytes): received(id, bytes)
        case .disconnected(let id): disconnected(id)
        case .command(let request, let command): perform(command, request)
        case .blockConnected(let block, let height): connect(block, height: height)
        case .blockDisconnected(let height): disconnect(height: height)
        case .listening(let addresses): listening(at: addresses)
        case .published(let id, let outcome): published(id, outcome)
        case .mempoolSeen(let transactions): seen(transactions)
        case .caughtUp:
            caughtUpAt = now
            publishWaiting()
            receiveUndecided()
            sweepRecovered()
        case .gossipChecked(let number, let verdict):
            gossip.decided(number, verdict, now: seconds, height: chain.height)
        case .loaded(let query, let entries): loaded(query, entries)
        case .feeRate(let rate): feeRate = max(rate, .floor)
        case .tick: tick()
        }
    }

    /// Seconds since 1970.
    var seconds: UInt64 { now / 1000 }

    // MARK: Channels

    func environment(_ id: ChannelID) -> ChannelEnvironment? {
        guard let entry = channels.entry(id) else { return nil }
        let channel = entry.channel
        let node = channel.parameters.remoteNodeID
        let features = connectionsByNode[node].flatMap { peers[$0]?.features }
        return ChannelEnvironment(
            keys: entry.keys, height: chain.height, feeRate: feeRate,
            sweepScript: channel.sweepScript ?? wallet.changeScript,
            anySegwit: features?.offers(.shutdownAnySegwit) ?? false)
    }

    /// What comes out of our own channels is counted there until a block holds it.
    private mutating func seen(_ transactions: [Transaction]) {
        func isOurs(_ outPoint: OutPoint) -> Bool {
            !channels.index.channels(fundedBy: outPoint).isEmpty || !channels.index.channels(watching: outPoint).isEmpty
                || recovered[outPoint] != nil
        }
        wallet.see(transactions.filter { transaction in !transaction.inputs.contains { isOurs($0.previousOutput) } })
    }

    /// What the store holds of something that is not kept in memory.
    private mutating func loaded(_ query: StoreQuery, _ entries: [StoreEntry]) {
        guard query.table == .revokedHTLCs, let bytes = Bytes32(query.prefix) else { return }
        let id = ChannelID(bytes)
        guard channels[id] != nil, let environment = environment(id) else { return }
        let length = query.prefix.count
        let wanted = RevokedHTLCQuery(bound: Array(query.bound.dropFirst(length)), isBackwards: query.isBackwards)
        let records = entries.map { (key: Array($0.key.dropFirst(length)), record: $0.record) }
        do throws(DecodingError) {
            try change(id) { (channel) throws(DecodingError) in try channel.takeRevoked(wanted, records, environment) }
        } catch {
            effects.events.append(.alert("channel \(id): its records of revoked HTLCs cannot be read: \(error)"))
        }
    }

    /// Channels from before they chose a script of their own were paid to the change key of their number.
    private mutating func adoptSweepScript(_ id: ChannelID) {
        guard let channel = channels[id], channel.parameters.keyOrigin.salt == nil, channel.sweepScript == nil, !channel.isClosed else {
            return
        }
        guard channel.close != nil || channel.isShuttingDown || channel.phase != .normal && channel.phase != .funding else { return }
        let path = KeyPath(chain: 1, index: UInt32(channel.parameters.keyOrigin.index & 0x7fff_ffff))
        wallet.watch(path)
        let script = keys.wallet.script(path)
        channels.update(id) { $0.channel.sweepScript = script }
    }

    /// Changes a channel and carries out what it asks for; nothing where there is no such channel.
    mutating func change<Failure: Error>(
        _ id: ChannelID, _ change: (inout PaymentChannel) throws(Failure) -> [ChannelEffect]
    ) throws(Failure) {
        let asked = try channels.update(id) { (entry) throws(Failure) in try change(&entry.channel) }
        if let asked { apply(asked, to: id) }
    }

    /// Turns what a channel asks for into effects of the node.
    mutating func apply(_ channelEffects: [ChannelEffect], to id: ChannelID) {
        for effect in channelEffects {
            switch effect {
            case .send(let message): if let node = channels[id]?.parameters.remoteNodeID { send(message, to: node) }
            case .broadcast(let transaction): if let channel = channels[id] { publish(transaction, purpose(transaction, of: channel)) }
            case .received(let htlc): receive(htlc, on: id)
            case .fulfilled(let htlcID, let hash, let preimage, let attribution):
                let key = IncomingHTLC.Key(channel: id, id: htlcID)
                if !settledDownstream(key, preimage, attribution), !paymentSettled(key, hash, preimage, attribution) {
                    noteTakenWrittenOff(key)
                }
            case .failed(let htlcID, let hash, let resolution, let attribution):
                switch resolution {
                case .failed(let packet): cameBack(.init(channel: id, id: htlcID), hash, .packet(packet, attribution))
                case .malformed(let onionHash, let code):
                    cameBack(.init(channel: id, id: htlcID), hash, .malformed(onionHash, code))
                case .fulfilled: break
                }
            case .returned(let htlcID, let hash): cameBack(.init(channel: id, id: htlcID), hash, .onChain)
            case .withdrawn(let htlcID, let hash): cameBack(.init(channel: id, id: htlcID), hash, .notSent)
            case .settled(let htlcID, let hash, true): settledUpstream(.init(channel: id, id: htlcID), hash)
            case .settled: break
            case .becameUsable:
                effects.events.append(.channelUsable(id))
                tellTerms(id)
                announceIfReady(id)
            case .givenUp: loseParts(of: id)
            case .closing(let kind):
                effects.events.append(.channelClosing(id, kind))
                loseParts(of: id)
            case .closed: effects.events.append(.channelClosed(id))
            case .needsRevokedHTLCs(let query):
                let prefix = id.bytes.array
                effects.loads.append(
                    StoreQuery(
                        table: .revokedHTLCs, prefix: prefix, bound: prefix + query.bound, isBackwards: query.isBackwards,
                        limit: RevokedHTLCQuery.limit))
            case .abandoned(let why): abandoned[id] = why
            case .alert(let text): effects.events.append(.alert(text))
            case .note(let text): effects.events.append(.note(text))
            }
        }
    }

    /// Parts of payments to us that came over a channel can no longer be counted on: the rest of such a payment is not worth its preimage.
    private mutating func loseParts(of id: ChannelID) {
        settle(
            payments.lost(channel: id, height: chain.height),
            why: "channel \(id), over which some of it came, was given up, and layer 1 decides who has that")
    }

    /// An HTLC of ours came back: to where it came from, or to the payment that it was a part of.
    private mutating func cameBack(_ key: IncomingHTLC.Key, _ hash: PaymentHash, _ failure: HTLCFailure) {
        if !failedDownstream(key, failure) { paymentFailed(key, hash, failure) }
    }

    /// Converts a violation into what BOLT 1 and 2 let us do.
    mutating func punish(_ violation: ProtocolViolation, channel id: ChannelID, connection: ConnectionID) {
        // A line in a log for each; what goes on without one is metered.
        if violation.consequence != .notice || peers[connection]?.complaints.take(Peer.complaintRate, now: now) ?? true {
            effects.events.append(.note("channel \(id): \(violation.description)"))
        }
        switch violation.consequence {
        case .warning:
            transmit(.warning(Warning(channelID: id, text: violation.description)), over: connection)
            close(connection)
        case .notice: transmit(.warning(Warning(channelID: id, text: violation.description)), over: connection)
        case .failChannel:
            guard let environment = environment(id) else {
                transmit(.error(ErrorMessage(channelID: id, text: violation.description)), over: connection)
                return
            }
            change(id) { $0.fail(violation.description, environment) }
        }
    }

    // MARK: Writes

    private mutating func collectWrites() {
        for id in channels.touched { if let script = channels[id]?.sweepScript { wallet.take(script) } }
        effects.writes += channels.drainWrites(height: chain.height)
        effects.writes += wallet.drainWrites()
        effects.writes += payments.drainWrites()
        effects.writes += circuits.drainWrites()
        effects.writes += replays.drainWrites()
        effects.writes += estimates.drainWrites()
        guard isMetaChanged else { return }
        var writer = ByteWriter()
        writer.uint8(Self.metaVersion)
        writer.uint64(nextKeyIndex)
        writer.point(nodeID)
        chain.encode(to: &writer)
        effects.writes.append(.put(.meta, key: StoreTable.key("node"), record: writer.bytes))
        isMetaChanged = false
    }

    /// Whether a store rebuilds this very node: the check that simulations make after every commit.
    ///
    /// - Returns: what differs, or `nil`.
    public func difference(from store: StoreContents) -> String? {
        do {
            let restored = try NodeCore(configuration: configuration, keys: keys, entropy: entropy, store: store)
            guard restored.channels.count == channels.count else { return "number of channels" }
            let htlcs = store.records(.htlcs, groupedByPrefixOf: 32)
            for (id, channel) in channels {
                let what = try channel.difference(
                    head: store.tables[.channels]?[id.bytes.array] ?? [], htlcs: htlcs[id.bytes.array] ?? [],
                    revoked: { channel.isClosed ? nil : store.tables[.revokedHTLCs]?[id.bytes.array + $0] })
                if let what { return "channel \(id): \(what)" }
                if restored.channels.entry(id)?.terms != channels.entry(id)?.terms { return "forwarding policies" }
            }
            if !restored.wallet.holdsSame(as: wallet) { return "wallet" }
            if restored.payments.invoices != payments.invoices { return "invoices" }
            if restored.payments.outgoing != payments.outgoing { return "payments" }
            if !restored.circuits.holdsSame(as: circuits) { return "circuits" }
            if !restored.replays.holdsSame(as: replays) { return "onions" }
            if !restored.estimates.holdsSame(as: estimates) { return "liquidity estimates" }
            if restored.recovered != recovered { return "recovered outputs" }
            if let what = restored.gossip.graph.difference(from: gossip.graph) { return "graph: \(what)" }
            if restored.chain != chain || restored.nextKeyIndex != nextKeyIndex { return "chain position" }
            return nil
        } catch {
            return "\(error)"
        }
    }
}

extension NodeCore {
    /// Our current commitment transaction, signed by both sides.
    ///
    /// Money at risk: whoever publishes it closes the channel, and once it is revoked loses everything in it. It is
    /// here for force closes by other means and for demonstrations of what a cheater loses.
    public mutating func signedCommitment(of id: ChannelID) -> Transaction? {
        guard let keys = channels.entry(id)?.keys else { return nil }
        return channels.update(id) { $0.channel.signedLocalCommitment(keys) }
    }
}
