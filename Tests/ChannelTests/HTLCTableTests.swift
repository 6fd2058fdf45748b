import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
import LightningWire
import Testing

@testable import LightningChannel

@Suite("the table of HTLCs")
struct HTLCTableTests {
    /// What it does is told by a dictionary that does the same.
    @Test("it holds what a dictionary holds, and its outlines say what its HTLCs say", arguments: 1...20 as ClosedRange<UInt64>)
    func model(seed: UInt64) {
        var state = seed
        func draw(_ count: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % count
        }
        var (table, model) = (HTLCTable(), [HTLC.Key: HTLC]())
        for step in 0..<400 {
            let key = HTLC.Key(isOfferedByLocal: draw(2) == 0, id: draw(12))
            switch draw(6) {
            case 0, 1:
                let htlc = HTLC(
                    id: key.id, amount: MilliSatoshi(draw(1_000_000)), paymentHash: PaymentHash(Hash.sha256([UInt8(step & 0xff)])),
                    cltvExpiry: CLTVExpiry(500), onion: [1], state: key.isOfferedByLocal ? .sentAddHTLC : .receivedAddHTLC)
                table[key] = htlc
                model[key] = htlc
            case 2:
                table[key] = nil
                model[key] = nil
            case 3:
                table[key]?.resolution = .fulfilled(PaymentPreimage(Hash.sha256([7])))
                model[key]?.resolution = .fulfilled(PaymentPreimage(Hash.sha256([7])))
            default:
                let step = HTLCState.Step.allCases[Int(draw(4))]
                let changed = table.apply(step)
                var expected: [HTLC] = []
                for key in model.keys.sorted() {
                    let before = model[key]!.state
                    model[key]!.state = before.after(step)
                    if model[key]!.state != before { expected.append(model[key]!) }
                }
                #expect(changed == expected)
            }
            #expect(table.count == model.count && table.isEmpty == model.isEmpty && Set(table.keys) == Set(model.keys))
            #expect(model.allSatisfy { table[$0.key] == $0.value } && Set(table.values) == Set(model.values))
            #expect(zip(table.values, table.outlines).allSatisfy { HTLCTable.Outline($0) == $1 } && table.outlines.count == table.count)
            // The same HTLCs that came in another order are the same table.
            var other = HTLCTable()
            for key in model.keys.sorted().reversed() { other[key] = model[key] }
            #expect(other == table && other.hashValue == table.hashValue)
        }
    }
}
