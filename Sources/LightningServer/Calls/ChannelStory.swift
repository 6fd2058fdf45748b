import BitcoinPrimitives
import CryptoPrimitives
import LightningAPI
import LightningChannel
import LightningEnforcement
import LightningRuntime
import LightningTransactions
import LightningWire

// What became of a channel: who closed it and why, each output, and what it cost.
extension ControlAPI {
    static func story(of channel: PaymentChannel) -> JSONValue {
        var fields: [String: JSONValue] = [
            "channel_id": .string(channel.id.hex), "short_channel_id": channel.shortChannelID.map { .string($0.description) } ?? .null,
            "peer_id": .string(channel.parameters.remoteNodeID.hex), "state": .string(channel.stateName),
            "capacity_sat": .amount(channel.parameters.fundingAmount.value), "opened_by_us": .bool(channel.parameters.isOpener),
            "funding_txid": .string(channel.parameters.funding.transaction.description),
            "funding_height": channel.fundingHeight.map { .height($0) } ?? .null,
        ]
        if case .failed(let failed) = channel.phase { fields["reason"] = .string(failed.reason) }
        if let waiting = channel.waitingClose { fields["waiting_close_txid"] = .string(waiting.description) }
        guard let close = channel.close else { return .object(fields) }
        fields["close_kind"] = .string(close.kind.description)
        fields["close_txid"] = .string(close.transaction.description)
        fields["close_height"] = .height(close.height)
        fields["close_fee_sat"] = close.fee.map { .amount($0.value) } ?? .null
        if channel.commitmentBumpFee > .zero { fields["child_fee_sat"] = .amount(channel.commitmentBumpFee.value) }
        if let why = close.failure { fields["reason"] = .string(why) }
        fields["events"] = .array(events(of: close))
        fields["irrevocable_height"] = close.isAllResolved ? .height(close.irrevocableHeight) : .null
        let claims = close.claimFees.values.reduce(Satoshi.zero) { $0.saturatingAdding($1) }
        fields["claim_fees_sat"] = .amount(claims.value)
        let ours = close.outputs.reduce(Satoshi.zero) { sum, output in
            // What an HTLC transaction took is counted where it arrives.
            guard case .resolved(_, _, true) = output.status, !(output.role.isHTLC && close.kind == .localCommitment) else { return sum }
            return sum.saturatingAdding(output.output.amount)
        }
        // A mutual close pays us at once; of one whose last signature never came back only what both agreed on is known.
        let agreed = channel.localBalance.roundedDown.subtracting(channel.parameters.isOpener ? close.fee ?? .zero : .zero) ?? .zero
        fields["claimed_sat"] = .amount((close.kind == .mutual ? channel.paidByMutualClose ?? agreed : ours).value)
        return .object(fields)
    }

    /// What happened to each output, in the order of the blocks; what is still to come, last.
    private static func events(of close: ChannelClose) -> [JSONValue] {
        // What claims several outputs is paid for once.
        var fees = close.claimFees
        return close.outputs.map { output -> (height: BlockHeight, JSONValue) in
            var event: [String: JSONValue] = ["amount_sat": .amount(output.output.amount.value), "role": .string(output.role.name)]
            var height = BlockHeight.never
            switch output.status {
            case .resolved(let id, let at, let isOurs):
                height = at
                event["height"] = .height(at)
                event["what"] = .string(isOurs ? "claimed" : "taken by the peer")
                event["txid"] = .string(id.description)
                event["fee_sat"] = fees.removeValue(forKey: id).map { .amount($0.value) } ?? .null
            case .waiting(let from): event["what"] = .string(waiting(until: from, output, of: close))
            case .claiming(let id):
                event["what"] = "claim published"
                event["txid"] = .string(id.description)
                if let attempt = close.attempts.first(where: { $0.transaction.id == id }) {
                    event["fee_sat"] = .amount(attempt.fee.value)
                    event["published_at_height"] = .height(attempt.height)
                    event["num_refused"] = .integer(Int64(attempt.refusals))
                }
            case .abandoned: event["what"] = "not worth its fee"
            case .unresolved: event["what"] = "not decided"
            }
            if let expiry = close.expiry(of: output) { event["expiry"] = .height(expiry) }
            return (height, .object(event))
        }.sorted { $0.height < $1.height }.map { $0.1 }
    }
}
