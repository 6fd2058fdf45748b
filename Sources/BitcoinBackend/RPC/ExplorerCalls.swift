import BitcoinLedger
import BitcoinPrimitives

// What a bitcoind has no call for, and an explorer needs.

extension RPCMethod {
    static let explorer: [RPCMethod] = [
        RPCMethod(
            "getaddresstxids", ["address"], required: 1, "explorer",
            "The transactions that pay to an address or spend from it, oldest first; the mempool's at the end."
        ) { arguments, context in
            let text = try arguments.string(0)
            guard let address = Address(text, network: .regtest) else { throw RPCFailure.notFound("Invalid address") }
            return .array(await context.chain.history(of: address.script).map { .text($0) })
        },
        RPCMethod(
            "listutxos", ["count", "skip"], "explorer", "The unspent outputs, largest first; 100 unless told otherwise."
        ) { arguments, context in
            let count = try arguments.optionalInteger(0) ?? 100
            let skip = try arguments.optionalInteger(1) ?? 0
            guard (1...10_000).contains(count), skip >= 0 else {
                throw RPCFailure.parameter("count is between 1 and 10000, skip is not negative")
            }
            return await context.chain.read { ledger, _ in
                var coins: [(outPoint: OutPoint, coin: Coin)] = []
                ledger.forEachCoin { coins.append(($0, $1)) }
                coins.sort { ($1.coin.output.amount, $0.outPoint) < ($0.coin.output.amount, $1.outPoint) }
                let total = coins.reduce(Satoshi.zero) { $0 + $1.coin.output.amount }
                let shown = coins.dropFirst(skip).prefix(count).map { outPoint, coin -> RPCValue in
                    [
                        "txid": .text(outPoint.transaction), "vout": .integer(Int64(outPoint.index)),
                        "value": .amount(coin.output.amount), "scriptPubKey": coin.output.script.rpcValue,
                        "coinbase": .bool(coin.isCoinbase), "height": .height(coin.height),
                        "confirmations": .integer(coin.height.depth(at: ledger.height)),
                        "spent_in_mempool": .bool(ledger.mempool.spender(of: outPoint) != nil),
                    ]
                }
                return [
                    "height": .height(ledger.height), "txouts": .integer(coins.count), "total_amount": .amount(total),
                    "utxos": .array(Array(shown)),
                ]
            }
        },
    ]
}
