public import BitcoinPrimitives
package import LightningChain
import LightningChannel
import LightningEnforcement
import LightningTransactions
package import LightningWire

/// What opening a channel, or sending, would come to, worked out by what does it.
public struct OpenQuote: Hashable, Sendable {
    /// What would be in the channel, or arrive.
    public var amount: Satoshi
    /// What the transaction would pay.
    public var fee: Satoshi
    /// The rate of that.
    public var feeRate: FeeRate
    /// Virtual bytes of the transaction.
    public var virtualSize: Int
    /// What would be left on chain.
    public var left: Satoshi
    /// What of it would be kept for the claims of channels that close without their peers.
    public var reserve: Satoshi
}

/// What closing a channel together with its peer would come to, if the peer agrees to the fee.
public struct CloseQuote: Hashable, Sendable {
    /// What would come back.
    public var toLocal: Satoshi
    /// What the closing transaction would pay.
    public var fee: Satoshi
    /// Whether that is out of our side: we opened the channel.
    public var isFeeOurs: Bool
    /// HTLCs that have to be settled before.
    public var htlcs: Int
    /// Virtual bytes of the closing transaction.
    public var virtualSize: Int
}

extension NodeCore {
    /// What opening a channel would come to now.
    ///
    /// - Parameter amount: `nil` for all that can be spent.
    package func openQuote(_ amount: Satoshi?, _ choice: FeeChoice?, mayUseReserve: Bool) throws(WalletRefusal) -> OpenQuote {
        let keeping = reserveAfterOpening(hasAnchors: configuration.policy.channelType.hasAnchors)
        // As long as any funding output's.
        return try quote(amount, to: .p2wsh(Script()), choice, keeping: keeping, mayUseReserve: mayUseReserve)
    }

    /// What sending would come to now.
    ///
    /// - Parameter amount: `nil` for all that can be spent.
    package func sendQuote(_ amount: Satoshi?, to script: Script, _ choice: FeeChoice?, mayUseReserve: Bool) throws(WalletRefusal)
        -> OpenQuote
    {
        try quote(amount, to: script, choice, keeping: reserve, mayUseReserve: mayUseReserve)
    }

    private func quote(
        _ amount: Satoshi?, to script: Script, _ choice: FeeChoice?, keeping: Satoshi, mayUseReserve: Bool
    ) throws(WalletRefusal) -> OpenQuote {
        let rate = try rate(choice)
        let wanted = try allowed(amount, to: script, rate, keeping: mayUseReserve ? .zero : keeping)
        var trial = coins.wallet
        let before = trial.spendable(height: height)
        let transaction = try trial.fund(paying: script, amount: wanted ?? amount, feeRate: rate, height: height)
        let change = transaction.outputs.dropFirst().reduce(Satoshi.zero) { $0.saturatingAdding($1.amount) }
        let left = trial.spendable(height: height).saturatingAdding(change)
        let amount = transaction.outputs[0].amount
        return OpenQuote(
            amount: amount, fee: before.subtracting(left.saturatingAdding(amount)) ?? .zero, feeRate: rate,
            virtualSize: transaction.virtualSize, left: left, reserve: min(left, keeping))
    }

    /// What closing a channel together with its peer would come to now; `nil` for one that cannot be closed so.
    package func closeQuote(of id: ChannelID, _ choice: FeeChoice?) throws(WalletRefusal) -> CloseQuote? {
        let rate = choice == nil ? nil : try rate(choice)
        guard let channel = channels[id], let environment = environment(id) else { return nil }
        guard let quote = channel.closeQuote(feeRate: rate, environment) else { return nil }
        return CloseQuote(
            toLocal: quote.toLocal, fee: quote.fee, isFeeOurs: channel.parameters.isOpener, htlcs: channel.htlcCount,
            virtualSize: (quote.weight + 3) / 4)
    }
}
