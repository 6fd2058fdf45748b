public import BitcoinPrimitives
public import CryptoPrimitives
public import LightningChain
public import LightningChannel
public import LightningEnforcement
public import LightningInvoice
public import LightningPayment
package import LightningRecords
public import LightningRouting
public import LightningWire

/// A caller's question, to be answered by a notice.
package typealias RequestID = UInt64

/// What can happen to a node.
package enum NodeInput: Sendable {
    /// A socket is open; with the other side's identity where we called it, and with where it comes from where we were called.
    case connected(ConnectionID, to: NodeID?, from: AddressGroup? = nil)
    /// The other side does not read what we send, or reads again.
    case congested(ConnectionID, Bool)
    case received(ConnectionID, [UInt8])
    case disconnected(ConnectionID)
    case command(RequestID, NodeCommand)
    /// The next block, or at least what `chainInterests` names of it.
    case blockConnected(BlockContents, height: BlockHeight)
    /// The tip of the chain that the node has followed is not in the active chain any more.
    case blockDisconnected(height: BlockHeight)
    /// Where this node can be called, as BOLT 7's address descriptors.
    case listening(addresses: [UInt8])
    /// Where nodes can be called, as BOLT 7's address descriptors: what is known at the start, and what changes.
    case addresses([NodeID: [UInt8]])
    /// A block of the active chain that was connected before channels out of a backup were known: what it holds of them.
    case pastBlock(BlockContents, height: BlockHeight, for: Set<ChannelID>)
    /// All transactions of layer 1's mempool that pay the wallet, or spend what is watched.
    case mempoolSeen([Transaction])
    /// What layer 1 said to a publication.
    case published(TransactionID, PublicationOutcome)
    /// What layer 1 thinks that transactions have to pay.
    case feeRates(FeeEstimates)
    /// The driver has told of every block that there is; said again as long as it is so.
    case caughtUp
    /// The records that the node asked the store for, as they are after the commit of the batch that asked; or why they cannot be read.
    case loaded(StoreQuery, Result<[StoreEntry], StoreFailure>)
    /// The verdict on a check that the node asked for.
    case gossipChecked(UInt64, GossipVerdict)
    /// Time goes on.
    case tick
    /// The time has come that `NodeEffects.wake` named.
    case wake
}

/// What a caller can ask for.
public indirect enum NodeCommand: Sendable {
    /// An address of the wallet that was not given out before.
    case newAddress
    /// `amount` of `nil` is everything on chain; `announce` makes the channel public: others can be paid through it.
    ///
    /// - `feeRate`: of the commitments; `funding`: what the funding transaction is to pay.
    case openChannel(
        NodeID, amount: Satoshi?, push: MilliSatoshi, feeRate: FeeRate?, announce: Bool = false, mayUseReserve: Bool = false,
        funding: FeeChoice? = nil)
    /// - `blindedHops`: above 0, who we are is hidden behind so many nodes (BOLT 4 "Route Blinding", bLIP 39).
    /// - `label`: what its owner calls it, up to 200 bytes; nobody else sees it.
    case createInvoice(amount: MilliSatoshi?, InvoiceDescription, expiry: Duration, blindedHops: Int = 0, label: String? = nil)
    /// An invoice whose payment is held until `settle` or `cancel`.
    case createHoldInvoice(
        PaymentHash, amount: MilliSatoshi?, InvoiceDescription, expiry: Duration, blindedHops: Int = 0, label: String? = nil)
    /// Takes the payment that is held for an invoice; the preimage where the node does not know it.
    case settle(PaymentHash, PaymentPreimage?)
    /// Gives back what is held for an invoice, or does not want it to be paid any more.
    case cancel(PaymentHash)
    /// Pays an invoice; the amount where it names none.
    case pay(Invoice, amount: MilliSatoshi?, PaymentLimits = PaymentLimits())
    /// Pays a node without an invoice.
    case keysend(NodeID, amount: MilliSatoshi, PaymentLimits = PaymentLimits(), customRecords: [UInt64: [UInt8]] = [:])
    /// Begins a stream of payments.
    case startStream(StreamTerms)
    /// Has a stream do something, or be something else.
    case stream(UInt64, StreamAction)
    /// Pays ourselves in a circle: out over the first channel, in over the second.
    case rebalance(from: ChannelID, to: ChannelID, amount: MilliSatoshi, PaymentLimits = PaymentLimits())
    /// Sends a payment that the payee cannot know: how it fails shows whether it would have arrived.
    case probe(NodeID, amount: MilliSatoshi, PaymentLimits = PaymentLimits())
    /// The best route to a node, without paying.
    case findRoute(NodeID, amount: MilliSatoshi, maxFee: MilliSatoshi?, maxParts: Int = 1)
    /// The best route, and why not the others.
    case compareRoutes(NodeID, amount: MilliSatoshi, maxFee: MilliSatoshi?)
    /// Takes what another node has learned of the liquidity of channels.
    case importEstimates(String)
    /// Changes the terms on which we forward into a channel.
    case setForwardingPolicy(ChannelID, ForwardingPolicy)
    /// `amount` of `nil` sends everything.
    case send(Script, amount: Satoshi?, fee: FeeChoice?, mayUseReserve: Bool = false)
    /// Raises what a transaction pays that waits for a block; `nil` takes what it needs now.
    case bumpFee(TransactionID, FeeChoice?)
    /// Takes back a channel of ours whose funding transaction is in no block.
    case abandonChannel(ChannelID, FeeChoice?)
    /// - `fee`: what we propose that the closing transaction pays.
    case closeChannel(ChannelID, to: Script?, fee: FeeChoice? = nil)
    /// - `isNewest`: the owner's word that there is no newer copy of the database than this one, where that is not known. Money at risk: if
    ///   there is one, our commitment may be revoked, and publishing it loses everything in the channel.
    /// - `replacesClose`: whether it is meant also where a closing transaction that both sides have signed waits to be mined.
    /// - `fee`: what our last state and its child are to pay together at the least; for one that is given up already and not mined, anew.
    case forceCloseChannel(ChannelID, isNewest: Bool = false, replacesClose: Bool = false, fee: FeeChoice? = nil)
    /// Proposes a fee rate for the commitments of a channel that we opened.
    case setFeeRate(ChannelID, FeeRate)
    /// Has a watchtower keep penalty kits for us, or no longer.
    case addWatchtower(NodeID)
    /// Gives a watchtower no more kits.
    case removeWatchtower(NodeID)
    /// Ends the connection to a node. With the peer of a channel there will soon be another one.
    case disconnect(NodeID)
    /// Takes the channels of a sealed backup that this database does not know.
    case restoreChannels([UInt8])
}

/// A way that a payment could take, or one of our channels with why it could not.
public struct RouteChoice: Hashable, Sendable {
    /// Our channel that it leaves by.
    public var first: ShortChannelID
    /// Who is at the other end.
    public var peer: NodeID
    /// `nil` where there is none by this channel.
    public var route: Route?
    /// Why there is none.
    public var refusal: String?
}

/// An answer to a command.
public indirect enum NodeResponse: Sendable {
    /// A fresh address, and how many have been given out without a payment, this one included.
    case address(Script, unused: UInt32)
    /// Both commitments are signed, and the funding transaction is published.
    case channelOpened(ChannelID, funding: TransactionID)
    /// The invoice that was made.
    case invoice(InvoiceRecord)
    /// The payment succeeded.
    case payment(OutgoingPayment)
    /// The stream as it is now.
    case stream(PaymentStream)
    /// The parts in which an amount would be sent.
    case route([Route])
    /// The ways there are, the best first.
    case routes([RouteChoice])
    /// The transaction that was made and published.
    case transaction(Transaction)
    /// The channels that came out of a backup and were not known, and what of it could not be taken.
    case restored([ChannelID], refused: [String])
    /// It was done, and there is nothing to tell.
    case done
}

/// Why a command was not carried out.
public enum NodeRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// The channel does not do it now.
    case channel(ChannelRefusal)
    /// The payment was not begun: nothing was sent.
    case payment(PaymentRefusal)
    /// A stream is not begun, or not changed.
    case stream(StreamRefusal)
    /// A hold invoice cannot be settled or canceled.
    case hold(HoldRefusal)
    /// The wallet does not make the transaction.
    case wallet(WalletRefusal)
    /// The fee of a transaction is not raised.
    case bump(BumpRefusal)
    /// It takes a connection to this node.
    case notConnected(NodeID)
    /// There is no channel with this id.
    case unknownChannel
    /// The peer refused to open a channel, or the connection broke while it was opened.
    case openingFailed(String)
    /// The payment was tried, and has failed: nothing of it is under way.
    case paymentFailed(OutgoingPayment, String)
    /// What was asked for makes no sense, and why.
    case invalid(String)
    /// Stored state could not be committed; nothing has left the node.
    case store(String)
    /// The node was stopped before it answered.
    ///
    /// Money at risk: a payment that had begun goes on after the next start. It is not to be repeated before it has been looked for.
    case stopped

    public var description: String {
        switch self {
        case .channel(let refusal): refusal.description
        case .payment(let refusal): refusal.description
        case .stream(let refusal): refusal.description
        case .hold(let refusal): refusal.description
        case .wallet(let refusal): refusal.description
        case .bump(let refusal): refusal.description
        case .notConnected(let node): "not connected to \(node): connect to it first"
        case .unknownChannel: "there is no such channel"
        case .openingFailed(let why): "the channel was not opened: \(why)"
        case .paymentFailed(_, let why): "the payment failed: \(why)"
        case .invalid(let why): why
        case .store(let why): why
        case .stopped:
            "the node stopped before it answered: what was asked may still happen. Start it and look before you repeat anything: lnw listpayments"
        }
    }
}

/// What a node tells its owner.
public indirect enum NodeEvent: Sendable {
    /// A peer has said `init`.
    case peerConnected(NodeID)
    /// The connection to a peer is gone.
    case peerDisconnected(NodeID)
    /// Both sides have signed the first commitments: the funding transaction may be published.
    case channelOpening(ChannelID)
    /// Payments can be sent over the channel; again after a reorganization of its funding transaction.
    case channelUsable(ChannelID)
    /// The channel is in the public graph.
    case channelAnnounced(ChannelID, ShortChannelID)
    /// A mutual close is signed; and for every kind of close, what spends the funding output is in a block.
    case channelClosing(ChannelID, CloseKind)
    /// All that was ours of the channel has been claimed, six blocks deep.
    case channelClosed(ChannelID)
    /// Channels that this database did not know came out of a backup: their peers are asked to close them.
    case channelsRestored([ChannelID])
    /// A connection has come so far that messages can be exchanged.
    case connectionReady(ConnectionID, NodeID)
    /// Why we closed a connection.
    case connectionEnded(ConnectionID, NodeID?, String)
    /// A connection is over, for whatever reason.
    case connectionLost(ConnectionID)
    /// The peer of a channel says where it can be called: BOLT 7's address descriptors.
    case peerAddresses(NodeID, [UInt8])
    /// Layer 1 refuses a transaction of ours, for a reason that it had not given before.
    case publicationRefused(Publication, String)
    /// A payment is irrevocably ours.
    ///
    /// Money at risk: whoever knows a preimage can send any amount as a keysend with the hash of an invoice that is over. What was asked for
    /// is paid where the record is not `isSpontaneous`.
    case paymentReceived(InvoiceRecord, MilliSatoshi)
    /// The payment of a hold invoice is complete, and waits.
    case paymentHeld(InvoiceRecord, MilliSatoshi)
    /// A payment of ours sent a part, or got one back.
    case paymentUpdated(OutgoingPayment)
    /// The payee's preimage is known: the payment is proven, and cannot be taken back.
    case paymentSucceeded(OutgoingPayment)
    /// All that the payment sent is the peers' for good: no HTLC of it is in any commitment any more.
    case paymentSettled(OutgoingPayment)
    /// A payment ended without a preimage, and nothing of it is under way.
    case paymentFailed(OutgoingPayment)
    /// A payment of a stream ended.
    case streamPaid(StreamReceipt)
    /// Nothing more of a stream will be paid.
    case streamOver(PaymentStream)
    /// A forward ended.
    case forwarded(Circuit)
    /// An HTLC was not forwarded, and why.
    case forwardRefused(IncomingHTLC, over: ChannelID, String)
    /// A block was connected; its height is the chain's.
    case block(height: BlockHeight)
    /// Something that an operator has to know: money is at risk, or has been lost.
    case alert(String)
    /// Something that an operator may want to know, in words.
    case note(String)
}

/// What a node wants done, in this order: the writes committed, then all the rest.
package struct NodeEffects: Sendable {
    package var writes: [StoreWrite] = []
    package var transmissions: [(ConnectionID, [UInt8])] = []
    package var closes: [ConnectionID] = []
    /// The backup of the channels, sealed, where it was renewed: to be kept where the database is not.
    package var backup: [UInt8]?
    /// For layer 1, in this order.
    package var publications: [Publication] = []
    /// What the store is asked for; the answers come back as inputs, before any block that comes later.
    package var loads: [StoreQuery] = []
    /// Gossip to be checked, on any thread; the verdicts come back as inputs.
    package var checks: [GossipCheck] = []
    package var answers: [(RequestID, Result<NodeResponse, NodeRefusal>)] = []
    package var events: [NodeEvent] = []
    /// When the node wants to hear of the time again, at the latest: then the input is `wake`. Each batch says it anew.
    package var wake: Timestamp?

    package init() {}
}

/// The limits within which a payment may be tried.
public struct PaymentLimits: Hashable, Sendable {
    /// `nil`: the larger of 0.5 % and 5 sat.
    public var maxFee: MilliSatoshi?
    /// How long something new is tried.
    public var timeout = Duration.seconds(60)
    /// HTLCs in which the amount may be sent at once.
    public var maxParts = 16

    /// Limits that suit most payments.
    public init() {}

    func deadline(from now: Timestamp) -> Timestamp { now + timeout }

    /// The most that the routes of an amount may cost.
    package func fee(for amount: MilliSatoshi) -> MilliSatoshi { maxFee ?? max(MilliSatoshi(amount.value / 200), MilliSatoshi(5000)) }
}

/// How a node behaves.
public struct NodeConfiguration: Sendable {
    /// Of all channels and invoices.
    public var network = Network.regtest { didSet { policy.network = network } }
    /// Where a node that is new begins to follow the chain; `nil` for the first block. What it has was paid to it later.
    package var birthday: (height: BlockHeight, hash: BlockHash)?
    /// What channels have to be like.
    public var policy = ChannelPolicy()
    /// The fee rate until a better estimate comes.
    public var feeRate = FeeRate(perKiloweight: 500)
    /// Of invoices that do not say, in whole seconds.
    public var invoiceExpiry = Invoice.defaultExpiry
    /// Blocks that an HTLC of ours has beyond what the payee demands.
    public var finalExpiryMargin: UInt32 = 2
    /// On which terms we forward, where a channel has none of its own.
    public var forwarding = ForwardingPolicy()
    /// How gossip is taken and passed on. A network of tests flushes it more often.
    package var gossip = GossipPolicy()
    /// What this node calls itself in its `node_announcement`.
    public var alias = ""
    /// BOLT 7's address descriptors, as they go into the `node_announcement`.
    public var addresses: [UInt8] = []
    /// Keys of the on-chain wallet that are looked for beyond the last one used: more for a wallet that was made of words.
    public var walletLookAhead = OnChainWallet.gapLimit
    /// Whether this node is a watchtower for others, and for how many; `nil` for none.
    public var tower: TowerPolicy?
    /// Whether the backups of our channels' peers are kept (BOLT 1 "Peer storage"): 65531 bytes for each.
    public var keepsPeerBackups = true
    /// Whether peers that keep our backup see no more of its size than BOLT 1's 65531 bytes.
    package var padsBackups = true
    /// How many strangers may be connected.
    package var connections = ConnectionLimits()
    /// The silence after which a peer is pinged; twice as much ends the connection.
    public var pingInterval = Duration.seconds(30)

    /// A node of regtest that accepts what most do.
    public init() {}

    /// What this node offers in `init`.
    ///
    /// `option_data_loss_protect`, `var_onion_optin`, `option_static_remotekey`, `payment_secret` and
    /// `option_channel_type` are ASSUMED by BOLT 9; peers still look for them.
    package var features: FeatureBits {
        FeatureBits(
            optional: [
                .dataLossProtect, .gossipQueries, .gossipQueriesEx, .basicMPP, .anchors, .shutdownAnySegwit, .supportLargeChannel,
                .routeBlinding, .attributionData, .scidAlias, .keysend,
            ] + (keepsPeerBackups ? [.provideStorage] : []),
            compulsory: [.varOnionOptin, .staticRemoteKey, .paymentSecret, .channelType])
    }
}
