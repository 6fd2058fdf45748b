package import BitcoinPrimitives
package import CryptoPrimitives
package import LightningChain
import LightningChannel
import LightningEnforcement
import LightningInvoice
import LightningOnion
package import LightningPayment
package import LightningRecords
package import LightningRouting
import LightningTransactions
import LightningTransport
package import LightningWire

/// A whole Lightning node as one value: inputs go in, effects come out.
///
/// The runtime drives it with sockets, disk and clock, the simulation with a virtual world. Nothing of the effects may
/// leave before their writes are committed.
package struct NodeCore {
    package let configuration: NodeConfiguration
    let keys: NodeKeys
    var entropy: Entropy
    var clock = NodeClock()
    var startup: Startup
    var layer1: Layer1View
    var coins: Coins
    package internal(set) var channels = ChannelTable()
    var peers = PeerTable()
    var network: NetworkView
    var payments: PaymentMachines
    var batch = NodeBatch()

    /// What time it is, as the driver last said.
    var now: Timestamp { clock.now }
    package var chain: ChainPosition { layer1.position }
    /// For transactions that somebody waits for.
    package var feeRate: FeeRate { layer1.feeRates[.hour] }
    package var feeRates: FeeEstimates { layer1.feeRates }
    package var wallet: OnChainWallet { coins.wallet }
    package var gossip: Gossip { network.gossip }
    /// Money of ours in closes of channels that this database does not know.
    package var recovered: [OutPoint: RecoveredOutput] { coins.recovered }

    /// Whether the chain was at its tip a short while ago. Where not, no preimage is given away.
    package var isSynced: Bool { layer1.caughtUpAt.map { now.since($0) < .seconds(600) } ?? false }

    package var nodeID: NodeID { keys.nodeID }
    package var height: BlockHeight { layer1.position.height }

    /// The payments that this node sends, by their hashes, and those that have not ended.
    package var outgoingPayments: [PaymentHash: OutgoingPayment] { payments.sender.outgoing }
    package var pendingPayments: Set<PaymentHash> { payments.sender.pending }
    /// The invoices of this node, and what became of them.
    package var invoices: [PaymentHash: InvoiceRecord] { payments.receiver.invoices }
    /// The heights at which held payments are failed, so that their channels are not closed over them.
    package var holdDeadlines: [PaymentHash: BlockHeight] { payments.receiver.holdDeadlines }
    /// What this node forwards.
    package var circuits: Circuits { payments.forwarder.circuits }
    package var estimates: LiquidityEstimates { payments.sender.estimates }

    /// Starts a node from what its store holds; an empty store makes a new node.
    ///
    /// - Parameter store: all records of the node's database, as it was committed last.
    /// - Parameter isStoreProven: whether the store is known to be the newest there is. Else a channel's commitment is not published
    ///   before its peer has shown that it is the newest: it may be revoked.
    /// - Throws: a `StoreFailure` when a record cannot be read; nothing is started then.
    package init(
        configuration: NodeConfiguration, keys: NodeKeys, entropy: Entropy, store: StoreContents, isStoreProven: Bool = true
    ) throws(StoreFailure) {
        self.configuration = configuration
        startup = Startup(isStoreProven: isStoreProven)
        self.keys = keys
        var entropy = entropy
        do throws(DecodingFailure) {
            coins = Coins(
                wallet: try OnChainWallet(
                    keys: keys.wallet, lookAhead: configuration.walletLookAhead, head: store.record(.meta, "wallet"),
                    coins: store.records(.coins), transactions: store.records(.transactions)))
            payments = try PaymentMachines(store, &entropy)
            channels.backup = try BackupState(record: store.record(.meta, "backup"))
            peers.towers = try Towers(store)
            batch.log = try EventLog(store)
            batch.journal = try EventJournal(store, isProven: isStoreProven)
            peers.keptBlobs = try KeptBlobs(records: store.entries(.peerStorage))
            network = NetworkView(
                gossip: try Gossip(
                    chainHash: configuration.network.chainHash, policy: configuration.gossip, records: store.entries(.gossip)),
                ownAddresses: configuration.addresses)
            layer1 = Layer1View(
                position: configuration.birthday.map { ChainPosition(height: $0.height, hash: $0.hash) }
                    ?? ChainPosition(genesis: configuration.network.chainHash), first: FeeEstimates(configuration.feeRate))
            self.entropy = entropy
            var terms: [ChannelID: ForwardingTerms] = [:]
            for (key, record) in store.entries(.policies) {
                guard let id = Bytes32(key) else { throw .invalid("key of a forwarding policy") }
                terms[ChannelID(id)] = try ForwardingTerms(record: record)
            }
            for record in store.records(.recovered) {
                let output = try RecoveredOutput(record: record)
                coins.recovered[output.outPoint] = output
            }
            if let record = store.record(.meta, "node") {
                var reader = ByteReader(record)
                guard try reader.uint8() == Self.metaVersion else { throw .invalid("version of the node's record") }
                channels.nextKeyIndex = try reader.uint64()
                guard channels.nextKeyIndex < 1 << 40 else { throw .invalid("number of channels") }
                let owner = try reader.point()
                layer1.position = try ChainPosition(from: &reader)
                try reader.expectEnd()
                batch.isMetaChanged = false
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
            adoptOrigins()
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
    /// - Parameter now: what time it is.
    package mutating func handle(_ inputs: [NodeInput], now: Timestamp) -> NodeEffects {
        clock.now = now
        if !startup.hasResumed {
            startup.hasResumed = true
            resume()
        }
        drain()
        for input in inputs {
            handle(input)
            drain()
        }
        // What gossip wants may close a connection, which fails HTLCs.
        settleConnections()
        continuePayments()
        advanceStreams()
        // One commitment_signed for each channel that has something to sign, at the end of the batch; what comes of it may be something to
        // sign for another one.
        while case let ids = channels.takeUnsigned(), !ids.isEmpty {
            for id in ids { tell(id, .sign) }
            drain()
            settleConnections()
            continuePayments()
            advanceStreams()
        }
        for (id, why) in channels.abandoned.sorted(by: { $0.key < $1.key }) { forget(id, why: why) }
        channels.abandoned = [:]
        for id in channels.ended.sorted() {
            channels.archive(id)
            batch.queue.append(.forwarder(.channelForgotten(id)))
        }
        channels.ended = []
        punishLate()
        drain()
        renewBackup()
        batch.effects.wake = payments.streams.nextTime
        collectWrites()
        let result = batch.effects
        batch.effects = NodeEffects()
        return result
    }

    /// Carries out what gossip asks for, and closes the connections that have to end.
    private mutating func settleConnections() {
        drainGossip()
        closeEnding()
        drain()
    }

    /// Payments that lost a part in this batch go on, now that all that came in it is known.
    private mutating func continuePayments() {
        var isFirst = true
        while true {
            let asked = payments.sender.handle(.endOfBatch(isFirst: isFirst), senderContext)
            guard !asked.isEmpty || payments.sender.hasWork else { return }
            for effect in asked { dispatch(effect) }
            drain()
            isFirst = false
        }
    }

    private mutating func handle(_ input: NodeInput) {
        switch input {
        case .connected(let id, let node, let origin): connected(id, to: node, from: origin)
        case .congested(let id, let isCongested): network.gossip.setCongested(id, isCongested)
        case .received(let id, let bytes): received(id, bytes)
        case .disconnected(let id): disconnected(id)
        case .command(let request, let command): begin(command, request)
        case .blockConnected(let block, let height): connect(block, height: height)
        case .blockDisconnected(let height): disconnect(height: height)
        case .listening(let addresses): listening(at: addresses)
        case .addresses(let addresses): learn(addresses: addresses)
        case .pastBlock(let block, let height, let wanted): connectPast(block, height: height, for: wanted)
        case .published(let id, let outcome): batch.queue.append(.publisher(.answered(id, outcome)))
        case .mempoolSeen(let transactions): seen(transactions)
        case .caughtUp:
            let wasSynced = isSynced
            layer1.caughtUpAt = now
            batch.queue.append(.publisher(.tipReached))
            receiveUndecided()
            sweepRecovered()
            punish()
            // What was due in old blocks, and nobody has taken in later ones.
            if !wasSynced { for id in channels.ids { tell(id, .caughtUp) } }
        case .gossipChecked(let number, let verdict):
            network.gossip.decided(number, verdict, now: now, height: height)
        case .loaded(let query, let found): loaded(query, found)
        case .feeRates(let rates): layer1.estimates = rates
        case .tick: tick()
        // What is due is done at the end of each batch.
        case .wake: break
        }
    }

    // MARK: Channels

    func environment(_ id: ChannelID) -> ChannelEnvironment? {
        channels.read(id) { entry in
            let features = peers.connections[entry.channel.parameters.remoteNodeID].flatMap { peers[$0]?.features }
            var environment = ChannelEnvironment(
                keys: entry.keys, height: layer1.position.height, feeRate: feeRate, estimates: layer1.feeRates,
                sweepScript: entry.channel.sweepScript ?? coins.wallet.changeScript,
                anySegwit: features?.offers(.shutdownAnySegwit) ?? false)
            environment.isSynced = isSynced
            environment.watchedHTLCs = peers.towers.client.watchedHTLCs(of: id, now: clock.now)
            return environment
        }
    }

    /// What comes out of our own channels is counted there until a block holds it.
    private mutating func seen(_ transactions: [Transaction]) {
        func isOurs(_ outPoint: OutPoint) -> Bool {
            !channels.index.channels(fundedBy: outPoint).isEmpty || !channels.index.chain.owners(watching: outPoint).isEmpty
                || coins.recovered[outPoint] != nil
        }
        // What closes a channel may wait together with what claims its outputs.
        var closes: [TransactionID: [ChannelID]] = [:]
        for transaction in transactions {
            let ids = transaction.inputs.flatMap { channels.index.channels(fundedBy: $0.previousOutput) }
            if !ids.isEmpty { closes[transaction.id] = ids }
        }
        for transaction in transactions {
            for input in transaction.inputs {
                let spent = input.previousOutput
                for id in channels.index.chain.owners(watching: spent) + (closes[spent.transaction] ?? []) {
                    tell(id, .seen(spent, by: transaction))
                }
            }
        }
        coins.wallet.see(transactions.filter { transaction in !transaction.inputs.contains { isOurs($0.previousOutput) } })
    }

    /// What the store holds of something that is not kept in memory.
    private mutating func loaded(_ query: StoreQuery, _ found: Result<[StoreEntry], StoreFailure>) {
        if query.table == .towerQueue { return towerLoaded(query, found) }
        if query.table == .towerKits { return kitsLoaded(query, found) }
        if query.table == .towerOrder { return forgottenLoaded(query, found) }
        guard query.table == .revokedHTLCs else { return answer(query, found) }
        guard let bytes = Bytes32(query.prefix) else { return }
        let id = ChannelID(bytes)
        guard case .success(let entries) = found else {
            return batch.effects.events.append(
                .alert("channel \(id): the records of its revoked HTLCs cannot be read; outputs of a breach are left"))
        }
        let length = query.prefix.count
        let wanted = RevokedHTLCQuery(bound: Array(query.bound.dropFirst(length)), isBackwards: query.isBackwards)
        let records = entries.map { (key: Array($0.key.dropFirst(length)), record: $0.record) }
        tell(id, .revokedHTLCs(wanted, records))
    }

    /// Channels from before they chose a script of their own were paid to the change key of their number.
    private mutating func adoptSweepScript(_ id: ChannelID) {
        guard let channel = channels[id], channel.parameters.keyOrigin.salt == nil, channel.sweepScript == nil, !channel.isClosed else {
            return
        }
        guard channel.close != nil || channel.isShuttingDown || !channel.isAlive else { return }
        let path = KeyPath(chain: 1, index: UInt32(channel.parameters.keyOrigin.index & 0x7fff_ffff))
        coins.wallet.watch(path)
        let script = keys.wallet.script(path)
        tell(id, .payTo(script))
    }

    /// Asks the store for records of a channel's revoked HTLCs.
    func storeQuery(_ query: RevokedHTLCQuery, of id: ChannelID) -> StoreQuery {
        let prefix = id.bytes.array
        return StoreQuery(
            table: .revokedHTLCs, prefix: prefix, bound: prefix + query.bound, isBackwards: query.isBackwards, limit: RevokedHTLCQuery.limit
        )
    }

    /// HTLCs from a version that did not say in the channel for whom they are.
    private mutating func adoptOrigins() {
        var forwards: [HTLCID: HTLCID] = [:]
        // Of an HTLC that was failed upstream already as well; of two with one number the last is under way.
        for circuit in payments.forwarder.circuits.all { forwards[circuit.outgoing] = circuit.incoming.key }
        for circuit in payments.forwarder.circuits.pending { forwards[circuit.outgoing] = circuit.incoming.key }
        for id in channels.ids {
            for htlc in channels[id]?.commitments.orderedHTLCs ?? [] where htlc.state.isOfferedByLocal && htlc.origin == nil {
                let outgoing = HTLCID.outgoing(id, htlc.id)
                let payment = payments.sender.origin(of: outgoing, htlc.paymentHash)
                guard let origin = payment ?? forwards[outgoing].map({ .forward(incoming: $0) }) else { continue }
                tell(id, .adopt(htlc.id, origin))
            }
        }
    }

    /// Converts a violation into what BOLT 1 and 2 let us do.
    mutating func punish(_ violation: ProtocolViolation, channel id: ChannelID, connection: ConnectionID) {
        // A line in a log for each; what goes on without one is metered.
        if violation.consequence != .notice || peers[connection]?.allowance.warnings.take(Peer.warningRate, now: clock.now) ?? true {
            batch.effects.events.append(.note("channel \(id): \(violation.description)"))
        }
        switch violation.consequence {
        case .warning:
            transmit(.warning(Warning(channelID: id, text: violation.description)), over: connection)
            close(connection)
        case .notice: transmit(.warning(Warning(channelID: id, text: violation.description)), over: connection)
        case .failChannel:
            guard channels[id] != nil else {
                return transmit(.error(ErrorMessage(channelID: id, text: violation.description)), over: connection)
            }
            tell(id, .giveUp(violation.description))
        }
    }

    // MARK: Writes

    private mutating func collectWrites() {
        for id in channels.touched.sorted() {
            if let script = channels.read(id, { $0.channel.sweepScript }) ?? nil { coins.wallet.take(script) }
        }
        batch.effects.writes += channels.drainWrites(height: height)
        batch.effects.writes += coins.wallet.drainWrites()
        batch.effects.writes += payments.drainWrites()
        batch.effects.writes += peers.keptBlobs.drainWrites()
        batch.effects.writes += peers.towers.drainWrites()
        batch.journal.note(batch.effects.events, now: now, height: height)
        batch.effects.writes += batch.journal.drainWrites()
        batch.log.note(batch.effects.events, now: now, height: height)
        batch.effects.writes += batch.log.drainWrites()
        guard batch.isMetaChanged else { return }
        var writer = ByteWriter()
        writer.uint8(Self.metaVersion)
        writer.uint64(channels.nextKeyIndex)
        writer.point(nodeID)
        chain.encode(to: &writer)
        batch.effects.writes.append(.put(.meta, key: StoreTable.key("node"), record: writer.bytes))
        batch.isMetaChanged = false
    }

    /// Whether a store rebuilds this very node: the check that simulations make after every commit.
    ///
    /// - Returns: what differs, or `nil`.
    package func difference(from store: StoreContents) -> String? {
        do {
            let restored = try NodeCore(configuration: configuration, keys: keys, entropy: entropy, store: store)
            guard restored.channels.count == channels.count else { return "number of channels" }
            let htlcs = store.records(.htlcs, groupedByPrefixOf: 32)
            for (id, channel) in channels {
                let what = try channel.difference(
                    head: store.tables[.channels]?[id.bytes.array] ?? [], htlcs: htlcs[id.bytes.array] ?? [],
                    revoked: { store.tables[.revokedHTLCs]?[id.bytes.array + $0] })
                if let what { return "channel \(id): \(what)" }
                if restored.channels.entry(id)?.terms != channels.entry(id)?.terms { return "forwarding policies" }
            }
            if !restored.wallet.hasSameState(as: coins.wallet) { return "wallet" }
            if restored.payments.receiver.invoices != payments.receiver.invoices { return "invoices" }
            if restored.payments.receiver.streams.all != payments.receiver.streams.all { return "incoming streams" }
            if restored.payments.sender.outgoing != payments.sender.outgoing { return "payments" }
            if restored.payments.streams.all != payments.streams.all { return "streams" }
            if restored.payments.streams.nextID != payments.streams.nextID { return "number of streams" }
            if !restored.payments.forwarder.hasSameState(as: payments.forwarder) { return "forwards" }
            if !restored.payments.sender.estimates.hasSameState(as: payments.sender.estimates) { return "liquidity estimates" }
            if restored.recovered != coins.recovered { return "recovered outputs" }
            if restored.peers.towers.client.towers != peers.towers.client.towers { return "watchtowers" }
            if restored.peers.towers.client.sessions.all != peers.towers.client.sessions.all { return "sessions with watchtowers" }
            if restored.peers.towers.service.customers != peers.towers.service.customers { return "clients of the watchtower" }
            if restored.peers.towers.service.cases != peers.towers.service.cases { return "cases of the watchtower" }
            if restored.peers.keptBlobs.blobs != peers.keptBlobs.blobs { return "peers' blobs" }
            if restored.batch.log.next != batch.log.next { return "log" }
            if restored.batch.journal.next != batch.journal.next { return "events" }
            if restored.channels.backup.encoded() != channels.backup.encoded() { return "backup" }
            if let what = restored.gossip.graph.difference(from: network.gossip.graph) { return "graph: \(what)" }
            if restored.chain != chain || restored.channels.nextKeyIndex != channels.nextKeyIndex { return "chain position" }
            return nil
        } catch {
            return "\(error)"
        }
    }
}

extension NodeCore {
    /// The numbers of both sides' current commitments in a channel.
    package func commitmentNumbers(of id: ChannelID) -> (local: UInt64, remote: UInt64)? {
        channels.read(id) { ($0.channel.commitments.localNumber, $0.channel.commitments.remoteNumber) }
    }
}

extension NodeCore {
    /// Our current commitment transaction, signed by both sides.
    ///
    /// Money at risk: whoever publishes it closes the channel, and once it is revoked loses everything in it. It is
    /// here for force closes by other means and for demonstrations of what a cheater loses. `nil` where it may be an old one.
    package func signedCommitment(of id: ChannelID) -> Transaction? {
        guard var entry = channels.entry(id), !entry.channel.isPossiblyBehind else { return nil }
        return entry.channel.signedLocalCommitment(entry.keys)
    }
}
