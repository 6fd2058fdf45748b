package import LightningWire

/// What becomes of HTLCs that pay us.
package struct ReceiveOutcome: Sendable {
    package var decisions: [(HTLCID, IncomingDecision)] = []
    /// The invoice that is paid now.
    package var paid: (record: InvoiceRecord, amount: MilliSatoshi)?
    /// The hold invoice whose payment is complete, and waits for its owner's word.
    package var held: (record: InvoiceRecord, amount: MilliSatoshi)?
    /// Hold invoices whose payment was held, and had to be failed.
    package var lost: [InvoiceRecord] = []
}

extension ReceiveOutcome {
    /// - Parameter why: what is said of held payments that can no longer be settled.
    package func effects(why: String = "it was failed") -> [Receiver.Effect] {
        var effects = decisions.map { Receiver.Effect.decided($0.0, $0.1) }
        if let (record, amount) = paid { effects.append(.paid(record, amount)) }
        effects += lost.map { .lost($0, why) }
        if let (record, amount) = held { effects.append(.held(record, amount)) }
        return effects
    }
}
