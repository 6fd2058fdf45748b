import BitcoinPrimitives
import LightningWire

/// What goes with each payment of a stream, as TLV records of the onion's last payload.
///
/// bLIP 10 gives the type 7629169 to "Podcasting 2.0": a JSON object that says what a payment is for. Recipients that know it, as podcast apps
/// and their helpers do, count the payments by it.
package enum StreamPayload {
    /// bLIP 10's JSON.
    package static let podcast: UInt64 = 7_629_169
    /// Ours: the 16 bytes that all payments of a stream to one recipient have in common. Odd, for it may be ignored.
    package static let tag: UInt64 = 7_629_193
    static let types: Set<UInt64> = [podcast, tag]

    /// The records of a payment.
    static func records(_ stream: PaymentStream, _ payment: PaymentStream.Payment, at time: Duration) -> [UInt64: [UInt8]] {
        var records = stream.terms.customRecords
        records[tag] = stream.tag(to: payment.recipient)
        // What all recipients together get at this rate: this payment, before it was shared.
        let weight = UInt64(stream.terms.recipients[payment.recipient].weight)
        let whole = StreamRate.share(payment.amount, stream.weightSum, of: weight)
        // All fields are numbers and words of ours: nothing has to be escaped.
        let fields = [
            "\"action\":\"stream\"", "\"app_name\":\"swift-lightning\"", "\"ts\":\(time.wholeSeconds)",
            "\"value_msat\":\(payment.amount.value)", "\"value_msat_total\":\(whole.value)",
        ]
        records[podcast] = Array("{\(fields.joined(separator: ","))}".utf8)
        return records
    }

    /// The stream that a payment belongs to by its records; `nil` for none.
    package static func tag(of records: [UInt64: [UInt8]]) -> [UInt8]? {
        records[tag].flatMap { $0.count == PaymentStream.tagLength ? $0 : nil }
    }
}
