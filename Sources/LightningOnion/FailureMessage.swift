package import BitcoinPrimitives
import CryptoPrimitives
package import LightningWire

/// BOLT 4 "Failure Messages": why a hop did not forward, or the last one did not accept.
package enum FailureMessage: Error, Hashable, Sendable, CustomStringConvertible {
    case temporaryNodeFailure
    case permanentNodeFailure
    case requiredNodeFeatureMissing
    case invalidOnionVersion(onionHash: [UInt8])
    case invalidOnionHMAC(onionHash: [UInt8])
    case invalidOnionKey(onionHash: [UInt8])
    case temporaryChannelFailure(update: [UInt8])
    case permanentChannelFailure
    case requiredChannelFeatureMissing
    case unknownNextPeer
    case amountBelowMinimum(MilliSatoshi, update: [UInt8])
    case feeInsufficient(MilliSatoshi, update: [UInt8])
    case incorrectCLTVExpiry(CLTVExpiry, update: [UInt8])
    case expiryTooSoon(update: [UInt8])
    case incorrectOrUnknownPaymentDetails(MilliSatoshi, height: BlockHeight)
    case finalIncorrectCLTVExpiry(CLTVExpiry)
    case finalIncorrectHTLCAmount(MilliSatoshi)
    case channelDisabled(flags: UInt16, update: [UInt8])
    case expiryTooFar
    case invalidOnionPayload(type: UInt64, offset: UInt16)
    case mppTimeout
    case invalidOnionBlinding(onionHash: [UInt8])
    /// A code that this implementation does not know.
    case unknown(code: UInt16)

    /// Of `update_fail_malformed_htlc` inside of a blinded path.
    package static let invalidOnionBlindingCode: UInt16 = 0xc018

    package var code: UInt16 {
        switch self {
        case .temporaryNodeFailure: 0x2002
        case .permanentNodeFailure: 0x6002
        case .requiredNodeFeatureMissing: 0x6003
        case .invalidOnionVersion: 0xc004
        case .invalidOnionHMAC: 0xc005
        case .invalidOnionKey: 0xc006
        case .temporaryChannelFailure: 0x1007
        case .permanentChannelFailure: 0x4008
        case .requiredChannelFeatureMissing: 0x4009
        case .unknownNextPeer: 0x400a
        case .amountBelowMinimum: 0x100b
        case .feeInsufficient: 0x100c
        case .incorrectCLTVExpiry: 0x100d
        case .expiryTooSoon: 0x100e
        case .incorrectOrUnknownPaymentDetails: 0x400f
        case .finalIncorrectCLTVExpiry: 18
        case .finalIncorrectHTLCAmount: 19
        case .channelDisabled: 0x1014
        case .expiryTooFar: 21
        case .invalidOnionPayload: 0x4016
        case .mppTimeout: 23
        case .invalidOnionBlinding: Self.invalidOnionBlindingCode
        case .unknown(let code): code
        }
    }

    /// The `channel_update` that the failure brings; empty where there is none.
    package var update: [UInt8] {
        switch self {
        case .temporaryChannelFailure(let update), .amountBelowMinimum(_, let update), .feeInsufficient(_, let update),
            .incorrectCLTVExpiry(_, let update), .expiryTooSoon(let update), .channelDisabled(_, let update):
            update
        default: []
        }
    }

    /// The same failure with a `channel_update`, if it is one that can bring it.
    package func with(update: [UInt8]) -> FailureMessage {
        switch self {
        case .temporaryChannelFailure: .temporaryChannelFailure(update: update)
        case .amountBelowMinimum(let amount, _): .amountBelowMinimum(amount, update: update)
        case .feeInsufficient(let amount, _): .feeInsufficient(amount, update: update)
        case .incorrectCLTVExpiry(let expiry, _): .incorrectCLTVExpiry(expiry, update: update)
        case .expiryTooSoon: .expiryTooSoon(update: update)
        case .channelDisabled(let flags, _): .channelDisabled(flags: flags, update: update)
        default: self
        }
    }

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.uint16(code)
        switch self {
        case .invalidOnionVersion(let hash), .invalidOnionHMAC(let hash), .invalidOnionKey(let hash),
            .invalidOnionBlinding(let hash):
            writer.write(hash)
        case .temporaryChannelFailure(let update), .expiryTooSoon(let update): writer.sized16(update)
        case .amountBelowMinimum(let amount, let update), .feeInsufficient(let amount, let update):
            writer.milliSatoshi(amount)
            writer.sized16(update)
        case .incorrectCLTVExpiry(let expiry, let update):
            writer.cltvExpiry(expiry)
            writer.sized16(update)
        case .incorrectOrUnknownPaymentDetails(let amount, let height):
            writer.milliSatoshi(amount)
            writer.blockHeight(height)
        case .finalIncorrectCLTVExpiry(let expiry): writer.cltvExpiry(expiry)
        case .finalIncorrectHTLCAmount(let amount): writer.milliSatoshi(amount)
        case .channelDisabled(let flags, let update):
            writer.uint16(flags)
            writer.sized16(update)
        case .invalidOnionPayload(let type, let offset):
            writer.bigSize(type)
            writer.uint16(offset)
        default: break
        }
        return writer.bytes
    }

    /// Parses a message; one that is malformed keeps its code.
    package init(_ bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard let code = try? reader.uint16() else {
            self = .unknown(code: 0)
            return
        }
        self = (try? Self.parse(code, &reader)) ?? .unknown(code: code)
    }

    private static func parse(_ code: UInt16, _ reader: inout ByteReader) throws(DecodingFailure) -> FailureMessage {
        switch code {
        case 0x2002: .temporaryNodeFailure
        case 0x6002: .permanentNodeFailure
        case 0x6003: .requiredNodeFeatureMissing
        case 0xc004: .invalidOnionVersion(onionHash: try reader.read(32))
        case 0xc005: .invalidOnionHMAC(onionHash: try reader.read(32))
        case 0xc006: .invalidOnionKey(onionHash: try reader.read(32))
        case 0x1007: .temporaryChannelFailure(update: try reader.sized16())
        case 0x4008: .permanentChannelFailure
        case 0x4009: .requiredChannelFeatureMissing
        case 0x400a: .unknownNextPeer
        case 0x100b: .amountBelowMinimum(try reader.milliSatoshi(), update: try reader.sized16())
        case 0x100c: .feeInsufficient(try reader.milliSatoshi(), update: try reader.sized16())
        case 0x100d: .incorrectCLTVExpiry(try reader.cltvExpiry(), update: try reader.sized16())
        case 0x100e: .expiryTooSoon(update: try reader.sized16())
        case 0x400f: .incorrectOrUnknownPaymentDetails(try reader.milliSatoshi(), height: try reader.blockHeight())
        case 18: .finalIncorrectCLTVExpiry(try reader.cltvExpiry())
        case 19: .finalIncorrectHTLCAmount(try reader.milliSatoshi())
        case 0x1014: .channelDisabled(flags: try reader.uint16(), update: try reader.sized16())
        case 21: .expiryTooFar
        case 0x4016: .invalidOnionPayload(type: try reader.bigSize(), offset: try reader.uint16())
        case 23: .mppTimeout
        case invalidOnionBlindingCode: .invalidOnionBlinding(onionHash: try reader.read(32))
        default: .unknown(code: code)
        }
    }

    /// BOLT 4's name, and what it means for the payer.
    package var description: String {
        switch self {
        case .temporaryNodeFailure: "temporary_node_failure"
        case .permanentNodeFailure: "permanent_node_failure"
        case .requiredNodeFeatureMissing: "required_node_feature_missing"
        case .invalidOnionVersion: "invalid_onion_version"
        case .invalidOnionHMAC: "invalid_onion_hmac"
        case .invalidOnionKey: "invalid_onion_key"
        case .temporaryChannelFailure: "temporary_channel_failure: the channel cannot carry the payment now"
        case .permanentChannelFailure: "permanent_channel_failure: the channel is closing or gone"
        case .requiredChannelFeatureMissing: "required_channel_feature_missing"
        case .unknownNextPeer: "unknown_next_peer"
        case .amountBelowMinimum(let amount, _): "amount_below_minimum (\(amount))"
        case .feeInsufficient: "fee_insufficient"
        case .incorrectCLTVExpiry: "incorrect_cltv_expiry"
        case .expiryTooSoon: "expiry_too_soon"
        case .incorrectOrUnknownPaymentDetails(let amount, let height):
            "incorrect_or_unknown_payment_details: the receiver does not know the payment, or not with \(amount) "
                + "at height \(height)"
        case .finalIncorrectCLTVExpiry: "final_incorrect_cltv_expiry"
        case .finalIncorrectHTLCAmount: "final_incorrect_htlc_amount"
        case .channelDisabled: "channel_disabled: the node behind it is away"
        case .expiryTooFar: "expiry_too_far"
        case .invalidOnionPayload(let type, _): "invalid_onion_payload (type \(type))"
        case .mppTimeout: "mpp_timeout"
        case .invalidOnionBlinding: "invalid_onion_blinding: behind it, on the hidden way to the payee, or the payee refused it"
        case .unknown(let code): "failure code \(code)"
        }
    }
}
