import BitcoinPrimitives
import CryptoPrimitives
import LightningInvoice
import LightningWire
import TestSupport
import Testing

@Suite("BOLT 11 vectors", .enabled(if: Vectors.exist, "\(Vectors.hint)"))
struct InvoiceVectorTests {
    @Test("valid examples are read, invalid ones refused")
    func examples() throws {
        let v = try Vectors.json("bolt11/invoices.json")
        #expect(v["invoices"].array.count == 25)
        for example in v["invoices"].array {
            let invoice = try? Invoice(example["invoice"].string)
            #expect((invoice != nil) == example["valid"].bool, "\(example["title"].string)")
            // The high-S example recovers another key than the one that signed.
            if let invoice, !example["title"].string.contains("high-S") {
                #expect(invoice.payee.hex == v["node_id"].string, "\(example["title"].string)")
            }
        }
    }

    @Test("the details of some examples")
    func details() throws {
        let list = try Vectors.json("bolt11/invoices.json")["invoices"].array
        func invoice(_ start: String) throws -> Invoice {
            try Invoice(list.first { $0["title"].string.hasPrefix(start) }!["invoice"].string)
        }
        let coffee = try invoice("Please send $3")
        #expect(coffee.amount == MilliSatoshi(250_000_000))
        #expect(coffee.expiry == 60)
        #expect(coffee.descriptionText == "1 cup coffee")
        #expect(coffee.timestamp == 1_496_314_658)
        #expect(try invoice("Please send 0.0096").amount == MilliSatoshi(967_878_534))
        let hints = try invoice("On mainnet, with fallback address 1RustyRX").routingHints
        #expect(hints.count == 1 && hints[0].count == 2)
        #expect(hints[0][1].cltvExpiryDelta == 4)
        let fallback = try invoice("On mainnet, with fallback (P2WPKH)").fallbackScripts
        #expect(Address(script: fallback[0], network: .mainnet)?.description == "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")
        #expect(try invoice("Please send 0.01 BTC with").paymentMetadata == [1, 0xfa, 0xfa, 0xf0])
    }

    @Test("what we write we read, for amounts of every multiplier")
    func roundTrip() throws {
        let secret = SecretKey.Box(String(repeating: "7b", count: 32))
        for msat: UInt64 in [1, 10, 99, 100, 1_000, 123_456, 100_000, 100_000_000, 100_000_000_000, 2_100_000_000_000] {
            let invoice = Invoice(
                network: .regtest, amount: MilliSatoshi(msat), timestamp: 1_700_000_000,
                paymentHash: PaymentPreimage(.zero).paymentHash, paymentSecret: Hash.sha256([1]),
                details: .text("dinner \u{1F35C}"), expiry: 77, minFinalCLTVExpiryDelta: 144,
                features: FeatureBits(optional: [.basicMPP], compulsory: [.varOnionOptin, .paymentSecret]),
                routingHints: [
                    [
                        RoutingHint(
                            nodeID: secret.key.publicKey(), shortChannelID: ShortChannelID("103x1x0")!,
                            feeBase: MilliSatoshi(1), feeProportionalMillionths: 2, cltvExpiryDelta: 3)
                    ]
                ], nodeSecret: secret.key)
            #expect(try Invoice(invoice.text) == invoice)
            #expect(try Invoice("LIGHTNING:" + invoice.text.uppercased()) == invoice)
        }
    }

    @Test("the fuzz corpus: no crash, and every verdict as Electrum's")
    func corpus() throws {
        var agreed = 0
        var lines = 0
        for v in try Vectors.jsonLines("lnwire/cln_fuzz_bolt11.jsonl") {
            let invoice = try? Invoice(v["invoice"].string)
            lines += 1
            if (invoice != nil) == (v["electrum"].string == "ok") { agreed += 1 }
            // Whatever is accepted can be told again in the same words.
            if let invoice { #expect(try Invoice(invoice.text) == invoice) }
        }
        #expect(agreed == lines && lines == 1228)
    }
}
