import BitcoinLedger
public import BitcoinPrimitives
import LightningChain
import LightningChannel
import LightningCore
import LightningTransactions
import LightningWire

// Where the money of a world is.
extension SimulatedWorld {
    /// What a node has on chain and in channels that are not given up, whole satoshi.
    public func wealth(of index: Int) -> Satoshi {
        guard let core = nodes[index].core else { return .zero }
        let coins = core.wallet.balance(height: ledger.height)
        let inChannels = core.channels.values.filter(\.isAlive).reduce(Satoshi.zero) { $0 + $1.commitments.toLocal.roundedDown }
        return coins.confirmed + coins.unconfirmed + coins.immature + inChannels
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
