import BitcoinPrimitives
import CryptoPrimitives
import Testing

/// The first blocks of the networks, made of the constants of Bitcoin Core's `chainparams.cpp` and of BIP 94.
@Suite("first blocks")
struct GenesisTests {
    struct Genesis: Sendable {
        var network: Network
        var time: UInt32
        var nonce: UInt32
        var bits: UInt32
        var message = "The Times 03/Jan/2009 Chancellor on brink of second bailout for banks"
        var key =
            "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f"
    }

    static let all = [
        Genesis(network: .mainnet, time: 1_231_006_505, nonce: 2_083_236_893, bits: 0x1d00_ffff),
        Genesis(network: .testnet, time: 1_296_688_602, nonce: 414_098_458, bits: 0x1d00_ffff),
        Genesis(
            network: .testnet4, time: 1_714_777_860, nonce: 393_743_547, bits: 0x1d00_ffff,
            message: "03/May/2024 000000000000000000001ebd58c244970b3aa9d783bb001011fbe8ea8e98e00e", key: String(repeating: "00", count: 33)
        ),
        Genesis(network: .signet, time: 1_598_918_400, nonce: 52_613_770, bits: 0x1e03_77ae),
        Genesis(network: .regtest, time: 1_296_688_602, nonce: 2, bits: 0x207f_ffff),
    ]

    @Test("every network's chain hash is that of its first block, which has its proof of work", arguments: all)
    func hash(genesis: Genesis) throws {
        let key = try #require(Hex.decode(genesis.key))
        let message = Array(genesis.message.utf8)
        // 486604799, 4 and the message, as Core pushes them; the message is longer than one byte of length says for testnet4.
        let push = message.count < 76 ? [UInt8(message.count)] : [0x4c, UInt8(message.count)]
        let script: [UInt8] = [4, 0xff, 0xff, 0x00, 0x1d, 1, 4] + push + message
        var coinbase = Transaction(
            inputs: [TransactionInput(OutPoint(TransactionID(.zero), .max), sequence: .max)],
            outputs: [TransactionOutput(Satoshi(50_0000_0000), Script([UInt8(key.count)] + key + [0xac]))])
        coinbase.version = 1
        coinbase.inputs[0].signatureScript = Script(script)
        let header = BlockHeader(
            version: 1, previous: BlockHash(.zero), merkleRoot: coinbase.id.bytes, time: genesis.time, bits: genesis.bits,
            nonce: genesis.nonce)
        #expect(header.hash == genesis.network.chainHash)
    }

    @Test("what tells networks apart in texts")
    func texts() {
        #expect(Network.allCases.map(\.bech32Prefix) == ["bc", "tb", "tb", "tb", "bcrt"])
        #expect(Network.allCases.map(\.invoicePrefix) == ["bc", "tb", "tb", "tbs", "bcrt"])
        #expect(Network.allCases.map(\.coinType) == [0, 1, 1, 1, 1])
        #expect(Network.allCases.map(\.invoiceNetwork) == [.mainnet, .testnet, .testnet, .signet, .regtest])
        #expect(Network.allCases.map(\.rpcPort) == [8332, 18332, 48332, 38332, 18443])
    }
}
