import BitcoinPrimitives
import LightningEnforcement
import LightningTransactions
import LightningWire

// A record that was damaged, or made by hand, is refused when the node starts: what a channel computes later takes for granted that its
// amounts, numbers and secrets fit together.
extension PaymentChannel {
    /// - Throws: what of the record contradicts the rest of it.
    func checkRecord() throws(DecodingFailure) {
        func require(_ isRight: Bool, _ what: String) throws(DecodingFailure) {
            guard isRight else { throw .invalid("\(what) of a channel record") }
        }
        let state = commitments
        try require(parameters.fundingAmount.isMoney, "amount")
        let capacity = MilliSatoshi(parameters.fundingAmount)
        try require(parameters.push <= capacity, "amount")
        try require(parameters.channelID == ChannelID(funding: parameters.funding), "channel_id")
        try require(parameters.keyOrigin.index < 1 << 40, "key index")
        for terms in [parameters.local, parameters.remote] {
            try require(terms.dustLimit.isMoney && terms.channelReserve.isMoney && terms.maxAcceptedHTLCs <= 483, "terms")
        }
        // Every millisatoshi of the channel is on one side or the other.
        try require(state.toLocal.adding(state.toRemote) == capacity, "balance")
        let last = PerCommitmentSecret.firstIndex - 1
        try require(state.localNumber < last && state.remoteNumber < last, "commitment number")
        try require(
            state.remoteNumber == 0
                || state.remoteSecrets.secret(index: PerCommitmentSecret.index(commitment: state.remoteNumber - 1)) != nil, "secrets")
        try require(ChannelLimits.feeRates.contains(max(state.feeRate, .floor)) && state.feeUpdates.count <= 1000, "fee rate")
        for htlc in state.htlcs.values {
            let isOurs = htlc.state.isOfferedByLocal
            try require(htlc.state != .receivedAddHTLC && htlc.amount > .zero && htlc.cltvExpiry.isBlock, "HTLC")
            // Once an HTLC is answered its onion is not kept.
            try require(
                (htlc.onion.isEmpty || htlc.onion.count == 1366) && htlc.id < (isOurs ? state.nextLocalID : state.nextRemoteID), "HTLC")
        }
        // Neither side has promised more than it has, nor more than it is about to have.
        for view in HTLCState.View.allCases { try require(state.balances(view) != nil, "HTLCs") }
        if let close {
            try require(close.outputs.allSatisfy { $0.output.amount.isMoney } && close.commitmentNumber ?? 0 <= last, "close")
        }
    }
}
