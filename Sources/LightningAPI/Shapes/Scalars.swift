import BitcoinPrimitives

// The values that the calls speak of, each with its unit: the same name means the same thing everywhere.
extension Shape {
    /// The example values: those of BOLT 11's and BOLT 3's test vectors where there is one, so that they parse.
    private enum Examples {
        static let node = "03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad"
        static let hash = "0001020304050607080900010203040506070809000102030405060708090102"
        static let transaction = "8984484a580b825b9972d7adb15050b3ab624ccd731946b3eeddb92f4e7ef6be"
        static let invoice =
            "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh"
    }

    // MARK: Numbers

    static let flag = Shape(.flag, example: true)
    static func integer(_ range: ClosedRange<Int64> = 0...Int64.max, _ meaning: String = "", example: JSONValue = 1) -> Shape {
        Shape(.integer(range), meaning, example: example)
    }
    static let count = integer(example: 3)
    /// All that exists: 21 million bitcoin.
    static let msat = integer(0...2_100_000_000_000_000_000, "thousandths of a satoshi", example: 100_000_000)
    static let sat = integer(0...2_100_000_000_000_000, "satoshi", example: 100_000)
    static let someSat = integer(1...2_100_000_000_000_000, "satoshi", example: 100_000)
    /// What came less what went.
    static let signedSat = integer(-2_100_000_000_000_000...2_100_000_000_000_000, "satoshi", example: -1_500)
    static let satOrAll = Shape(
        .either([someSat, choice("all")]), "satoshi, or \"all\": everything that can be spent", example: 100_000)
    static let height = integer(0...Int64(Int32.max), "the height of a block", example: 840_000)
    static let milliseconds = integer(0...Int64.max, "thousandths of a second", example: 250)
    static let feeRate = integer(
        0...Int64(UInt32.max), "satoshi for a thousand units of weight: 250 for each satoshi per virtual byte", example: 1000)
    static let percent = integer(0...100, "hundredths", example: 93)
    static let millionths = integer(0...Int64(UInt32.max), "millionths", example: 10)
    static let virtualSize = integer(0...4_000_000, "virtual bytes", example: 154)

    // MARK: Texts

    static let text = Shape(.text(.any), example: "coffee")
    static func text(_ example: String, _ meaning: String = "") -> Shape { Shape(.text(.any), meaning, example: .string(example)) }
    static let time = Shape(.text(.time), "RFC 3339, in UTC", example: "2026-11-27T12:00:00Z")
    static let nodeID = Shape(.text(.hex(bytes: 33)), "a node's public key, in hex", example: .string(Examples.node))
    static let nodeAddress = Shape(.text(.nodeAddress), "a node's id, and where it is", example: .string(Examples.node + "@127.0.0.1:9735"))
    static let channelID = Shape(.text(.hex(bytes: 32)), "BOLT 2's channel_id, in hex", example: .string(Examples.transaction))
    static let shortChannelID = Shape(.text(.shortChannelID), "block, transaction and output: BOLT 7", example: "103x1x0")
    /// What a channel is called before it is in a block: its alias.
    static let txid = Shape(
        .text(.hex(bytes: 32)), "a transaction's id, in hex as block explorers show it", example: .string(Examples.transaction))
    static let outPoint = Shape(
        .text(.outPoint), "a transaction's id and an output's number", example: .string(Examples.transaction + ":0"))
    static let paymentHash = Shape(.text(.hex(bytes: 32)), "the SHA-256 of a preimage, in hex", example: .string(Examples.hash))
    static let preimage = Shape(
        .text(.hex(bytes: 32)), "whose SHA-256 is the payment's hash, in hex: the proof that it was paid", example: .string(Examples.hash))
    static let bolt11 = Shape(.text(.any), "an invoice: BOLT 11", example: .string(Examples.invoice))
    static let address = Shape(.text(.any), "a Bitcoin address", example: "bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk")
    static let hex = Shape(.text(.hex(bytes: nil)), "bytes in hex", example: "00ff")
    static let position = Shape(.text(.any), "where a list goes on", example: "00000000000000a1")

    // MARK: Names that select

    static let node = Shape(.text(.any), "a node's id, its alias, or a unique beginning of either", example: .string(Examples.node))
    static let channel = Shape(
        .text(.any), "a channel's short id, its alias, or a unique beginning of its id, of its peer's or of its peer's name",
        example: "103x1x0")
    static let invoiceName = Shape(
        .text(.any), "an invoice, its payment hash, or a unique beginning of that", example: .string(Examples.hash))
    static let streamNumber = integer(1...Int64.max, "the number of a stream", example: 1)

    // MARK: What is made of them

    /// A value that may be `null`, as part of a list or of a field that may be left out.
    static func nullable(_ shape: Shape) -> Shape {
        Shape(.either([shape, Shape(.null)]), shape.meaning + (shape.meaning.isEmpty ? "" : "; or null"), example: shape.sample)
    }
    static let network = Shape(.choice(Network.allCases.map(\.rawValue).sorted()), example: "regtest")
    static let done = Shape(.done, "true: it is done", example: true)
    static func choice(_ words: String...) -> Shape { Shape(.choice(words), example: .string(words[0])) }
    static func list(_ shape: Shape) -> Shape { Shape(.list(shape)) }
    static func object(_ fields: [Field]) -> Shape { Shape(.object(name: nil, fields)) }
    static func object(_ name: String, _ meaning: String, _ fields: [Field]) -> Shape { Shape(.object(name: name, fields), meaning) }

    /// The same with other values in examples.
    func shown(as example: JSONValue) -> Shape {
        var shape = self
        shape.example = example
        return shape
    }

    /// The fields of an object; none of anything else.
    var fields: [Field] {
        if case .object(_, let fields) = kind { return fields }
        return []
    }

    /// What such a value looks like, put together of its parts.
    package var sample: JSONValue {
        switch kind {
        case .flag, .integer, .text, .choice, .either, .done, .null: example
        case .list(let shape): .array([shape.sample])
        case .object(_, let fields) where example == .null:
            .object(Dictionary(fields.map { ($0.name, $0.shape.sample) }, uniquingKeysWith: { $1 }))
        case .object: example
        case .map(let shape): ["103x1x0": shape.sample]
        }
    }
}
