package import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningEnforcement
import LightningPayment
import LightningRecords
import LightningRouting
import LightningTransactions
import LightningWire

// Opening channels: BOLT 2 "Channel Establishment v1".
extension NodeCore {
    /// From what the keys of a channel grow that may come to be. Its number is taken when it does: openings that come to nothing,
    /// which cost a peer nothing, use up no number; that several at once have the same is no harm, for each has a salt of its own.
    private mutating func newKeyOrigin() -> ChannelKeyOrigin { ChannelKeyOrigin(index: channels.nextKeyIndex, salt: entropy.bytes32()) }

    /// An alias that no real channel has: its block height is out of reach.
    private mutating func newAlias() -> ShortChannelID {
        while true {
            let alias = ShortChannelID(0xf000_0000_0000_0000 | entropy.uint64() >> 4)
            if channels.index.channels(withName: alias).isEmpty { return alias }
        }
    }

    /// What is kept on chain for the closes of so many channels with anchors, whose claims the wallet pays for.
    private func reserve(for channels: Int) -> Satoshi { Satoshi(10_000 * UInt64(min(channels, 10))) }

    private var channelsWithReserve: Int {
        // One whose coins are taken, and whose peer has still to sign.
        let opening = peers.values.reduce(0) { sum, peer in
            sum + peer.openings.values.count { $0.funding != nil && $0.opening.hasAnchors }
        }
        return opening
            + channels.values.count { channel in
                guard channel.parameters.hasAnchors else { return false }
                return switch channel.phase {
                case .live, .failed: true
                // Its HTLC transactions are still to be paid for.
                case .closing(let closing): closing.close.needsWallet
                case .dataLost, .closed: false
                }
            }
    }

    /// What opening a channel, or sending everything, leaves on chain: without it a peer that stalls could take HTLCs that we cannot claim.
    package var reserve: Satoshi { reserve(for: channelsWithReserve) }

    /// What is to be kept once one more channel is open.
    func reserveAfterOpening(hasAnchors: Bool) -> Satoshi { reserve(for: channelsWithReserve + (hasAnchors ? 1 : 0)) }

    /// An amount that leaves what is to be kept; all but that for `nil`, and `nil` where nothing is to be kept.
    ///
    /// - Throws: where it would leave less.
    func allowed(_ amount: Satoshi?, to script: Script, _ rate: FeeRate, keeping: Satoshi) throws(WalletRefusal) -> Satoshi? {
        let spendable = coins.wallet.spendable(height: height)
        guard keeping > .zero, spendable >= amount ?? .zero else { return amount }
        guard let amount else {
            // After the fee, with that of a change output.
            let change = max(rate, .floor).feeRoundedUp(weight: OnChainWallet.coinAndChangeWeight)
            let most = try coins.wallet.largest(paying: script, feeRate: rate, height: height).subtracting(keeping.saturatingAdding(change))
            guard let most, most >= script.dustLimit else { throw .belowReserve(keeping, available: spendable) }
            return most
        }
        // As it would be done: what is left, and the change.
        var trial = coins.wallet
        let transaction = try trial.fund(paying: script, amount: amount, feeRate: rate, height: height)
        let change = transaction.outputs.dropFirst().reduce(Satoshi.zero) { $0.saturatingAdding($1.amount) }
        guard trial.spendable(height: height).saturatingAdding(change) >= keeping else {
            throw .belowReserve(keeping, available: spendable)
        }
        return amount
    }

    mutating func open(
        _ node: NodeID, amount wanted: Satoshi?, push: MilliSatoshi, feeRate: FeeRate?, announce: Bool, mayUseReserve: Bool,
        funding rate: FeeRate, _ request: RequestID
    ) throws(NodeRefusal) {
        guard let connection = peers.connections[node], let peer = peers[connection], let features = peer.features
        else { throw .notConnected(node) }
        guard peers.towers.client.towers[node] == nil else {
            throw .invalid("it is one of our watchtowers, which must not know who we are: lnw watchtower remove")
        }
        var policy = configuration.policy
        if policy.channelType.hasAnchors && !features.offers(.anchors) { policy.channelType = .staticRemoteKey }
        let isLargeFine = features.offers(.supportLargeChannel)
        let keeping = mayUseReserve ? .zero : reserveAfterOpening(hasAnchors: policy.channelType.hasAnchors)
        let amount: Satoshi
        do throws(WalletRefusal) {
            // The funding output's script is as long as any P2WSH.
            let script = Script.p2wsh(Script())
            if let wanted {
                amount = try allowed(wanted, to: script, rate, keeping: keeping) ?? wanted
            } else {
                let all: Satoshi
                if let most = try allowed(nil, to: script, rate, keeping: keeping) {
                    all = most
                } else {
                    all = try coins.wallet.largest(paying: script, feeRate: rate, height: height)
                }
                amount = isLargeFine ? all : min(all, Satoshi(1 << 24 - 1))
            }
        } catch { throw .wallet(error) }
        guard amount.value < 1 << 24 || isLargeFine else {
            throw .invalid("the peer accepts no channels of 16,777,216 sat or more")
        }
        let spendable = coins.wallet.spendable(height: height)
        guard spendable >= amount else { throw .wallet(.insufficientFunds(available: spendable, needed: amount)) }
        let origin = newKeyOrigin()
        let result: (ChannelOpening, OpenChannel)
        do throws(ChannelRefusal) {
            result = try ChannelOpening.open(
                amount: amount, push: push,
                feeRate: feeRate ?? PaymentChannel.commitmentFeeRate(self.feeRate, hasAnchors: policy.channelType.hasAnchors),
                announce: announce, policy: policy,
                keys: keys.channel(origin), keyOrigin: origin, remoteNodeID: node, temporaryID: entropy.bytes32(),
                alias: newAlias())
        } catch { throw .channel(error) }
        peers[connection]!.openings[result.0.temporaryChannelID] = PendingOpening(
            opening: result.0, request: request, funding: nil, fundingRate: rate, mayUseReserve: mayUseReserve, since: now)
        transmit(.openChannel(result.1), over: connection)
    }

    /// Ends an opening that came to nothing: its coins are free again.
    mutating func abandon(_ entry: PendingOpening, why: String) {
        if let funding = entry.funding { coins.wallet.release(funding.transaction) }
        if let request = entry.request { batch.effects.answers.append((request, .failure(.openingFailed(why)))) }
    }

    /// Tells the peer that a channel is not opened, and why.
    private mutating func refuse(_ why: String, _ id: ChannelID, over connection: ConnectionID) {
        reject(id, why, over: connection)
        if let entry = peers[connection]?.openings.removeValue(forKey: id) {
            abandon(entry, why: why)
        }
    }

    mutating func received(_ message: OpenChannel, over id: ConnectionID, _ node: NodeID) {
        guard message.temporaryChannelID != .all else {
            return reject(.all, "temporary_channel_id is zero, which means all channels", over: id)
        }
        guard peers.towers.client.towers[node] == nil else {
            return reject(message.temporaryChannelID, "no channels over this connection", over: id)
        }
        // Answering costs us more than asking costs the peer.
        guard peers[id]!.allowance.openRequests.take(Peer.openRate, now: clock.now),
            channels.isOwner(node) || peers.strangersOpenRequests.take(Peer.strangersOpenRate, now: clock.now)
        else { return reject(message.temporaryChannelID, "too many open_channel: try again in a minute", over: id) }
        // "accept a new open_channel message … discard the previous open_channel message": and no more than a few at once.
        guard (peers[id]?.openings.count ?? 0) < 10 else {
            return refuse("too many channels are being opened", message.temporaryChannelID, over: id)
        }
        if let previous = peers[id]!.openings[message.temporaryChannelID], previous.opening.isOpener {
            return refuse("temporary_channel_id is in use", message.temporaryChannelID, over: id)
        }
        guard isSynced else {
            return refuse("still following the chain: try again soon", message.temporaryChannelID, over: id)
        }
        guard hasRoom(for: node, from: peers[id]!.origin) else {
            return refuse("too many channels wait to be funded", message.temporaryChannelID, over: id)
        }
        let origin = newKeyOrigin()
        do {
            let (opening, accept) = try ChannelOpening.accept(
                message, policy: configuration.policy, keys: keys.channel(origin), keyOrigin: origin,
                remoteNodeID: node, alias: newAlias(), feeRate: feeRate)
            peers[id]!.openings[message.temporaryChannelID] = PendingOpening(
                opening: opening, request: nil, funding: nil, since: now)
            transmit(.acceptChannel(accept), over: id)
        } catch {
            refuse(error.description, message.temporaryChannelID, over: id)
        }
    }

    /// Channels of peers that have not been funded yet, and how many there may be: of one node, from one address, and in all.
    private var unfunded: [PaymentChannel] {
        channels.values.filter { !$0.parameters.isOpener && !$0.funding.wasConfirmed && !$0.isClosed }
    }
    private static let maxUnfundedOfNode = 5
    private static let maxUnfundedFromAddress = 20
    private static let maxUnfunded = 100

    /// Whether a channel of a node that it has to fund would find a place.
    private func hasRoom(for node: NodeID, from origin: AddressGroup?) -> Bool {
        let unfunded = unfunded
        let neighbours = neighbours(of: origin, unfunded)
        guard neighbours.count < Self.maxUnfundedFromAddress || evictable(neighbours) != nil else { return false }
        guard unfunded.count(where: { $0.parameters.remoteNodeID == node }) < Self.maxUnfundedOfNode else { return false }
        return unfunded.count < Self.maxUnfunded || evictable(unfunded) != nil
    }

    /// Channels that wait for their funding and came from the same address: names cost nothing, addresses a little.
    private func neighbours(of origin: AddressGroup?, _ unfunded: [PaymentChannel]) -> [PaymentChannel] {
        guard let origin, !origin.isLocal else { return [] }
        return unfunded.filter { channels.entry($0.id)?.origin == origin }
    }

    /// Where all places are taken: one that has had time to be mined, of an absent node that has nothing else with us; of the node that
    /// has most of them, the oldest.
    private func evictable(_ unfunded: [PaymentChannel]) -> ChannelID? {
        let owners = channels.owners
        let counts = Dictionary(grouping: unfunded, by: \.parameters.remoteNodeID).mapValues(\.count)
        return unfunded.filter { channel in
            let owner = channel.parameters.remoteNodeID
            return height >= channel.openedHeight + 6 && peers.connections[owner] == nil && !owners.contains(owner)
        }.max { one, two in
            let (a, b) = (counts[one.parameters.remoteNodeID] ?? 0, counts[two.parameters.remoteNodeID] ?? 0)
            return (a, two.openedHeight, two.id) < (b, one.openedHeight, one.id)
        }?.id
    }

    /// Drops a channel in which nothing of ours can be, with all that is kept of it.
    mutating func forget(_ id: ChannelID, why: String) {
        guard channels.forget(id) else { return }
        channels.backup.isOutdated = true
        batch.queue.append(.forwarder(.channelForgotten(id)))
        startup.undecided.removeAll { $0.0 == id }
        batch.effects.events.append(.note("channel \(id) is forgotten: \(why)"))
    }

    /// Whether a funding output names something that exists: no name that a peer chooses may replace or alias it.
    ///
    /// Two outpoints can make one v1 channel_id, which mixes the index into the transaction's id: so the id is looked at, not the
    /// outpoint alone. An output that another channel is claimed from is nobody's new funding either.
    private func isTaken(_ funding: OutPoint) -> Bool {
        let id = ChannelID(funding: funding)
        return id == .all || channels[id] != nil
            || peers.values.contains { $0.openings.values.contains { $0.opening.channelID == id } }
            || !channels.index.channels(fundedBy: funding).isEmpty
            || channels.values.contains { $0.close?.transaction == funding.transaction }
    }

    mutating func received(_ message: AcceptChannel, over id: ConnectionID) {
        guard var entry = peers[id]?.openings[message.temporaryChannelID] else { return }
        do {
            let output = try entry.opening.receive(message, policy: configuration.policy)
            let transaction: Transaction
            let rate = entry.fundingRate ?? feeRate
            do throws(WalletRefusal) {
                // What was there when it was asked for another opening may have taken meanwhile.
                let keeping = entry.mayUseReserve ? .zero : reserveAfterOpening(hasAnchors: entry.opening.hasAnchors)
                _ = try allowed(output.amount, to: output.script, rate, keeping: keeping)
                transaction = try coins.wallet.fund(paying: output.script, amount: output.amount, feeRate: rate, height: height)
            } catch {
                let request = entry.request
                entry.request = nil
                peers[id]!.openings[message.temporaryChannelID] = entry
                refuse("the funding transaction cannot be made", message.temporaryChannelID, over: id)
                if let request { batch.effects.answers.append((request, .failure(.wallet(error)))) }
                return
            }
            let created = entry.opening.fund(transaction, outputIndex: 0)
            // Whoever holds this id without a funding transaction guessed ours: it is not theirs.
            if let squatter = channels[entry.opening.channelID!], squatter.isForgettable {
                forget(squatter.id, why: "its funding output is ours")
            }
            guard !isTaken(OutPoint(transaction.id, 0)) else {
                coins.wallet.release(transaction)
                return refuse("the funding outpoint is in use", message.temporaryChannelID, over: id)
            }
            entry.funding = PendingFunding(transaction: transaction)
            peers[id]!.openings[message.temporaryChannelID] = nil
            // From here on the peer calls the channel by its final id.
            peers[id]!.openings[entry.opening.channelID!] = entry
            transmit(.fundingCreated(created), over: id)
        } catch {
            refuse(error.description, message.temporaryChannelID, over: id)
        }
    }

    mutating func received(_ message: FundingCreated, over id: ConnectionID) {
        guard let entry = peers[id]?.openings[message.temporaryChannelID] else {
            return reject(message.temporaryChannelID, "no such channel is being opened", over: id)
        }
        guard !isTaken(message.funding) else {
            return refuse("the funding outpoint is in use", message.temporaryChannelID, over: id)
        }
        guard let node = peers[id]?.nodeID, hasRoom(for: node, from: peers[id]!.origin) else {
            return refuse("too many channels wait to be funded", message.temporaryChannelID, over: id)
        }
        do {
            let (channel, reply) = try entry.opening.receive(message, height: height)
            peers[id]!.openings[message.temporaryChannelID] = nil
            // Only a channel that is signed for takes a place.
            let neighbours = neighbours(of: peers[id]!.origin, unfunded)
            if neighbours.count >= Self.maxUnfundedFromAddress, let oldest = evictable(neighbours) {
                forget(oldest, why: "it was never funded, and others from its address wait")
            } else if unfunded.count >= Self.maxUnfunded, let oldest = evictable(unfunded) {
                forget(oldest, why: "it was never funded, and others wait")
            }
            add(channel, from: peers[id]!.origin)
            transmit(.fundingSigned(reply), over: id)
        } catch {
            refuse(error.description, message.temporaryChannelID, over: id)
        }
    }

    mutating func received(_ message: FundingSigned, over id: ConnectionID) {
        guard let entry = peers[id]?.openings[message.channelID], let transaction = entry.funding?.transaction else { return }
        do {
            let channel = try entry.opening.receive(message, height: height)
            peers[id]!.openings[message.channelID] = nil
            add(channel)
            coins.wallet.commit(transaction)
            publish(transaction, .funding(channel.id))
            if let request = entry.request {
                batch.effects.answers.append((request, .success(.channelOpened(channel.id, funding: transaction.id))))
            }
        } catch {
            refuse(error.description, message.channelID, over: id)
        }
    }

    private mutating func add(_ channel: PaymentChannel, from origin: AddressGroup? = nil) {
        channels.insert(ChannelEntry(channel, keys: keys.channel(channel.parameters.keyOrigin), origin: origin))
        channels.nextKeyIndex = max(channels.nextKeyIndex, channel.parameters.keyOrigin.index + 1)
        batch.isMetaChanged = true
        channels.backup.isOutdated = true
        batch.effects.events.append(.channelOpening(channel.id))
    }
}
