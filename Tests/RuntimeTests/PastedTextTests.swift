import BitcoinPrimitives
import LightningAPI
import LightningInvoice
import LightningRuntime
import LightningServer
import Testing

@Suite("what people paste")
struct PastedTextTests {
    private static let invoice =
        "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh"
    private static let node = "03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad"

    @Test(
        "is recognised for what it is",
        arguments: [
            (invoice, "invoice"), ("  \(invoice)\n", "invoice"), ("lightning:\(invoice)", "invoice"),
            ("LIGHTNING:\(invoice.uppercased())", "invoice"),
            ("lightning://\(invoice)", "invoice"), ("bitcoin:?lightning=\(invoice)", "invoice"),
            ("bitcoin:1RustyRX2oai4EYYDpQGWvEL62BBGqN9T?amount=0.001&lightning=\(invoice)", "invoice"),
            ("bitcoin:1RustyRX2oai4EYYDpQGWvEL62BBGqN9T?amount=0.001&label=a%20cup+of%20tea", "address"),
            ("1RustyRX2oai4EYYDpQGWvEL62BBGqN9T", "address"), ("bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk", "address"),
            (node, "node"), ("\(node)@127.0.0.1:9735", "node"), ("lno1qcp4256ypqpq86q2pucnq42ngssx2an9wfujqerp0y", "offer"),
            (
                "lnurl1dp68gurn8ghj7um9wfmxjcm99e3k7mf0v9cxj0m385ekvcenxc6r2c35xvukxefcv5mkvv34x5ekzd3ev56nyd3hxqurzepexejxxepnxscrvwfnv9nxzcn9xq6xyefhvgcxxcmyxymnserxfq5fns",
                "lnurl"
            ),
            ("satoshi@example.com", "lightning_address"), ("₿satoshi@example.com", "lightning_address"),
        ])
    func recognised(_ text: String, _ type: String) throws {
        let fields = try Decoding.fields(of: text)
        #expect(fields.first?.value.text == type)
    }

    @Test("what BIP 21 says beside an address is kept")
    func uri() throws {
        guard
            case .address(let address, .mainnet, let amount, let label) = try PastedText(
                "BITCOIN:1RustyRX2oai4EYYDpQGWvEL62BBGqN9T?amount=0.00100001&label=a%20cup+of%20tea&other=5")
        else { return #expect(Bool(false), "it is no address") }
        #expect(address.description == "1RustyRX2oai4EYYDpQGWvEL62BBGqN9T" && amount == Satoshi(100_001) && label == "a cup+of tea")
    }

    @Test(
        "is refused, with the reason",
        arguments: [
            "", "  ", "hello", "lnbc1", "bitcoin:", "bitcoin:?amount=5", "bitcoin:1RustyRX2oai4EYYDpQGWvEL62BBGqN9T?amount=x",
            "bitcoin:1RustyRX2oai4EYYDpQGWvEL62BBGqN9T?amount=0.000000001", "bitcoin:1RustyRX2oai4EYYDpQGWvEL62BBGqN9T?req-more=1",
            "bitcoin:1RustyRX2oai4EYYDpQGWvEL62BBGqN9U", "02ab", "a@b", "@example.com", String(repeating: "a", count: 100_000),
            // As many levels as fit: none of them is a call of its own.
            String(repeating: "bitcoin:?lightning=", count: 50_000), String(repeating: "lightning:", count: 90_000),
            String(repeating: "a", count: 1_000_001),
        ])
    func refused(_ text: String) { #expect(throws: PastedText.Refusal.self) { _ = try PastedText(text) } }
}
