import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningPayment
import LightningRecords
import LightningRouting
import LightningWire

/// What time it is, and when something was done that is not done at every tick.
struct NodeClock {
    var now: Timestamp = .zero
    /// When the fee rates of our channels were looked at last.
    var lastFeeAdjustment: Timestamp = .zero
}

/// How far a node has come after its start.
struct Startup {
    /// Whether the store is known to be the newest there is.
    let isStoreProven: Bool
    var hasResumed = false
    /// HTLCs that were committed before the start and are still to be decided: by their channels and ids.
    var undecided: [(ChannelID, UInt64)] = []
    var hasReceivedUndecided = false

    init(isStoreProven: Bool) { self.isStoreProven = isStoreProven }
}

/// What the node knows of layer 1, and what it has given to it.
struct Layer1View {
    var position: ChainPosition
    /// What layer 1 has said since the start that transactions have to pay.
    var estimates: FeeEstimates?
    /// What is taken before it has said anything.
    private let first: FeeEstimates
    /// When the driver last said that there are no more blocks.
    var caughtUpAt: Timestamp?
    var publisher = Publisher()

    init(position: ChainPosition, first: FeeEstimates) {
        self.position = position
        self.first = first
    }

    var feeRates: FeeEstimates { estimates ?? first }
}

/// The node's money on chain.
struct Coins {
    var wallet: OnChainWallet
    /// Money of ours in closes of channels that this database does not know.
    var recovered: [OutPoint: RecoveredOutput] = [:]

    init(wallet: OnChainWallet) { self.wallet = wallet }
}

/// What the network tells, and what this node tells of itself.
struct NetworkView {
    var gossip: Gossip
    /// Where we can be called, as BOLT 7's address descriptors, and what we said of ourselves last.
    var ownAddresses: [UInt8]
    var lastAnnouncement: NodeAnnouncement?
    /// Our last `channel_update`s that went into failures, by the names that payers used.
    var failureUpdates: [ShortChannelID: ChannelUpdate] = [:]

    init(gossip: Gossip, ownAddresses: [UInt8]) {
        self.gossip = gossip
        self.ownAddresses = ownAddresses
    }
}

/// The machines of LightningPayment.
struct PaymentMachines {
    var sender: Sender
    var receiver: Receiver
    var forwarder: Forwarder
    var streams: Streams
    var lookups = Lookups()

    init(_ store: StoreContents, _ entropy: inout Entropy) throws(DecodingFailure) {
        receiver = try Receiver(invoices: store.records(.invoices), streams: store.records(.incomingStreams))
        sender = try Sender(
            payments: store.records(.payments), estimates: try LiquidityEstimates(records: store.entries(.estimates)),
            entropy: entropy.fork())
        forwarder = Forwarder(
            circuits: try Circuits(
                records: store.records(.circuits), totals: store.record(.meta, "forwards"), cheap: store.entries(.cheapForwards),
                channels: store.entries(.forwardTotals)),
            replays: try OnionReplays(records: store.entries(.onions)), entropy: entropy.fork())
        streams = try Streams(records: store.records(.streams), head: store.record(.meta, "streams"))
    }

    mutating func drainWrites() -> [StoreWrite] {
        sender.drainWrites() + receiver.drainWrites() + forwarder.drainWrites() + streams.drainWrites()
    }
}

/// What a batch of inputs has brought so far, and what is still to be done in it.
struct NodeBatch {
    var effects = NodeEffects()
    var queue = WorkQueue()
    /// Whether the node's own record has changed: its place in the chain, or the number of its channels.
    var isMetaChanged = true
    /// What is kept of the events: in words, and for whoever asks what it missed.
    var log = EventLog()
    var journal = EventJournal()
}
