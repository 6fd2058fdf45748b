import BitcoinPrimitives
import LightningChain
import LightningChannel
import LightningTransactions
import LightningWire

/// By what a channel is found, kept as the channels change: a question costs what it finds, however many channels there are.
struct ChannelIndex {
    /// By what one channel is found now.
    private struct Keys: Equatable {
        var peer: NodeID
        var funding: OutPoint
        /// The names that payers may use for it.
        var names: [ShortChannelID]
        /// All its names, the one that its peer gave it among them.
        var allNames: [ShortChannelID]

        init(_ channel: PaymentChannel) {
            let parameters = channel.parameters
            peer = parameters.remoteNodeID
            funding = parameters.funding
            // BOLT 2, option_scid_alias: "MUST NOT allow incoming HTLCs to this channel using the real short_channel_id".
            let real = channel.shortChannelID
            names = [parameters.localAlias] + (parameters.channelType.features.offers(.scidAlias) ? nil : real).map { [$0] }.orEmpty
            allNames = [parameters.localAlias] + [real, channel.remoteAlias].compactMap(\.self)
        }
    }

    private var keys: [ChannelID: Keys] = [:]
    private var byPeer: [NodeID: Set<ChannelID>] = [:]
    private var byFunding: [OutPoint: Set<ChannelID>] = [:]
    private var byName: [ShortChannelID: Set<ChannelID>] = [:]
    private var byAnyName: [ShortChannelID: Set<ChannelID>] = [:]
    /// What channels want to hear of the chain: the outputs that they watch, the funding transaction while it has to be mined before the
    /// channel can be used, and the blocks at which they have something to do.
    private(set) var chain = ChainWatcher<ChannelID>()

    // MARK: Questions

    /// The channels with a peer, in the order of their ids.
    func channels(with peer: NodeID) -> [ChannelID] { byPeer[peer].map { $0.sorted() }.orEmpty }

    /// The channel that others mean by a short id: its real one, or the alias that we gave the peer.
    func channel(named name: ShortChannelID) -> ChannelID? { byName[name]?.min() }

    /// The channels that have a name, whoever gave it.
    func channels(withName name: ShortChannelID) -> Set<ChannelID> { byAnyName[name] ?? [] }

    /// A channel whose funding output is one of a transaction's. Of the wallet's transactions few are asked for.
    func channel(fundedBy transaction: TransactionID) -> ChannelID? {
        byFunding.filter { $0.key.transaction == transaction }.values.compactMap { $0.min() }.min()
    }

    func channels(fundedBy outPoint: OutPoint) -> Set<ChannelID> { byFunding[outPoint] ?? [] }

    // MARK: Changes

    /// A channel is new, or may have changed.
    mutating func update(_ channel: PaymentChannel) {
        chain.watch(
            .init(
                outPoints: channel.watchedOutPoints,
                transaction: channel.fundingHeight == nil && !channel.isClosed ? channel.parameters.funding.transaction : nil),
            for: channel.id)
        let new = Keys(channel)
        let old = keys.updateValue(new, forKey: channel.id)
        guard old != new else { return }
        if let old { remove(old, channel.id) }
        byPeer[new.peer, default: []].insert(channel.id)
        byFunding[new.funding, default: []].insert(channel.id)
        for name in new.names { byName[name, default: []].insert(channel.id) }
        for name in new.allNames { byAnyName[name, default: []].insert(channel.id) }
    }

    /// The next block at which a channel has something to do; `nil` for none.
    mutating func wake(_ id: ChannelID, at height: BlockHeight?) { chain.wake(id, at: height) }

    mutating func remove(_ id: ChannelID) {
        if let old = keys.removeValue(forKey: id) { remove(old, id) }
        chain.forget(id)
    }

    private mutating func remove(_ old: Keys, _ id: ChannelID) {
        Self.remove(id, from: &byPeer, old.peer)
        Self.remove(id, from: &byFunding, old.funding)
        for name in old.names { Self.remove(id, from: &byName, name) }
        for name in old.allNames { Self.remove(id, from: &byAnyName, name) }
    }

    private static func remove<Key>(_ id: ChannelID, from map: inout [Key: Set<ChannelID>], _ key: Key) {
        map[key]?.remove(id)
        if map[key]?.isEmpty == true { map[key] = nil }
    }
}

extension Optional where Wrapped: RangeReplaceableCollection {
    fileprivate var orEmpty: Wrapped { self ?? Wrapped() }
}
