public import BitcoinPrimitives
package import CryptoPrimitives
package import LightningTransactions
public import LightningWire

/// What this node demands of channels, and offers for them.
public struct ChannelPolicy: Sendable {
    /// On which channels are opened, and accepted.
    public var network: Network = .regtest
    /// `dust_limit_satoshis`: smaller outputs are left out of our commitments, and go to fees.
    public var dustLimit = Satoshi(546)
    /// `max_htlc_value_in_flight_msat`: the peer may have no more under way to us.
    public var maxHTLCValueInFlight = MilliSatoshi(Satoshi(20_000_000_000))
    /// `htlc_minimum_msat`: smaller HTLCs are not accepted.
    public var htlcMinimum = MilliSatoshi(1)
    /// `to_self_delay`, in blocks: so long the peer waits for its money after it has closed alone, the time we have for a penalty.
    public var toSelfDelay: UInt16 = 144
    /// `max_accepted_htlcs`: 483 at most.
    public var maxAcceptedHTLCs: UInt16 = 483
    /// Confirmations that we ask for when the other side opens.
    public var minimumDepth: UInt32 = 3
    /// The smallest channel we accept.
    public var minimumFunding = Satoshi(20_000)
    /// The longest delay of our own money that we accept, in blocks.
    public var maxToSelfDelay: UInt16 = 2016
    /// The type that is proposed.
    public var channelType = ChannelType.anchors
    /// Whether we accept 2^24 satoshi and more.
    public var allowsLargeChannels = true

    /// What a node asks for without being told otherwise.
    public init() {}

    /// BOLT 2: "1% of the channel total is suggested".
    func reserve(_ funding: Satoshi, peerDustLimit: Satoshi) -> Satoshi {
        max(Satoshi(funding.value / 100), dustLimit, peerDustLimit)
    }

    func terms(funding: Satoshi, peerDustLimit: Satoshi, keys: ChannelKeys) -> ChannelTerms {
        ChannelTerms(
            dustLimit: dustLimit, maxHTLCValueInFlight: maxHTLCValueInFlight,
            channelReserve: reserve(funding, peerDustLimit: peerDustLimit), htlcMinimum: htlcMinimum,
            toSelfDelay: toSelfDelay, maxAcceptedHTLCs: maxAcceptedHTLCs, keys: keys.basepoints,
            firstPerCommitmentPoint: keys.perCommitmentPoint(0), upfrontShutdownScript: nil)
    }

    /// The highest dust limit that a peer may have: three times BOLT 3's lowest for the outputs that commitments of the type have.
    ///
    /// Money at risk: in the peer's commitment everything of ours below it goes to fees, and no HTLC below it can be enforced.
    static func maximumDustLimit(_ type: ChannelType) -> Satoshi { type.hasAnchors ? Satoshi(3 * 354) : Satoshi(3 * 546) }

    /// What both sides check of the other's terms (BOLT 2 "open_channel" and "accept_channel").
    func check(
        _ terms: ChannelTerms, funding: Satoshi, type: ChannelType, ours: ChannelTerms?
    ) throws(ProtocolViolation) {
        if let script = terms.upfrontShutdownScript, !script.bytes.isEmpty, !PaymentChannel.isAllowed(script, anySegwit: true) {
            throw .upfrontScriptNotAllowed(length: script.bytes.count)
        }
        guard terms.toSelfDelay <= maxToSelfDelay else {
            throw .toSelfDelayTooLong(terms.toSelfDelay)
        }
        guard terms.maxAcceptedHTLCs <= 483 else { throw .maxAcceptedHTLCsTooLarge }
        guard terms.maxAcceptedHTLCs > 0 else { throw .maxAcceptedHTLCsIsZero }
        guard terms.dustLimit <= terms.channelReserve || ours != nil else {
            throw .dustLimitAboveReserve
        }
        guard terms.dustLimit >= Satoshi(354) else { throw .dustLimitTooLow }
        guard terms.dustLimit <= Self.maximumDustLimit(type) else {
            throw .dustLimitTooHigh(maximum: Self.maximumDustLimit(type))
        }
        guard terms.channelReserve.value <= funding.value / 5 else {
            throw .reserveTooLarge
        }
        guard terms.htlcMinimum.roundedDown.value <= funding.value / 100 else {
            throw .htlcMinimumTooLarge
        }
        guard terms.maxHTLCValueInFlight.value >= 1_000_000 else {
            throw .maxInFlightTooSmall
        }
    }
}

/// A channel that is being opened, before its funding outpoint is known to both sides.
///
/// Nothing is stored: BOLT 2 lets both sides forget it when the connection is lost.
package struct ChannelOpening: Sendable {
    private enum Step: Sendable {
        case sentOpen(OpenChannel)
        /// Accepted; waits for the wallet to build the funding transaction.
        case readyToFund(OpenChannel, AcceptChannel)
        case sentFundingCreated(OpenChannel, AcceptChannel, Transaction?, OutPoint)
        case sentAccept(OpenChannel, AcceptChannel)
    }

    private var step: Step
    package let temporaryChannelID: ChannelID
    package let keyOrigin: ChannelKeyOrigin
    private let keys: ChannelKeys
    private let remoteNodeID: NodeID
    private let alias: ShortChannelID

    private init(
        step: Step, temporaryChannelID: ChannelID, keyOrigin: ChannelKeyOrigin, keys: ChannelKeys, remoteNodeID: NodeID,
        alias: ShortChannelID
    ) {
        self.step = step
        self.temporaryChannelID = temporaryChannelID
        self.keyOrigin = keyOrigin
        self.keys = keys
        self.remoteNodeID = remoteNodeID
        self.alias = alias
    }

    /// A peer whose keys are ours cannot use them: whoever names them wants one thing to be taken for another.
    private static func checkKeys(_ theirs: ChannelBasepoints, _ ours: ChannelBasepoints) throws(ProtocolViolation) {
        func all(_ keys: ChannelBasepoints) -> Set<PublicKey> {
            [keys.funding, keys.revocation, keys.payment, keys.delayedPayment, keys.htlc]
        }
        guard all(theirs).isDisjoint(with: all(ours)) else { throw .keysOfOurs }
    }

    package var isOpener: Bool {
        if case .sentAccept = step { return false }
        return true
    }

    /// Whether the commitments will have anchors.
    package var hasAnchors: Bool {
        switch step {
        case .sentOpen(let open), .readyToFund(let open, _), .sentFundingCreated(let open, _, _, _), .sentAccept(let open, _):
            open.channelType?.hasAnchors ?? false
        }
    }

    // MARK: The side that opens

    /// Starts to open a channel.
    package static func open(
        amount: Satoshi, push: MilliSatoshi, feeRate: FeeRate, announce: Bool, policy: ChannelPolicy,
        keys: ChannelKeys, keyOrigin: ChannelKeyOrigin, remoteNodeID: NodeID, temporaryID: Bytes32, alias: ShortChannelID
    ) throws(ChannelRefusal) -> (ChannelOpening, OpenChannel) {
        guard amount >= policy.minimumFunding else { throw .belowMinimum(MilliSatoshi(policy.minimumFunding)) }
        let cost = CommitmentFees.openerCost(feeRate, hasAnchors: policy.channelType.hasAnchors, untrimmed: 0)
        let reserve = policy.reserve(amount, peerDustLimit: policy.dustLimit)
        guard let left = MilliSatoshi(amount).subtracting(push), left >= MilliSatoshi(cost + reserve) else {
            throw .insufficientBalance(
                spendable: MilliSatoshi(amount).saturatingSubtracting(MilliSatoshi(cost + reserve)))
        }
        let message = OpenChannel(
            chainHash: policy.network.chainHash, temporaryChannelID: ChannelID(temporaryID), fundingAmount: amount,
            push: push, feeRate: feeRate, channelFlags: announce ? 1 : 0,
            terms: policy.terms(funding: amount, peerDustLimit: policy.dustLimit, keys: keys),
            channelType: policy.channelType)
        let opening = ChannelOpening(
            step: .sentOpen(message), temporaryChannelID: message.temporaryChannelID, keyOrigin: keyOrigin, keys: keys,
            remoteNodeID: remoteNodeID, alias: alias)
        return (opening, message)
    }

    /// The peer accepted: checks its terms and says what the wallet has to fund.
    package mutating func receive(
        _ accept: AcceptChannel, policy: ChannelPolicy
    ) throws(ProtocolViolation) -> TransactionOutput {
        guard case .sentOpen(let open) = step else { throw .outOfTurn(.acceptChannel) }
        let type = try Self.channelType(accept.tlvs, .acceptChannel)
        let accept = accept.essential
        guard type == open.channelType else { throw .otherChannelType }
        guard accept.minimumDepth <= 144 else { throw .minimumDepthTooLarge }
        try policy.check(accept.terms, funding: open.fundingAmount, type: type, ours: open.terms)
        try Self.checkKeys(accept.terms.keys, keys.basepoints)
        guard accept.terms.channelReserve >= open.terms.dustLimit else {
            throw .reserveBelowOurDustLimit
        }
        guard open.terms.channelReserve >= accept.terms.dustLimit else {
            throw .dustLimitAboveOurReserve
        }
        step = .readyToFund(open, accept)
        let script = ChannelScripts.funding(open.terms.keys.funding, accept.terms.keys.funding)
        return TransactionOutput(open.fundingAmount, .p2wsh(script))
    }

    /// The wallet built and signed the funding transaction; it must not be published yet.
    package mutating func fund(_ transaction: Transaction, outputIndex: UInt32) -> FundingCreated {
        fund(OutPoint(transaction.id, outputIndex), transaction)
    }

    /// Names a funding output; for adversaries in simulations also one whose transaction they do not have.
    package mutating func fund(_ funding: OutPoint, _ transaction: Transaction? = nil) -> FundingCreated {
        guard case .readyToFund(let open, let accept) = step else { preconditionFailure("funding out of turn") }
        step = .sentFundingCreated(open, accept, transaction, funding)
        let parameters = parameters(open, accept, funding: funding)
        let commitment = Self.firstCommitment(parameters, holderIsLocal: false, accept.terms.firstPerCommitmentPoint)
        return FundingCreated(
            temporaryChannelID: temporaryChannelID, funding: funding,
            signature: keys.funding.sign(commitment.signatureHash()))
    }

    /// The id the channel will have, once the funding outpoint is known.
    package var channelID: ChannelID? {
        if case .sentFundingCreated(_, _, _, let funding) = step { return ChannelID(funding: funding) }
        return nil
    }

    /// The peer signed our first commitment: the funding transaction can be published.
    package func receive(_ message: FundingSigned, height: BlockHeight) throws(ProtocolViolation) -> PaymentChannel {
        guard case .sentFundingCreated(let open, let accept, let transaction, let funding) = step else {
            throw .outOfTurn(.fundingSigned)
        }
        let parameters = parameters(open, accept, funding: funding)
        let commitment = Self.firstCommitment(parameters, holderIsLocal: true, keys.perCommitmentPoint(0))
        guard let signature = message.signature.parsed,
            signature.verify(commitment.signatureHash(), key: accept.terms.keys.funding)
        else { throw .invalidSignature(.fundingSigned) }
        return channel(parameters, signature, funding: transaction, height: height)
    }

    /// The `channel_type` of a message, in its shortest form.
    private static func channelType(_ tlvs: TLVStream, _ message: ProtocolViolation.Message) throws(ProtocolViolation) -> ChannelType {
        guard let bytes = tlvs[1] else { throw .missingChannelType(message) }
        guard bytes.count <= ChannelType.maximumLength else { throw .oversizeChannelType(length: bytes.count) }
        return ChannelType(FeatureBits(bytes))
    }

    // MARK: The side that accepts

    /// Judges an `open_channel` and answers it.
    package static func accept(
        _ open: OpenChannel, policy: ChannelPolicy, keys: ChannelKeys, keyOrigin: ChannelKeyOrigin, remoteNodeID: NodeID,
        alias: ShortChannelID, feeRate: FeeRate
    ) throws(ProtocolViolation) -> (ChannelOpening, AcceptChannel) {
        guard open.chainHash == policy.network.chainHash else { throw .unknownChainHash }
        let type = try channelType(open.tlvs, .openChannel)
        let open = open.essential
        guard type.base == .anchors || type.base == .staticRemoteKey else { throw .unsupportedChannelType(type) }
        // "Each basic type has the following variations allowed": an alias we always give, trust we do not.
        guard !type.hasZeroconf else { throw .zeroconf }
        guard !(type.hasSCIDAlias && open.announceChannel) else {
            throw .announcedAlias(type)
        }
        guard open.fundingAmount >= policy.minimumFunding else {
            throw .fundingTooSmall(minimum: policy.minimumFunding)
        }
        guard open.fundingAmount.isMoney, policy.allowsLargeChannels || open.fundingAmount.value < 1 << 24 else {
            throw .fundingTooLarge
        }
        let funding = MilliSatoshi(open.fundingAmount)
        guard let toOpener = funding.subtracting(open.push) else {
            throw .pushTooLarge
        }
        guard ChannelLimits.feeRates.contains(open.feeRate), open.feeRate <= ChannelLimits.feeCeiling(feeRate, hasAnchors: type.hasAnchors),
            open.feeRate >= ChannelLimits.feeFloor(feeRate, hasAnchors: type.hasAnchors)
        else {
            throw .unreasonableFeeRate(open.feeRate)
        }
        try policy.check(open.terms, funding: open.fundingAmount, type: type, ours: nil)
        try checkKeys(open.terms.keys, keys.basepoints)
        let cost = CommitmentFees.openerCost(open.feeRate, hasAnchors: type.hasAnchors, untrimmed: 0)
        if cost > ChannelLimits.commitmentFeeLimit(open.feeRate, estimate: feeRate, funding: open.fundingAmount) {
            throw .excessiveFeeRate(open.feeRate)
        }
        guard let afterFee = toOpener.subtracting(MilliSatoshi(cost)) else {
            throw .feeNotCovered
        }
        // "both to_local and to_remote amounts … are less than or equal to channel_reserve_satoshis".
        let reserve = MilliSatoshi(open.terms.channelReserve)
        guard afterFee > reserve || open.push > reserve else {
            throw .nothingAboveReserve
        }
        let accept = AcceptChannel(
            temporaryChannelID: open.temporaryChannelID, minimumDepth: policy.minimumDepth,
            terms: policy.terms(funding: open.fundingAmount, peerDustLimit: open.terms.dustLimit, keys: keys),
            channelType: type)
        guard accept.terms.dustLimit <= open.terms.channelReserve else {
            throw .reserveBelowDustLimit(policy.dustLimit)
        }
        let opening = ChannelOpening(
            step: .sentAccept(open, accept), temporaryChannelID: open.temporaryChannelID, keyOrigin: keyOrigin,
            keys: keys, remoteNodeID: remoteNodeID, alias: alias)
        return (opening, accept)
    }

    /// The peer named the funding outpoint and signed our first commitment: the channel exists.
    package func receive(
        _ message: FundingCreated, height: BlockHeight
    ) throws(ProtocolViolation) -> (PaymentChannel, FundingSigned) {
        guard case .sentAccept(let open, let accept) = step else { throw .outOfTurn(.fundingCreated) }
        let parameters = parameters(open, accept, funding: message.funding)
        let own = Self.firstCommitment(parameters, holderIsLocal: true, keys.perCommitmentPoint(0))
        guard let signature = message.signature.parsed,
            signature.verify(own.signatureHash(), key: open.terms.keys.funding)
        else { throw .invalidSignature(.fundingCreated) }
        let theirs = Self.firstCommitment(parameters, holderIsLocal: false, open.terms.firstPerCommitmentPoint)
        let reply = FundingSigned(
            channelID: parameters.channelID, signature: keys.funding.sign(theirs.signatureHash()))
        return (channel(parameters, signature, funding: nil, height: height), reply)
    }

    // MARK: Parts

    private func parameters(
        _ open: OpenChannel, _ accept: AcceptChannel, funding: OutPoint
    ) -> ChannelParameters {
        ChannelParameters(
            channelID: ChannelID(funding: funding), remoteNodeID: remoteNodeID, keyOrigin: keyOrigin,
            isOpener: isOpener, channelType: open.channelType!, announce: open.announceChannel, funding: funding,
            fundingAmount: open.fundingAmount, push: open.push, initialFeeRate: open.feeRate,
            local: isOpener ? open.terms : accept.terms, remote: isOpener ? accept.terms : open.terms,
            minimumDepth: accept.minimumDepth, localAlias: alias)
    }

    private static func balances(_ parameters: ChannelParameters) -> (local: MilliSatoshi, remote: MilliSatoshi) {
        // `push` was checked to be at most the funding amount.
        let opener = MilliSatoshi(parameters.fundingAmount) - parameters.push
        return parameters.isOpener ? (opener, parameters.push) : (parameters.push, opener)
    }

    private static func firstCommitment(
        _ parameters: ChannelParameters, holderIsLocal: Bool, _ point: PublicKey
    ) -> CommitmentTransaction {
        let (local, remote) = balances(parameters)
        return parameters.commitment(
            holderIsLocal: holderIsLocal, point: point,
            contents: CommitmentContents(
                number: 0, feeRate: parameters.initialFeeRate, toHolder: holderIsLocal ? local : remote,
                toCounterparty: holderIsLocal ? remote : local, htlcs: []))
    }

    private func channel(
        _ parameters: ChannelParameters, _ signature: ECDSASignature, funding: Transaction?, height: BlockHeight
    ) -> PaymentChannel {
        let (local, remote) = Self.balances(parameters)
        return PaymentChannel(
            parameters: parameters,
            commitments: CommitmentState(
                toLocal: local, toRemote: remote, feeRate: parameters.initialFeeRate, signature: signature,
                remotePoint: parameters.remote.firstPerCommitmentPoint),
            fundingTransaction: funding, openedHeight: height, connection: .established)
    }
}
