import BitcoinPrimitives
import LightningChannel
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
        var watched: [OutPoint]
        /// The transaction that has to be mined before the channel can be used.
        var awaited: TransactionID?

        init(_ channel: PaymentChannel) {
            let parameters = channel.parameters
            peer = parameters.remoteNodeID
            funding = parameters.funding
            // BOLT 2, option_scid_alias: "MUST NOT allow incoming HTLCs to this channel using the real short_channel_id".
            let real = channel.shortChannelID
            names = [parameters.localAlias] + (parameters.channelType.features.offers(.scidAlias) ? nil : real).map { [$0] }.orEmpty
            allNames = [parameters.localAlias] + [real, channel.remoteAlias].compactMap(\.self)
            watched = channel.watchedOutPoints
            awaited = channel.fundingHeight == nil && !channel.isClosed ? funding.transaction : nil
        }
    }

    private var keys: [ChannelID: Keys] = [:]
    private var byPeer: [NodeID: Set<ChannelID>] = [:]
    private var byFunding: [OutPoint: Set<ChannelID>] = [:]
    private var byName: [ShortChannelID: Set<ChannelID>] = [:]
    private var byAnyName: [ShortChannelID: Set<ChannelID>] = [:]
    private var byWatched: [OutPoint: Set<ChannelID>] = [:]
    private var byAwaited: [TransactionID: Set<ChannelID>] = [:]
    /// The blocks at which channels have something to do, and for each channel the next one.
    private var byHeight: [Int: Set<ChannelID>] = [:]
    private var heights: [ChannelID: Int] = [:]

    // MARK: Questions

    /// The channels with a peer, in the order of their ids.
    func channels(with peer: NodeID) -> [ChannelID] { byPeer[peer].map { $0.sorted() }.orEmpty }

    /// The channel that others mean by a short id: its real one, or the alias that we gave the peer.
    func channel(named name: ShortChannelID) -> ChannelID? { byName[name]?.min() }

    /// The channels that have a name, whoever gave it.
    func channels(withName name: ShortChannelID) -> Set<ChannelID> { byAnyName[name] ?? [] }

    func channels(fundedBy outPoint: OutPoint) -> Set<ChannelID> { byFunding[outPoint] ?? [] }

    /// The channels that have to hear of it when an output is spent. A peer could name another channel's output as its funding: there may
    /// be several.
    func channels(watching outPoint: OutPoint) -> [ChannelID] { byWatched[outPoint].map { $0.sorted() }.orEmpty }

    /// The channels that wait for a transaction to be mined.
    func channels(awaiting transaction: TransactionID) -> [ChannelID] { byAwaited[transaction].map { $0.sorted() }.orEmpty }

    /// The channels that have something to do at a block.
    func channels(dueAt height: Int) -> Set<ChannelID> { byHeight[height] ?? [] }

    // MARK: Changes

    /// A channel is new, or may have changed.
    mutating func update(_ channel: PaymentChannel) {
        let new = Keys(channel)
        let old = keys.updateValue(new, forKey: channel.id)
        guard old != new else { return }
        if let old { remove(old, channel.id) }
        byPeer[new.peer, default: []].insert(channel.id)
        byFunding[new.funding, default: []].insert(channel.id)
        for name in new.names { byName[name, default: []].insert(channel.id) }
        for name in new.allNames { byAnyName[name, default: []].insert(channel.id) }
        for outPoint in new.watched { byWatched[outPoint, default: []].insert(channel.id) }
        if let awaited = new.awaited { byAwaited[awaited, default: []].insert(channel.id) }
    }

    /// The next block at which a channel has something to do; `nil` for none.
    mutating func wake(_ id: ChannelID, at height: Int?) {
        if let old = heights[id], old != height { Self.remove(id, from: &byHeight, old) }
        heights[id] = height
        if let height { byHeight[height, default: []].insert(id) }
    }

    mutating func remove(_ id: ChannelID) {
        if let old = keys.removeValue(forKey: id) { remove(old, id) }
        wake(id, at: nil)
    }

    private mutating func remove(_ old: Keys, _ id: ChannelID) {
        Self.remove(id, from: &byPeer, old.peer)
        Self.remove(id, from: &byFunding, old.funding)
        for name in old.names { Self.remove(id, from: &byName, name) }
        for name in old.allNames { Self.remove(id, from: &byAnyName, name) }
        for outPoint in old.watched { Self.remove(id, from: &byWatched, outPoint) }
        if let awaited = old.awaited { Self.remove(id, from: &byAwaited, awaited) }
    }

    private static func remove<Key>(_ id: ChannelID, from map: inout [Key: Set<ChannelID>], _ key: Key) {
        map[key]?.remove(id)
        if map[key]?.isEmpty == true { map[key] = nil }
    }
}

extension Optional where Wrapped: RangeReplaceableCollection {
    fileprivate var orEmpty: Wrapped { self ?? Wrapped() }
}
