public import BitcoinPrimitives
package import CryptoPrimitives
import LightningEnforcement
public import LightningTransactions
public import LightningWire

/// One channel's whole life as a value, from the moment its funding transaction may be published.
///
/// Events go in, effects come out; `drainWrites` says what has to be stored before any of them may leave.
public struct PaymentChannel: Sendable {
    /// How far the conversation with the peer has come since the last connection.
    public enum Connection: Hashable, Sendable {
        /// There is no connection, or `init` is still to come.
        case disconnected
        /// We sent `channel_reestablish` and wait for the peer's.
        case awaitingReestablish
        /// Both sides have said `channel_reestablish`, or the channel is new.
        case established
    }

    /// What both sides agreed on when it was opened.
    public internal(set) var parameters: ChannelParameters
    package internal(set) var commitments: CommitmentState
    /// What it is doing.
    public internal(set) var phase = Phase.live(.confirming(Confirming())) { didSet { revision &+= 1 } }
    /// How far the conversation with the peer has come.
    public internal(set) var connection: Connection

    /// The funding transactions, and what the chain says of them.
    package internal(set) var fundings: FundingSet { didSet { revision &+= 1 } }
    /// The name the peer gave the channel for our invoices' hints.
    public internal(set) var remoteAlias: ShortChannelID? { didSet { revision &+= 1 } }
    /// Another number whenever the phase, the funding or the peer's alias may have changed: what the channel is found by, and what it watches.
    public private(set) var revision = 0
    /// Whether the peer has named the channel over this connection.
    var wasToldAlias = false
    /// Whether the peer has taken an HTLC after it had been written off: nothing more is written off in its favour.
    public internal(set) var hasTakenWrittenOff = false
    /// Whether its state is lost, and what is left of it came out of a backup: its balance is not known.
    public internal(set) var isRecovered = false
    /// Whether our data may be older than what the peer has: our commitment may be revoked, and is not published.
    public internal(set) var isPossiblyBehind = false
    /// Whether they are known to be older than something: then no word of the peer is enough, but a commitment that is newer than all of them.
    package internal(set) var isKnownOld = false
    /// The height at which the channel was opened: the fundee forgets it 2016 blocks later.
    public internal(set) var openedHeight: BlockHeight

    /// The heights at which HTLCs of the peer were fulfilled, of this run: it is given the time of a block or two to settle.
    var fulfilledHeights: [HTLC.Key: BlockHeight] = [:]

    /// The peer's commitment, as it waits in layer 1's mempool while ours is published: whichever is mined, our HTLCs need it in time.
    var seenCommitment: Transaction? { didSet { if oldValue != seenCommitment { isChanged = true } } }

    /// Where its money goes on chain: an address of the wallet, taken when the first of it goes there.
    public internal(set) var sweepScript: Script?

    /// HTLCs that are gone but stand in commitments the remote could still publish.
    var revokedHTLCs = RevokedHTLCLog(count: 0)

    // What `drainWrites` will report.
    var isChanged = true
    /// The height at which it was last said that the wallet cannot pay for a claim.
    var unfundedAlert: BlockHeight?
    /// The height at which it was last said that our commitment is not published.
    var unpublishedAlert: BlockHeight?
    /// Whether the HTLCs of revoked commitments are not wanted any more.
    var forgetsRevoked = false
    var changedHTLCs: Set<HTLC.Key> = []
    var removedHTLCs: Set<HTLC.Key> = []

    /// Our unsigned current commitment, kept because it is needed again and costly to build.
    private(set) var localCommitmentCache: CommitmentTransaction?

    init(
        parameters: ChannelParameters, commitments: CommitmentState, fundingTransaction: Transaction?,
        openedHeight: BlockHeight, connection: Connection
    ) {
        self.parameters = parameters
        self.commitments = commitments
        fundings = FundingSet(latest: Funding(outPoint: parameters.funding, transaction: fundingTransaction))
        self.openedHeight = openedHeight
        self.connection = connection
    }

    /// By which both peers know it.
    public var id: ChannelID { parameters.channelID }

    // MARK: What others may know

    /// Whether payments can be sent now.
    public var isUsable: Bool {
        phase == .live(.normal) && funding.isDeep && connection == .established
    }

    /// The funding transaction that counts.
    public internal(set) var funding: Funding {
        get { fundings.latest }
        set { fundings.latest = newValue }
    }

    /// What is ours in the channel, and the peer's: what HTLCs under way have not moved yet is still with who offered them.
    public var localBalance: MilliSatoshi { commitments.toLocal }
    /// What is the peer's.
    public var remoteBalance: MilliSatoshi { commitments.toRemote }
    /// HTLCs under way, of both sides.
    public var htlcCount: Int { commitments.htlcs.count }

    /// The channel's name by its place in the chain, once its funding transaction is in a block.
    public var shortChannelID: ShortChannelID? { funding.shortChannelID }
    /// The height of the block that holds the funding transaction.
    public var fundingHeight: BlockHeight? { funding.height }

    /// The fee rate of the commitments.
    public var feeRate: FeeRate { commitments.feeRate }

    /// The name by which invoices and onions call the channel: the real one, or the alias before it is known.
    public var displayID: ShortChannelID { shortChannelID ?? parameters.localAlias }

    /// Incoming HTLCs that are irrevocably committed and wait for a decision, the oldest first.
    ///
    /// Once the channel is given up, those that can still be claimed on chain.
    package var undecidedHTLCs: [HTLC] {
        commitments.orderedHTLCs.filter { htlc in
            guard htlc.state == .receivedAddAckRevocation, htlc.resolution == nil else { return false }
            return switch phase {
            case .live, .failed: true
            case .closing(let closing): closing.close.isClaimable(htlc.key)
            case .dataLost, .closed: false
            }
        }
    }

    // MARK: Commitments

    /// Our current commitment transaction, unsigned.
    mutating func localCommitment(_ keys: ChannelKeys) -> CommitmentTransaction {
        if let cache = localCommitmentCache, cache.contents.number == commitments.localNumber { return cache }
        let built = parameters.commitment(
            holderIsLocal: true, point: keys.perCommitmentPoint(commitments.localNumber),
            contents: commitments.contents(.local, number: commitments.localNumber))
        localCommitmentCache = built
        return built
    }

    mutating func remember(_ commitment: CommitmentTransaction) { localCommitmentCache = commitment }

    /// Our current commitment with both signatures. Publishing it closes the channel.
    package mutating func signedLocalCommitment(_ keys: ChannelKeys) -> Transaction {
        let commitment = localCommitment(keys)
        return commitment.signed(
            holder: keys.funding.sign(commitment.signatureHash()), counterparty: commitments.signature)
    }

    /// The HTLC transactions of our current commitment, and the peer's signature of each: what its HTLC outputs go to next.
    package mutating func localHTLCTransactions(_ keys: ChannelKeys) -> [(step: HTLCTransaction, peerSignature: ECDSASignature)] {
        zip(localCommitment(keys).htlcTransactions(), commitments.htlcSignatures).map { ($0, $1) }
    }

    /// The script for our money on chain; the same from the first use on.
    mutating func takeSweepScript(_ environment: ChannelEnvironment) -> Script {
        if let sweepScript { return sweepScript }
        sweepScript = environment.sweepScript
        isChanged = true
        return environment.sweepScript
    }

    // MARK: Writes

    mutating func changed(_ htlcs: [HTLC]) {
        for htlc in htlcs {
            if htlc.state.isGone {
                changedHTLCs.remove(htlc.key)
                removedHTLCs.insert(htlc.key)
            } else {
                changedHTLCs.insert(htlc.key)
                removedHTLCs.remove(htlc.key)
            }
        }
        isChanged = true
    }

    // MARK: Messages

    /// Takes a message of the peer about this channel.
    ///
    /// - Throws: what the peer did wrong; the channel is as before, except where the text says otherwise.
    mutating func receive(
        _ message: LightningMessage, _ environment: ChannelEnvironment
    ) throws(ProtocolViolation) -> [ChannelEffect] {
        switch phase {
        case .failed(let failed):
            // BOLT 2: "SHOULD retransmit the error packet and ignore any other packets for that channel". It is the answer to a peer that
            // takes the channel for a living one; unasked it would end the connection of a peer that does not know the channel any more.
            guard case .channelReestablish(let body) = message else { return [] }
            return judge(body, failed, environment)
        case .closing, .closed:
            if case .channelReestablish = message { return [sendError("the channel is closed")] }
            return []
        case .dataLost:
            // Again: a peer that does not keep what it was told would wait for us, and only it can close.
            if case .channelReestablish = message { return [sendError(Self.dataLossText)] }
            return []
        case .live: break
        }
        if case .channelReestablish(let body) = message { return try reestablish(body, environment) }
        guard connection == .established else {
            throw .beforeReestablish
        }
        switch message {
        case .channelReady(let body): return try receiveReady(body, environment)
        case .updateAddHTLC(let body): return try receiveAdd(body, environment)
        case .updateFulfillHTLC(let body):
            return try receiveRemoval(body.id, .fulfilled(body.paymentPreimage), attribution: body.tlvs[1] ?? [])
        case .updateFailHTLC(let body): return try receiveRemoval(body.id, .failed(reason: body.reason), attribution: body.tlvs[1] ?? [])
        case .updateFailMalformedHTLC(let body):
            // BOLT 2: "if the BADONION bit in failure_code is not set for update_fail_malformed_htlc: MUST send a warning and
            // close the connection, or send an error and fail the channel".
            guard body.failureCode & 0x8000 != 0 else { throw .malformedWithoutBADONION }
            return try receiveRemoval(body.id, .malformed(onionHash: body.onionHash, code: body.failureCode))
        case .updateFee(let body): return try receiveFee(body, environment)
        case .commitmentSigned(let body): return try receiveCommitment(body, environment)
        case .revokeAndAck(let body): return try receiveRevocation(body, environment)
        case .shutdown(let body): return try receiveShutdown(body, environment)
        case .closingSigned(let body): return try receiveClosingSigned(body, environment)
        // Taken above.
        case .channelReestablish: return []
        // Of features that are not offered.
        case .closingComplete, .closingSig, .startBatch: return []
        // Not about a channel that exists.
        case .initialize, .error, .warning, .ping, .pong, .peerStorage, .peerStorageRetrieval, .openChannel, .acceptChannel,
            .fundingCreated, .fundingSigned, .announcementSignatures, .channelAnnouncement, .nodeAnnouncement, .channelUpdate,
            .queryShortChannelIDs, .replyShortChannelIDsEnd, .queryChannelRange, .replyChannelRange, .gossipTimestampFilter, .onionMessage,
            .towerStore, .towerStored, .towerRefused, .towerForget, .towerForgotten, .unknown:
            return []
        }
    }

    func sendError(_ text: String) -> ChannelEffect {
        .send(.error(ErrorMessage(channelID: id, text: text)))
    }

    /// The connection is gone: HTLCs that no commitment of the peer holds yet are taken back, so that they can go elsewhere.
    mutating func disconnect() -> [ChannelEffect] {
        dropConnection()
        return withdrawUnsigned()
    }

    /// Takes back the HTLCs of ours that were never signed for: no commitment holds them, and so nobody can take them.
    ///
    /// BOLT 2: the peer forgets them with the connection.
    mutating func withdrawUnsigned() -> [ChannelEffect] {
        // They are the last ones: their ids will be used again.
        let unsigned = commitments.orderedHTLCs.filter { $0.state == .sentAddHTLC }
        guard !unsigned.isEmpty else { return [] }
        for htlc in unsigned {
            commitments.htlcs[htlc.key] = nil
            changedHTLCs.remove(htlc.key)
            removedHTLCs.insert(htlc.key)
        }
        commitments.nextLocalID -= UInt64(unsigned.count)
        isChanged = true
        return unsigned.map { .withdrawn(id: $0.id, $0.paymentHash, origin: $0.origin) }
    }

    /// The conversation is over: what no commitment holds did not happen. Our own updates of that kind are taken back.
    mutating func dropUncommitted() -> [ChannelEffect] {
        commitments.forgetUncommittedRemoteUpdates()
        return withdrawUnsigned()
    }

    mutating func dropConnection() {
        connection = .disconnected
        phase.live.dropNegotiation()
        guard isAlive else { return }
        commitments.forgetUncommittedRemoteUpdates()
    }

    /// Whether there is nothing of ours in the channel that anybody could lose: its peer opened it, and no block has ever held the
    /// funding transaction.
    ///
    /// Money at risk: what the opener pushed to us. Should the funding transaction confirm after all, our output of the peer's
    /// commitment is found by the node's keys alone.
    public var isForgettable: Bool { !parameters.isOpener && !funding.wasConfirmed && commitments.htlcs.isEmpty && close == nil }

    // MARK: Blocks

    /// A block was connected; `environment.height` is its height. To be called after what it confirms and spends.
    mutating func newBlock(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        switch phase {
        case .live, .failed:
            let ended = endIfConflictIsFinal(environment)
            guard ended.isEmpty else { return ended }
        case .dataLost, .closing, .closed: break
        }
        return switch phase {
        case .live: isConfirming ? confirmingBlock(environment) : normalBlock(environment)
        case .failed(let failed): failedBlock(failed, environment)
        case .closing: closingBlock(environment)
        case .closed(let closing): closedBlock(closing, environment)
        case .dataLost: []
        }
    }
}
