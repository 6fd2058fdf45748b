package import BitcoinPrimitives
import CryptoPrimitives

/// The constants of a chain. The embedded layer 1 is Bitcoin's own regtest.
package struct ChainParameters: Sendable {
    package var network: Network
    package var genesis: Block
    /// Blocks that must follow a coinbase before it may be spent.
    package var coinbaseMaturity = Transaction.coinbaseMaturity
    /// Blocks between halvings of the subsidy.
    package var halvingInterval = 150
    /// The only difficulty of regtest, as a compact target.
    package var bits: UInt32 = 0x207f_ffff

    /// Bitcoin Core's regtest: trivial proof of work, every soft fork active from block 1.
    package static let regtest: ChainParameters = {
        let message = Array("The Times 03/Jan/2009 Chancellor on brink of second bailout for banks".utf8)
        let key = Hex.decode(
            "04678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61deb6"
                + "49f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5f")!
        let coinbase = Transaction(
            version: 1,
            inputs: [
                TransactionInput(
                    .null, signatureScript: Script([.push([0xff, 0xff, 0, 0x1d]), .push([4]), .push(message)]))
            ],
            outputs: [TransactionOutput(Satoshi(50_0000_0000), Script([.push(key), .op(.checkSig)]))])
        let header = BlockHeader(
            version: 1, previous: BlockHash(.zero), merkleRoot: coinbase.id.bytes, time: 1_296_688_602,
            bits: 0x207f_ffff, nonce: 2)
        return ChainParameters(network: .regtest, genesis: Block(header: header, transactions: [coinbase]))
    }()

    /// What a block may create out of nothing at a height.
    package func subsidy(height: BlockHeight) -> Satoshi {
        let halvings = height.value / halvingInterval
        return halvings >= 64 ? .zero : Satoshi(50_0000_0000 >> UInt64(halvings))
    }
}
