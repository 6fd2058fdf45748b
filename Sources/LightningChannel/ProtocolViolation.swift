package import BitcoinPrimitives
package import LightningWire

/// A rule of BOLT 2 that a peer broke, with what it did: the table below says what the BOLT lets us do about it.
package enum ProtocolViolation: Error, Hashable, Sendable {
    /// What the BOLT lets us do about a violation.
    package enum Consequence: Hashable, Sendable {
        /// Send a `warning` and close the connection; the channel goes on after a reconnection.
        case warning
        /// Send a `warning`; the connection goes on, and the channel as if the message had not come.
        case notice
        /// Send an `error` and fail the channel.
        case failChannel
    }

    /// The messages that a violation is told of, by their names in the BOLT.
    package enum Message: String, Hashable, Sendable {
        case openChannel = "open_channel"
        case acceptChannel = "accept_channel"
        case fundingCreated = "funding_created"
        case fundingSigned = "funding_signed"
        case channelReestablish = "channel_reestablish"
        case updateAddHTLC = "update_add_htlc"
        case commitmentSigned = "commitment_signed"
        case closingSigned = "closing_signed"
    }

    /// A line of the table: what follows, which section of the BOLTs has the rule, and what is said to the peer.
    package struct Rule: Hashable, Sendable {
        package var consequence: Consequence
        package var section: String
        package var text: String

        fileprivate init(_ consequence: Consequence, _ section: String, _ text: String) {
            self.consequence = consequence
            self.section = "BOLT " + section
            self.text = text
        }
    }

    // Any message
    case outOfTurn(Message)
    case beforeReestablish
    case beforeChannelReady(Message)
    case invalidSignature(Message)

    // Opening
    case unknownChainHash
    case missingChannelType(Message)
    case oversizeChannelType(length: Int)
    case unsupportedChannelType(ChannelType)
    case otherChannelType
    case zeroconf
    case announcedAlias(ChannelType)
    case fundingTooSmall(minimum: Satoshi)
    case fundingTooLarge
    case pushTooLarge
    case unreasonableFeeRate(FeeRate)
    case excessiveFeeRate(FeeRate)
    case feeNotCovered
    case nothingAboveReserve
    case minimumDepthTooLarge
    case upfrontScriptNotAllowed(length: Int)
    case toSelfDelayTooLong(UInt16)
    case maxAcceptedHTLCsTooLarge
    case maxAcceptedHTLCsIsZero
    case maxInFlightTooSmall
    case htlcMinimumTooLarge
    case dustLimitTooLow
    case keysOfOurs
    case dustLimitTooHigh(maximum: Satoshi)
    case dustLimitAboveReserve
    case dustLimitAboveOurReserve
    case reserveTooLarge
    case reserveBelowDustLimit(Satoshi)
    case reserveBelowOurDustLimit

    // Reconnecting
    case closeRequested
    case foreignSecret
    case wrongLastSecret
    case unexpectedCommitment(UInt64, expected: UInt64)
    case unexpectedRevocation(UInt64, ours: UInt64)

    // HTLCs and fees
    case addAfterShutdown
    case unexpectedHTLC(UInt64, expected: UInt64)
    case belowMinimum
    case expiryInSeconds
    case tooManyHTLCs
    case tooMuchInFlight
    case exceedsBalance
    case payerCannotAffordFee
    case senderCannotAffordFee
    case excessiveCommitmentFee(FeeRate)
    case belowReserve
    case notCommitted(UInt64)
    case wrongPreimage
    case malformedWithoutBADONION
    case feeFromFundee
    case feeOutOfReach(FeeRate)
    case tooManyFeeUpdates
    case feeMakesDust(FeeRate, MilliSatoshi)
    case feeUnaffordable(FeeRate)
    case feeExcessive(FeeRate)

    // Commitments
    case unrelayableCommitment
    case htlcSignatureCount(Int, expected: Int)
    case invalidHTLCSignature
    case revocationWithoutCommitment
    case wrongRevocationSecret
    case underivableRevocationSecret

    // Closing
    case shutdownScriptNotAllowed
    case shutdownScriptNotPromised
    case shutdownScriptChanged
    case closingBeforeEmpty
    case closingFeeUnaffordable
    case closingFeesOutOfReach(ClosedRange<Satoshi>)
    case closingFeeOutsideOfRanges
    case closingFeeChanged
    case closingFeeDiverges
    case noClosingAgreement(Satoshi)
}

extension ProtocolViolation: CustomStringConvertible {
    package var consequence: Consequence { rule.consequence }
    package var section: String { rule.section }
    package var description: String { rule.text }

    /// The table of all rules.
    package var rule: Rule {
        switch self {
        case .outOfTurn(let message):
            Rule(
                message == .channelReestablish ? .warning : .failChannel, "2 “Peer Protocol for Channel Management”",
                "\(message.rawValue) out of turn")
        case .beforeReestablish: Rule(.warning, "2 “Message Retransmission”", "a message before channel_reestablish")
        case .beforeChannelReady(let message): Rule(.warning, "2 “The channel_ready Message”", "\(message.rawValue) before channel_ready")
        case .invalidSignature(let message): Rule(.failChannel, "2", "\(message.rawValue) with an invalid signature")
        case .unknownChainHash: Rule(.failChannel, "2 “The open_channel Message”", "unknown chain_hash")
        case .missingChannelType(let message):
            Rule(.failChannel, "2 “The open_channel Message”", "\(message.rawValue) without channel_type")
        case .oversizeChannelType(let length): Rule(.failChannel, "2 “The open_channel Message”", "channel_type of \(length) bytes")
        case .unsupportedChannelType(let type): Rule(.failChannel, "2 “The open_channel Message”", "channel_type \(type) is not supported")
        case .otherChannelType: Rule(.failChannel, "2 “The accept_channel Message”", "accept_channel with another channel_type")
        case .zeroconf:
            Rule(.failChannel, "2 “The open_channel Message”", "no payment is accepted before the funding transaction confirms (zeroconf)")
        case .announcedAlias(let type):
            Rule(.failChannel, "2 “The open_channel Message”", "channel_type \(type) is for channels that are not announced")
        case .fundingTooSmall(let minimum): Rule(.failChannel, "2 “The open_channel Message”", "funding_satoshis is below \(minimum)")
        case .fundingTooLarge: Rule(.failChannel, "2 “The open_channel Message”", "funding_satoshis is too large")
        case .pushTooLarge: Rule(.failChannel, "2 “The open_channel Message”", "push_msat is greater than 1000 * funding_satoshis")
        case .unreasonableFeeRate(let rate):
            Rule(.failChannel, "2 “The open_channel Message”", "feerate_per_kw of \(rate.perKiloweight) is unreasonable")
        case .excessiveFeeRate(let rate):
            Rule(
                .failChannel, "2 “The open_channel Message”",
                "feerate_per_kw of \(rate.perKiloweight) is far more than the commitment needs to pay")
        case .feeNotCovered: Rule(.failChannel, "2 “The open_channel Message”", "the funder's amount does not cover the fee")
        case .nothingAboveReserve:
            Rule(.failChannel, "2 “The open_channel Message”", "neither side would have more than channel_reserve_satoshis")
        case .minimumDepthTooLarge: Rule(.failChannel, "2 “The accept_channel Message”", "minimum_depth is unreasonably large")
        case .upfrontScriptNotAllowed(let length):
            Rule(
                .failChannel, "2 “The open_channel Message”",
                "upfront_shutdown_script of \(length) bytes is not a form that shutdown allows")
        case .toSelfDelayTooLong(let blocks):
            Rule(.failChannel, "2 “The open_channel Message”", "to_self_delay of \(blocks) blocks is unreasonably large")
        case .maxAcceptedHTLCsTooLarge: Rule(.failChannel, "2 “The open_channel Message”", "max_accepted_htlcs is greater than 483")
        case .maxAcceptedHTLCsIsZero: Rule(.failChannel, "2 “The open_channel Message”", "max_accepted_htlcs is zero")
        case .maxInFlightTooSmall: Rule(.failChannel, "2 “The open_channel Message”", "max_htlc_value_in_flight_msat is too small")
        case .htlcMinimumTooLarge: Rule(.failChannel, "2 “The open_channel Message”", "htlc_minimum_msat is too large")
        case .keysOfOurs: Rule(.failChannel, "2 “The open_channel Message”", "the keys are some of ours")
        case .dustLimitTooLow: Rule(.failChannel, "2 “The open_channel Message”", "dust_limit_satoshis is below 354")
        case .dustLimitTooHigh(let maximum):
            Rule(.failChannel, "2 “The open_channel Message”", "dust_limit_satoshis is above \(maximum.value)")
        case .dustLimitAboveReserve:
            Rule(.failChannel, "2 “The open_channel Message”", "dust_limit_satoshis is greater than channel_reserve_satoshis")
        case .dustLimitAboveOurReserve:
            Rule(.failChannel, "2 “The accept_channel Message”", "dust_limit_satoshis is above our channel_reserve_satoshis")
        case .reserveTooLarge:
            Rule(.failChannel, "2 “The open_channel Message”", "channel_reserve_satoshis is more than a fifth of the channel")
        case .reserveBelowDustLimit(let limit):
            Rule(.failChannel, "2 “The open_channel Message”", "channel_reserve_satoshis is below our dust limit of \(limit)")
        case .reserveBelowOurDustLimit:
            Rule(.failChannel, "2 “The accept_channel Message”", "channel_reserve_satoshis is below our dust_limit_satoshis")
        case .closeRequested: Rule(.failChannel, "2 “Message Retransmission”", "channel_reestablish asks to close the channel")
        case .foreignSecret: Rule(.failChannel, "2 “Message Retransmission”", "channel_reestablish with a secret that is not ours")
        case .wrongLastSecret: Rule(.failChannel, "2 “Message Retransmission”", "channel_reestablish with a wrong last secret")
        case .unexpectedCommitment(let number, let expected):
            Rule(.failChannel, "2 “Message Retransmission”", "channel_reestablish expects commitment \(number), not \(expected)")
        case .unexpectedRevocation(let number, let ours):
            Rule(.failChannel, "2 “Message Retransmission”", "channel_reestablish expects revocation \(number) of \(ours)")
        case .addAfterShutdown: Rule(.warning, "2 “Closing Initiation: shutdown”", "update_add_htlc after shutdown")
        case .unexpectedHTLC(let id, let expected):
            Rule(.warning, "2 “Adding an HTLC”", "update_add_htlc with id \(id), expected \(expected)")
        case .belowMinimum: Rule(.warning, "2 “Adding an HTLC”", "update_add_htlc below htlc_minimum_msat")
        case .expiryInSeconds: Rule(.warning, "2 “Adding an HTLC”", "update_add_htlc with cltv_expiry in seconds")
        case .tooManyHTLCs: Rule(.warning, "2 “Adding an HTLC”", "more than max_accepted_htlcs HTLCs")
        case .tooMuchInFlight: Rule(.warning, "2 “Adding an HTLC”", "more than max_htlc_value_in_flight_msat")
        case .exceedsBalance: Rule(.warning, "2 “Adding an HTLC”", "the HTLC is larger than the sender's balance")
        case .payerCannotAffordFee: Rule(.warning, "2 “Adding an HTLC”", "the fee for another HTLC is more than its payer has left")
        case .senderCannotAffordFee: Rule(.warning, "2 “Adding an HTLC”", "the sender cannot pay the fee for the HTLC")
        case .excessiveCommitmentFee(let rate):
            Rule(
                .warning, "2 “Adding an HTLC”",
                "another HTLC at a fee rate of \(rate), where the commitment pays far more than it needs to")
        case .belowReserve: Rule(.warning, "2 “Adding an HTLC”", "the HTLC would leave the sender below its channel reserve")
        case .notCommitted(let id): Rule(.warning, "2 “Removing an HTLC”", "removal of HTLC \(id), which is not committed")
        case .wrongPreimage: Rule(.warning, "2 “Removing an HTLC”", "update_fulfill_htlc with a wrong payment_preimage")
        case .malformedWithoutBADONION: Rule(.warning, "2 “Removing an HTLC”", "update_fail_malformed_htlc without BADONION")
        case .feeFromFundee: Rule(.warning, "2 “Updating Fees”", "update_fee from the side that does not pay it")
        case .feeOutOfReach(let rate): Rule(.warning, "2 “Updating Fees”", "update_fee to \(rate), which is out of reach")
        case .tooManyFeeUpdates: Rule(.warning, "2 “Updating Fees”", "too many update_fee")
        case .feeMakesDust(let rate, let dust):
            Rule(.warning, "2 “Updating Fees”", "update_fee to \(rate) would make \(dust) of HTLCs unenforceable")
        case .feeUnaffordable(let rate): Rule(.warning, "2 “Updating Fees”", "update_fee to \(rate), which the sender cannot afford")
        case .feeExcessive(let rate):
            Rule(.warning, "2 “Updating Fees”", "update_fee to \(rate), which is far more than such a commitment needs to pay")
        case .unrelayableCommitment:
            Rule(.failChannel, "2 “Committing Updates So Far”", "commitment_signed for a commitment that nobody would relay")
        case .htlcSignatureCount(let count, let expected):
            Rule(.failChannel, "2 “Committing Updates So Far”", "commitment_signed with \(count) HTLC signatures for \(expected)")
        case .invalidHTLCSignature: Rule(.failChannel, "2 “Committing Updates So Far”", "commitment_signed with an invalid HTLC signature")
        case .revocationWithoutCommitment:
            Rule(.failChannel, "2 “Completing the Transition to the Updated State”", "revoke_and_ack without a commitment_signed")
        case .wrongRevocationSecret:
            Rule(.failChannel, "2 “Completing the Transition to the Updated State”", "revoke_and_ack with a wrong secret")
        case .underivableRevocationSecret:
            Rule(
                .failChannel, "2 “Completing the Transition to the Updated State”",
                "revoke_and_ack with a secret that does not derive the earlier ones")
        case .shutdownScriptNotAllowed:
            Rule(.notice, "2 “Closing Initiation: shutdown”", "shutdown with a scriptpubkey that is not allowed")
        case .shutdownScriptNotPromised:
            Rule(.warning, "2 “Closing Initiation: shutdown”", "shutdown with another scriptpubkey than promised")
        case .shutdownScriptChanged: Rule(.warning, "2 “Closing Initiation: shutdown”", "a second shutdown with another scriptpubkey")
        case .closingBeforeEmpty:
            Rule(.notice, "2 “Legacy Closing Negotiation: closing_signed”", "closing_signed before the channel is empty")
        case .closingFeeUnaffordable:
            Rule(.warning, "2 “Legacy Closing Negotiation: closing_signed”", "closing_signed with a fee the opener cannot pay")
        case .closingFeesOutOfReach(let range):
            Rule(
                .notice, "2 “Legacy Closing Negotiation: closing_signed”",
                "closing fees from \(range.lowerBound) to \(range.upperBound) are out of reach")
        case .closingFeeOutsideOfRanges:
            Rule(.failChannel, "2 “Legacy Closing Negotiation: closing_signed”", "closing_signed with a fee outside of both ranges")
        case .closingFeeChanged: Rule(.failChannel, "2 “Legacy Closing Negotiation: closing_signed”", "closing_signed changed its fee")
        case .closingFeeDiverges:
            Rule(.warning, "2 “Legacy Closing Negotiation: closing_signed”", "closing_signed does not move towards an agreement")
        case .noClosingAgreement(let fee):
            Rule(.notice, "2 “Legacy Closing Negotiation: closing_signed”", "no agreement on the closing fee: \(fee) is out of reach")
        }
    }
}
