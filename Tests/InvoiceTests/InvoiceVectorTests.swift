import BitcoinPrimitives
import CryptoPrimitives
import LightningInvoice
import LightningOnion
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
        #expect(coffee.expiry == .seconds(60))
        #expect(coffee.descriptionText == "1 cup coffee")
        #expect(coffee.timestamp == Timestamp(seconds: 1_496_314_658))
        #expect(try invoice("Please send 0.0096").amount == MilliSatoshi(967_878_534))
        let hints = try invoice("On mainnet, with fallback address 1RustyRX").routingHints
        #expect(hints.count == 1 && hints[0].count == 2)
        #expect(hints[0][1].cltvExpiryDelta == 4)
        let fallback = try invoice("On mainnet, with fallback (P2WPKH)").fallbackScripts
        #expect(Address(script: fallback[0], network: .mainnet)?.description == "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")
        #expect(try invoice("Please send 0.01 BTC with").paymentMetadata == [1, 0xfa, 0xfa, 0xf0])
    }

    @Test("bLIP 39's vector: two blinded paths, read and written")
    func blindedPaths() throws {
        let text =
            "lnbc20m1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4js5fdqqqq"
            + "q2qqqqqpgqyzqqqqqqqqqqqqyqqqqqqqqqqqvsqqqqlnxy0ffrlt2y2jgtzw89kgr3zg4dlwtlfycn3yuek8x5eucnuchqps82xf"
            + "0m2u6sx5wnjw7xxgnxz5kf09quqsv5zvkgj7d5kpzttp4qz7q5qsyqcyq5pzq2feycsemrh7wvendc4kw3tsmkt25a36ev6kfehr"
            + "v7ecfkrp5zs9q5zqxqspqtr4avek5quzjn427asptzews5wrczfhychr2sq6ue9phmn35tjqcrspqgpsgpgxquyqjzstpsxsu59z"
            + "qqqqqpqqqqqqyqq2qqqqqqqqqqqqqqqqqqqqqqqqpgqqqqk8t6endgpc99824amqzk9japgu8synwf3wx4qp4ej2r0h8rghypsqs"
            + "ygpf8ynzr8vwleenxdhzke69wrwed2nk8t9n2e8xudnm8pxcvxs2q5qsyqcyq5y4rdlhtf84f8rgdj34275juwls2ftxtcfh0358"
            + "63q3p9k6s94hpxhdmzfn5gxpsazdznxs56j4vt3fdhe00g9v2l3szher50hp4xlggqkxf77f"
        let invoice = try Invoice(text)
        #expect(invoice.paymentSecret == nil && invoice.amount == MilliSatoshi(2_000_000_000) && invoice.blindedPaths.count == 2)
        let first = invoice.blindedPaths[0]
        #expect(first.feeBase == 40 && first.feeProportionalMillionths == 20 && first.cltvExpiryDelta == 130)
        #expect(first.htlcMinimum.value == 2 && first.htlcMaximum.value == 100 && first.features.bytes.isEmpty)
        #expect(first.path.firstPathKey.hex == "03f3311e948feb5115242c4e396c81c448ab7ee5fd24c4e24e66c73533cc4f98b8")
        #expect(first.path.firstNodeID.hex == "03a8c97ed5cd40d474e4ef18c899854b25e5070106504cb225e6d2c112d61a805e")
        #expect(first.path.hops.map { Hex.encode($0.encryptedData) } == ["0102030405", "0504030201", "0102030405060708090a0b0c0d0e"])
        #expect(first.path.hops[2].blindedNodeID.hex == "02c75eb336a038294eaaf760158b2e851c3c0937262e35401ae64a1bee71a2e40c")
        #expect(invoice.blindedPaths[1].path.hops.count == 1 && invoice.blindedPaths[1].htlcMaximum.value == 10)
        let written = Invoice(
            network: .mainnet, amount: invoice.amount, timestamp: invoice.timestamp, paymentHash: invoice.paymentHash, paymentSecret: nil,
            details: invoice.details, expiry: invoice.expiry, minFinalCLTVExpiryDelta: 18, features: FeatureBits(),
            blindedPaths: invoice.blindedPaths,
            nodeSecret: SecretKey.Box("e126f68f7eafcc8b74f54d269fe206be715000f94dac067d1c04a8ca3b2db734").key)
        #expect(written == invoice)
    }

    @Test("a secret or a hint beside blinded paths, a path without nodes, and one cut off are refused")
    func contradictoryPaths() throws {
        let secret = SecretKey.Box(String(repeating: "7b", count: 32))
        let key = secret.key.publicKey()
        let hop = BlindedPath.Hop(blindedNodeID: key, encryptedData: [1])
        let path = BlindedPaymentPath(
            path: BlindedPath(firstNodeID: key, firstPathKey: key, hops: [hop]), feeBase: 0, feeProportionalMillionths: 0,
            cltvExpiryDelta: 18, htlcMinimum: .zero, htlcMaximum: MilliSatoshi(1000))
        func text(_ paymentSecret: Bytes32?, _ hints: [[RoutingHint]], _ path: BlindedPaymentPath?) -> String {
            Invoice(
                network: .regtest, amount: nil, timestamp: Timestamp(seconds: 1_700_000_000),
                paymentHash: PaymentPreimage(.zero).paymentHash,
                paymentSecret: paymentSecret, details: .text("x"), expiry: .seconds(3600), minFinalCLTVExpiryDelta: 18,
                features: FeatureBits(optional: [.basicMPP], compulsory: [.varOnionOptin, .invoiceBlindedPaths]), routingHints: hints,
                blindedPaths: path.map { [$0] } ?? [], nodeSecret: secret.key
            ).text
        }
        #expect(try Invoice(text(nil, [], path)).blindedPaths == [path])
        #expect(throws: InvoiceRefusal.contradictory("payment secret")) { try Invoice(text(.zero, [], path)) }
        let hint = RoutingHint(
            nodeID: key, shortChannelID: ShortChannelID(1), feeBase: .zero, feeProportionalMillionths: 0, cltvExpiryDelta: 0)
        #expect(throws: InvoiceRefusal.contradictory("routing hint")) { try Invoice(text(nil, [[hint]], path)) }
        #expect(throws: InvoiceRefusal.missingField("payment secret")) { try Invoice(text(nil, [], nil)) }
        var writer = ByteWriter()
        path.encode(to: &writer)
        for count in 0..<writer.bytes.count {
            #expect(throws: DecodingFailure.self) {
                var reader = ByteReader(Array(writer.bytes[..<count]))
                _ = try BlindedPaymentPath(from: &reader)
            }
        }
        // No node at all.
        #expect(throws: DecodingFailure.self) {
            var reader = ByteReader(Array(writer.bytes[..<63]) + [0])
            _ = try BlindedPaymentPath(from: &reader)
        }
    }

    @Test("what we write we read, for amounts of every multiplier")
    func roundTrip() throws {
        let secret = SecretKey.Box(String(repeating: "7b", count: 32))
        for msat: UInt64 in [1, 10, 99, 100, 1_000, 123_456, 100_000, 100_000_000, 100_000_000_000, 2_100_000_000_000] {
            let invoice = Invoice(
                network: .regtest, amount: MilliSatoshi(msat), timestamp: Timestamp(seconds: 1_700_000_000),
                paymentHash: PaymentPreimage(.zero).paymentHash, paymentSecret: Hash.sha256([1]),
                details: .text("dinner \u{1F35C}"), expiry: .seconds(77), minFinalCLTVExpiryDelta: 144,
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
