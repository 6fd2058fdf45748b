import BitcoinPrimitives
import CryptoPrimitives
package import LightningChannel
import LightningPayment
import LightningRecords
import LightningTransactions
package import LightningWire

/// All channels of a node, with what belongs to each, and the index by which they are found.
///
/// To read it is a collection of channels by their ids. A channel is changed by `update` alone, which keeps the index right and notes that
/// something may have to be signed and stored.
package struct ChannelTable: Collection, Sendable {
    /// In an array, in no order: there a part of an entry can be read without a copy of all of it.
    private var entries: [ChannelEntry] = []
    private var places: [ChannelID: Int] = [:]
    private(set) var index = ChannelIndex()
    /// Channels that something happened to in this batch.
    private(set) var touched: Set<ChannelID> = []
    /// Those of them that may have something to sign.
    private var unsigned: Set<ChannelID> = []
    /// Channels that were forgotten in this batch: all that is stored of them goes.
    private var forgotten: [ChannelID] = []

    /// Channels that are forgotten at the end of this batch, and why.
    var abandoned: [ChannelID: String] = [:]
    /// Channels that go to the history at the end of this batch.
    var ended: Set<ChannelID> = []
    /// What puts channels into the history.
    private var historyWrites: [StoreWrite] = []
    /// What is known of their backup.
    var backup = BackupState()
    /// The number of the next channel.
    var nextKeyIndex: UInt64 = 0

    init() {}

    // MARK: A collection of channels

    package struct Index: Comparable {
        fileprivate var index: Dictionary<ChannelID, Int>.Index
        package static func < (left: Index, right: Index) -> Bool { left.index < right.index }
    }

    package var startIndex: Index { Index(index: places.startIndex) }
    package var endIndex: Index { Index(index: places.endIndex) }
    package func index(after position: Index) -> Index { Index(index: places.index(after: position.index)) }
    package subscript(position: Index) -> (key: ChannelID, value: PaymentChannel) {
        let (id, place) = places[position.index]
        return (id, entries[place].channel)
    }
    package var count: Int { places.count }

    /// A channel as it is.
    package subscript(id: ChannelID) -> PaymentChannel? { places[id].map { entries[$0].channel } }
    package var keys: some Collection<ChannelID> { places.keys }
    package var values: some Collection<PaymentChannel> { places.values.lazy.map { entries[$0].channel } }

    /// The ids in their order.
    package var ids: [ChannelID] { places.keys.sorted() }

    /// The channels in the order of their ids.
    package var ordered: [PaymentChannel] { ids.compactMap { self[$0] } }

    func entry(_ id: ChannelID) -> ChannelEntry? { places[id].map { entries[$0] } }

    /// Whether there is such a channel.
    func contains(_ id: ChannelID) -> Bool { places[id] != nil }

    /// Looks at a channel where it lies: large values are not copied for a question that is asked for every message.
    func read<Result>(_ id: ChannelID, _ look: (borrowing ChannelEntry) -> Result) -> Result? {
        guard let place = places[id] else { return nil }
        return look(entries[place])
    }

    /// Looks at all channels where they lie, in no order.
    func forEach(_ look: (borrowing PaymentChannel) -> Void) {
        for place in entries.indices { look(entries[place].channel) }
    }

    /// Whether there is a channel as wanted; each is looked at where it lies.
    func contains(where isWanted: (borrowing PaymentChannel) -> Bool) -> Bool {
        entries.indices.contains { isWanted(entries[$0].channel) }
    }

    /// The peer of a channel.
    func peer(of id: ChannelID) -> NodeID? { places[id].map { entries[$0].channel.parameters.remoteNodeID } }

    /// The channels with a peer, in the order of their ids.
    func channels(with peer: NodeID) -> [PaymentChannel] { index.channels(with: peer).compactMap { self[$0] } }

    /// The nodes with which there is a channel that is not over. One that its opener has not funded yet costs nothing, and counts for
    /// nothing.
    var owners: Set<NodeID> {
        Set(places.values.compactMap { entries[$0].channel.isOwned ? entries[$0].channel.parameters.remoteNodeID : nil })
    }

    /// Whether a node is one of `owners`.
    func isOwner(_ node: NodeID) -> Bool { index.channels(with: node).contains { read($0) { $0.channel.isOwned } ?? false } }

    // MARK: Changes

    mutating func insert(_ entry: ChannelEntry) {
        precondition(places[entry.channel.id] == nil, "a new channel never takes another one's place")
        places[entry.channel.id] = entries.count
        entries.append(entry)
        touch(entry.channel.id)
        index.update(entry.channel)
    }

    /// Changes a channel, or what belongs to it.
    ///
    /// - Parameter isSigning: whether it signs what there is to be signed.
    /// - Returns: what `change` returns; `nil` where there is no such channel.
    @discardableResult
    mutating func update<Result, Failure: Error>(
        _ id: ChannelID, isSigning: Bool = false, _ change: (inout ChannelEntry) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        guard let place = places[id] else { return nil }
        touched.insert(id)
        if !isSigning { unsigned.insert(id) }
        let revision = entries[place].channel.revision
        defer { if entries[place].channel.revision != revision { index.update(entries[place].channel) } }
        return try change(&entries[place])
    }

    /// Changes what belongs to a channel, and not the channel: nothing has to be signed.
    mutating func annotate(_ id: ChannelID, _ change: (inout ChannelEntry) -> Void) {
        guard let place = places[id] else { return }
        change(&entries[place])
        if entries[place].areTermsChanged { touch(id) }
    }

    /// Something happened to a channel: it may have to sign, and to be stored.
    private mutating func touch(_ id: ChannelID) {
        touched.insert(id)
        unsigned.insert(id)
    }

    /// The channels that may have something to sign since the last call, in the order of their ids.
    mutating func takeUnsigned() -> [ChannelID] {
        defer { unsigned = [] }
        return unsigned.sorted()
    }

    /// Forgets a channel with all that belongs to it.
    ///
    /// - Returns: whether there was one.
    mutating func forget(_ id: ChannelID) -> Bool {
        guard let place = places.removeValue(forKey: id) else { return false }
        // The last one takes its place.
        let last = entries.removeLast()
        if place < entries.count {
            places[last.channel.id] = place
            entries[place] = last
        }
        index.remove(id)
        touched.remove(id)
        unsigned.remove(id)
        forgotten.append(id)
        return true
    }

    /// Puts a channel that is over into the history: it is not in memory any more, and not read at the next start.
    mutating func archive(_ id: ChannelID) {
        guard let channel = self[id], let position = channel.historyPosition else { return }
        historyWrites += StoreHistory.channels.add(channel.historyRecord, at: position)
        _ = forget(id)
    }

    /// Notes at which blocks the channels that were changed have something to do next.
    ///
    /// - Parameter height: of the chain; only later blocks count.
    mutating func schedule(after height: BlockHeight) {
        for id in touched { index.wake(id, at: read(id) { $0.channel.nextHeight(after: height) } ?? nil) }
    }

    /// What has to be stored of the changes since the last call, and the blocks at which the changed channels have something to do next.
    mutating func drainWrites(height: BlockHeight) -> [StoreWrite] {
        var writes: [StoreWrite] = []
        for id in forgotten {
            let prefix = id.bytes.array
            writes += [
                .delete(.channels, key: prefix), .deleteAll(.htlcs, prefix: prefix), .deleteAll(.revokedHTLCs, prefix: prefix),
                .delete(.policies, key: prefix),
            ]
        }
        forgotten = []
        writes += historyWrites
        historyWrites = []
        for id in touched.sorted() {
            guard let place = places[id] else { continue }
            writes += entries[place].channel.drainWrites()
            if entries[place].areTermsChanged {
                writes.append(.change(.policies, key: id.bytes.array, record: entries[place].terms?.encoded()))
                entries[place].areTermsChanged = false
            }
        }
        schedule(after: height)
        touched = []
        return writes
    }
}

extension PaymentChannel {
    /// Whether the channel is worth a place to its peer: it is not over, and it is funded or ours to fund.
    var isOwned: Bool { (funding.wasConfirmed || parameters.isOpener) && !isClosed }

    /// The next block at which the channel has something to do, whatever the block holds.
    func nextHeight(after height: BlockHeight) -> BlockHeight {
        let next = nextDeadline(after: height)
        // BOLT 7: once the funding transaction has six confirmations the channel is announced.
        guard parameters.announce, let fundingHeight, fundingHeight + NodeCore.announcementDepth - 1 > height else { return next }
        return min(next, fundingHeight + NodeCore.announcementDepth - 1)
    }
}
