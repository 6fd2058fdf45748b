import BitcoinLedger
public import BitcoinPrimitives
import LightningChain
import LightningChannel
import LightningCore
import LightningTransactions
public import LightningWire

// Where the money of a world is.
extension SimulatedWorld {
    /// What a node has on chain and in channels that are not given up, whole satoshi.
    public func wealth(of index: Int) -> Satoshi {
        guard let core = nodes[index].core else { return .zero }
        let coins = core.wallet.balance(height: ledger.height)
        let inChannels = core.channels.values.filter(\.isAlive).reduce(Satoshi.zero) { $0 + $1.commitments.toLocal.roundedDown }
        return coins.confirmed + coins.unconfirmed + coins.immature + inChannels
    }

    /// A channel as one of its ends sees it.
    public struct ChannelView: Hashable, Sendable {
        /// Which one.
        public var id: ChannelID
        /// The other end's number.
        public var peer: Int?
        /// What both have together, with HTLCs and what a close costs.
        public var capacity: Satoshi
        /// What this end has.
        public var local: MilliSatoshi
        /// What the other end has.
        public var remote: MilliSatoshi
        /// HTLCs under way.
        public var htlcs: Int
        /// Whether payments go over it: it is neither being opened nor closed.
        public var isOpen: Bool
    }

    /// A node's channels, as they stand in it; none while it is down.
    public func channels(of index: Int) -> [ChannelView] {
        (nodes[index].core?.channels.ordered ?? []).map { channel in
            ChannelView(
                id: channel.id, peer: nodes.firstIndex { $0.nodeID == channel.parameters.remoteNodeID },
                capacity: channel.parameters.fundingAmount, local: channel.commitments.toLocal, remote: channel.commitments.toRemote,
                htlcs: channel.commitments.htlcs.count, isOpen: channel.isOpen)
        }
    }

    /// What all nodes think of their channel is the same, and adds up to its capacity.
    public func checkAgreement(_ first: Int, _ second: Int) throws(InvariantViolation) {
        guard let one = nodes[first].core, let two = nodes[second].core else { return }
        for (id, channel) in one.channels.sorted(by: { $0.key < $1.key }) {
            guard let other = two.channels[id] else { throw violation("channel \(id) exists on one side only") }
            let (a, b) = (channel.commitments, other.commitments)
            guard a.localNumber == b.remoteNumber, a.remoteNumber == b.localNumber else {
                throw violation(
                    "commitment numbers \(a.localNumber)/\(a.remoteNumber) against \(b.remoteNumber)/\(b.localNumber)")
            }
            guard a.toLocal == b.toRemote, a.toRemote == b.toLocal else { throw violation("balances differ") }
            guard a.htlcs.count == b.htlcs.count else { throw violation("HTLCs differ") }
            guard a.toLocal.adding(a.toRemote) == MilliSatoshi(channel.parameters.fundingAmount) else {
                throw violation("money appeared or vanished: \(a.toLocal) + \(a.toRemote)")
            }
        }
    }
}
