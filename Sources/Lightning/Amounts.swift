public import BitcoinPrimitives
public import LightningWire

// Amounts as one writes them: 1_000.sat, 5.msat.
extension Int {
    /// So many satoshi.
    ///
    /// - Precondition: not negative, and no more than there are: 21 million bitcoin.
    public var sat: Satoshi {
        precondition((0...2_100_000_000_000_000).contains(self), "an amount is 0 to 21 million bitcoin")
        return Satoshi(UInt64(self))
    }

    /// So many thousandths of a satoshi.
    ///
    /// - Precondition: not negative, and no more than there are: 21 million bitcoin.
    public var msat: MilliSatoshi {
        precondition((0...2_100_000_000_000_000_000).contains(self), "an amount is 0 to 21 million bitcoin")
        return MilliSatoshi(UInt64(self))
    }
}
