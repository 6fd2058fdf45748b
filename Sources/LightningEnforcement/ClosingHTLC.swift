import BitcoinPrimitives
package import LightningTransactions
package import LightningWire

/// An HTLC as it stood when the channel's funding output was spent: from then on layer 1 alone decides over it.
package struct ClosingHTLC: Hashable, Sendable {
    /// Where it is in the closing transaction.
    package enum Place: UInt8, Hashable, Sendable {
        case output
        /// The commitment holds it, but it is too small for an output: it went to the miner.
        case trimmed
        /// The commitment does not hold it: not yet, or not any more.
        case absent
        /// The closing transaction is not one that we know.
        case unknown
    }

    /// What layer 1 has decided over it.
    package enum Verdict: Hashable, Sendable {
        /// We offered it, and the peer has it.
        case concluded
        /// We offered it, and have it back; or nobody can take it any more.
        case returned
        /// The peer offered it, and we have it.
        case settled
        /// The peer offered it, and has it back, or it was lost to fees.
        case lost
    }

    package var key: HTLCKey
    package var amount: MilliSatoshi
    package var paymentHash: PaymentHash
    package var cltvExpiry: CLTVExpiry
    /// Once it is known here.
    package var preimage: PaymentPreimage?
    package var place = Place.unknown
    /// Whether its verdict has been told.
    package var isDecided = false

    package init(
        key: HTLCKey, amount: MilliSatoshi, paymentHash: PaymentHash, cltvExpiry: CLTVExpiry, preimage: PaymentPreimage?
    ) {
        self.key = key
        self.amount = amount
        self.paymentHash = paymentHash
        self.cltvExpiry = cltvExpiry
        self.preimage = preimage
    }

    func encode(to writer: inout ByteWriter) {
        key.encode(to: &writer)
        writer.milliSatoshi(amount)
        writer.write(paymentHash)
        writer.cltvExpiry(cltvExpiry)
        writer.optional(preimage) { $0.write($1) }
        writer.uint8(place.rawValue)
        writer.uint8(isDecided ? 1 : 0)
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        key = try HTLCKey(from: &reader)
        amount = try reader.milliSatoshi()
        paymentHash = PaymentHash(try reader.bytes32())
        cltvExpiry = try reader.cltvExpiry()
        preimage = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in PaymentPreimage(try r.bytes32()) }
        guard let place = Place(rawValue: try reader.uint8()) else { throw .invalid("place of an HTLC") }
        self.place = place
        isDecided = try reader.uint8() == 1
    }
}
