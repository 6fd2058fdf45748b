import BitcoinPrimitives
public import CryptoPrimitives
public import LightningWire

/// An HTLC that a peer offered and that is irrevocably committed.
public struct IncomingHTLC: Hashable, Sendable {
    /// Which one.
    public var key: HTLCID
    /// What it offers us.
    public var amount: MilliSatoshi
    /// What its preimage is found by.
    public var paymentHash: PaymentHash
    /// The height at which the peer may take it back.
    public var cltvExpiry: CLTVExpiry
    /// Where we are inside of a blinded path: with which we read our part of it.
    public var pathKey: PublicKey?

    /// An HTLC that a peer offered.
    public init(key: HTLCID, amount: MilliSatoshi, paymentHash: PaymentHash, cltvExpiry: CLTVExpiry, pathKey: PublicKey? = nil) {
        self.key = key
        self.amount = amount
        self.paymentHash = paymentHash
        self.cltvExpiry = cltvExpiry
        self.pathKey = pathKey
    }
}
