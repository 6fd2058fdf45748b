package import BitcoinPrimitives
package import LightningEnforcement
package import LightningWire

/// Everything that can happen to a channel: there is no other way to change one.
package indirect enum ChannelEvent: Sendable {
    // MARK: The peer

    /// The peer is connected again, and `init` has been exchanged.
    case connected
    /// The connection is gone.
    case disconnected
    /// The peer sent a message about this channel. One that breaks a rule is answered by `ChannelEffect.violated`, and changes nothing but
    /// where the rule says so.
    case message(LightningMessage)
    /// The peer sent an `error` for this channel.
    case error(String)

    // MARK: The owner and the node. What cannot be done is answered by `ChannelEffect.refused`, and changes nothing.

    /// To be offered to the peer. Answered by `ChannelEffect.offered`.
    case offer(HTLCOffer)
    /// What is to become of an incoming HTLC, by its id.
    case resolve(UInt64, HTLC.Resolution, attribution: [UInt8] = [])
    case setFeeRate(FeeRate)
    /// To be closed together with the peer. The script is where our money goes, a witness program; `nil` for the wallet.
    ///
    /// - `feeRate`: what we propose that the closing transaction pays; `nil` for the estimate of the time.
    case shutdown(to: Script? = nil, feeRate: FeeRate? = nil)
    /// The funding transaction, which no block holds, was double-spent by us: the channel is not to be.
    case fundingAbandoned
    /// To be closed by our commitment.
    ///
    /// - `feeRate`: what the commitment and its child are to pay together at the least; `nil` for what their deadline asks for.
    case giveUp(String, feeRate: FeeRate? = nil)
    /// The commitment of a channel that is given up, which no block holds yet, is to pay more.
    case raiseCommitmentFee(FeeRate)
    /// The end of a batch: what waits is signed.
    case sign
    /// An HTLC of ours that is no output of any commitment is failed upstream, although the peer can still take it.
    case writeOff(UInt64)
    /// The peer took what had been written off.
    case writtenOffWasTaken
    /// For whom an HTLC of ours is that a version offered which did not say so.
    case adopt(UInt64, HTLCOrigin)
    /// Where the money of a channel goes that a version closed which did not choose a script for each.
    case payTo(Script)

    // MARK: Layer 1, in this order within a block

    /// A block of the active chain holds the funding transaction.
    ///
    /// - Parameter inputs: what it spends.
    case fundingConfirmed(height: BlockHeight, transactionIndex: Int, inputs: [OutPoint])
    /// A transaction in a block spends one of `watchedOutPoints`.
    case spent(OutPoint, by: Transaction, height: BlockHeight)
    /// A transaction in layer 1's mempool spends one of `watchedOutPoints`, or an output of what waits there and spends one: it may show a preimage,
    /// and decides nothing else.
    case seen(OutPoint, by: Transaction)
    /// A block was connected, and all that it holds of this channel has been told.
    case block
    /// The chain's tip is reached: what was due in the blocks before it is done now.
    case caughtUp
    /// The block of this height left the active chain: what it had resolved is open again.
    case blockDisconnected(height: BlockHeight)

    /// The answer to `ChannelEffect.fundClaim`: the claim with the wallet's inputs signed, and its fee; `nil` where the wallet has too little.
    case claimFunded(ClaimFunding, (transaction: Transaction, fee: Satoshi)?)
    /// Layer 1 does not take a claim, for Bitcoin Core's reason.
    case claimRefused(TransactionID, String)

    // MARK: The store

    /// The node has started again from its store.
    ///
    /// - Parameter isProven: whether the store is known to be the newest there is: else it may be an old copy.
    case restarted(isProven: Bool = true)
    /// The owner knows that the store is the newest there is.
    case vouched
    /// Something shows that the store is an old copy.
    case doubted
    /// The answer to `ChannelEffect.needsRevokedHTLCs`.
    case revokedHTLCs(RevokedHTLCQuery, [(key: [UInt8], record: [UInt8])])
}

extension PaymentChannel {
    /// The only door: takes what happened, and says what is to be done about it.
    package mutating func handle(_ event: ChannelEvent, _ environment: ChannelEnvironment) -> [ChannelEffect] {
        switch event {
        case .connected: return connect(environment)
        case .disconnected: return disconnect()
        case .message(let message):
            do throws(ProtocolViolation) { return try receive(message, environment) } catch { return [.violated(error)] }
        // BOLT 1: "MUST fail the channel referred to by channel_id".
        case .error(let text): return fail("the peer reports: \(text)", environment, sendingError: false)
        case .offer(let offer): return Self.orRefused { () throws(ChannelRefusal) in try self.offer(offer, estimate: environment.feeRate) }
        case .resolve(let id, let resolution, let attribution):
            return Self.orRefused { () throws(ChannelRefusal) in try resolve(id, resolution, attribution: attribution, environment) }
        case .setFeeRate(let rate):
            return Self.orRefused { () throws(ChannelRefusal) in try setFeeRate(rate, estimate: environment.feeRate) }
        case .shutdown(let script, let rate):
            return Self.orRefused { () throws(ChannelRefusal) in try shutdown(to: script, feeRate: rate, environment) }
        case .fundingAbandoned: return abandonFunding(environment)
        case .giveUp(let why, let feeRate): return fail(why, environment, feeRate: feeRate)
        case .raiseCommitmentFee(let rate): return raiseCommitmentFee(to: rate, environment)
        case .sign: return flush(environment)
        case .writeOff(let id): writeOff(id)
        case .writtenOffWasTaken: noteTakenWrittenOff()
        case .adopt(let id, let origin): adopt(id, origin)
        case .payTo(let script): sweepScript = script
        case .fundingConfirmed(let height, let index, let inputs):
            return fundingConfirmed(height: height, transactionIndex: index, spending: inputs, environment)
        case .spent(let outPoint, let transaction, let height):
            return spent(outPoint, by: transaction, height: height, environment)
        case .seen(let outPoint, let transaction): return seen(outPoint, by: transaction, environment)
        case .block: return newBlock(environment)
        case .caughtUp: return catchUp(environment)
        case .blockDisconnected(let height): return disconnectedBlock(height: height)
        case .claimFunded(let funding, let answer): return claimFunded(funding, answer, environment)
        case .claimRefused(let id, let reason): claimRefused(id, reason)
        case .restarted(let isProven):
            if !isProven { doubt() }
            return restart(environment)
        case .vouched: return believe(isEnough: true, environment)
        case .doubted: doubt(isKnown: true)
        case .revokedHTLCs(let query, let records): return takeRevoked(query, records, environment)
        }
        return []
    }

    private static func orRefused(_ body: () throws(ChannelRefusal) -> [ChannelEffect]) -> [ChannelEffect] {
        do throws(ChannelRefusal) { return try body() } catch { return [.refused(error)] }
    }

    /// BOLT 2: what was not signed before the restart did not happen, for the connection ended with it.
    private mutating func restart(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        knowHTLCsOfOldRecord(environment)
        let effects = withdrawUnsigned() + wantRevoked()
        if isOpen { noteDepth(environment) }
        return effects
    }
}
