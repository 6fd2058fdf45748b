import BitcoinPrimitives
public import CryptoPrimitives
public import LightningWire

/// An HTLC that a peer offered and that is irrevocably committed.
public struct IncomingHTLC: Hashable, Sendable {
    public var key: HTLCID
    public var amount: MilliSatoshi
    public var paymentHash: PaymentHash
    public var cltvExpiry: UInt32
    /// Where we are inside of a blinded path: with which we read our part of it.
    public var pathKey: PublicKey?

    public init(key: HTLCID, amount: MilliSatoshi, paymentHash: PaymentHash, cltvExpiry: UInt32, pathKey: PublicKey? = nil) {
        self.key = key
        self.amount = amount
        self.paymentHash = paymentHash
        self.cltvExpiry = cltvExpiry
        self.pathKey = pathKey
    }
}
