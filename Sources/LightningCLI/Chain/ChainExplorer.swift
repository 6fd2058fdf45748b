import ArgumentParser
import BitcoinBackend
import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningAPI
import LightningRuntime

// `lnw chain info`, `block`, `address`, `mempool`, `utxos`: layer 1 to look at.

/// A moment as people and programs read it.
private func moment(_ seconds: Int64?) -> String {
    Date(timeIntervalSince1970: TimeInterval(seconds ?? 0)).ISO8601Format()
}

/// Label and text, one below the other.
func chainRows(_ rows: [(String, String)]) -> String {
    rows.map { Format.pad($0.0, 12) + $0.1 }.joined(separator: "\n")
}

struct ChainInfo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "info", abstract: "The chain, its coins, its mempool and what to pay.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var source: ChainSource

    func run() async throws {
        let view = try await source.open()
        let state = try await view.call("getblockchaininfo")
        let pool = try await view.call("getmempoolinfo")
        let coins = try await view.call("gettxoutsetinfo", ["none"])
        var estimates: [(blocks: Int, rate: UInt64?)] = []
        for blocks in [1, 6, 144] {
            let answer = try await view.call("estimatesmartfee", [.integer(blocks)])
            estimates.append((blocks, answer["feerate"]?.satoshi))
        }
        let height = state["blocks"]?.whole ?? 0
        let amount = coins["total_amount"]?.satoshi ?? 0
        options.show(
            [
                "chain": .string(state["chain"]?.string ?? ""), "blockheight": .integer(height),
                "blockhash": .string(state["bestblockhash"]?.string ?? ""),
                "blocktime": .string(moment(state["time"]?.whole)),
                "txouts": .integer(coins["txouts"]?.whole ?? 0), "circulation_sat": .integer(Int64(clamping: amount)),
                "mempool_transactions": .integer(pool["size"]?.whole ?? 0),
                "mempool_vsize": .integer(pool["bytes"]?.whole ?? 0),
                "mempool_fees_sat": .integer(Int64(pool["total_fee"]?.satoshi ?? 0)),
                "mempool_floor_sat_per_kvb": .integer(Int64(pool["mempoolminfee"]?.satoshi ?? 0)),
                "estimates": .array(
                    estimates.map {
                        ["blocks": .integer(Int64($0.blocks)), "sat_per_kvb": $0.rate.map { .integer(Int64($0)) } ?? .null]
                    }),
            ]
        ) { _ in
            let fees = estimates.map {
                "\($0.blocks == 1 ? "next block" : "\($0.blocks) blocks") \($0.rate.map { FeeHistogram.rate($0) } ?? "?")"
            }
            return chainRows([
                ("layer 1", "\(state["chain"]?.string ?? ""), block \(height) of \(moment(state["time"]?.whole))"),
                ("tip", state["bestblockhash"]?.string ?? ""),
                ("coins", "\(Format.thousands(coins["txouts"].count)) unspent outputs, \(Format.sat(amount))"),
                (
                    "mempool",
                    "\(Format.thousands(pool["size"].count)) transactions, \(Format.thousands(pool["bytes"].count)) vB, "
                        + "\(Format.sat(pool["total_fee"]?.satoshi ?? 0)) in fees, from \(FeeHistogram.rate(pool["mempoolminfee"]?.satoshi ?? 0)) sat/vB"
                ),
                ("fees", fees.joined(separator: " · ") + " sat/vB"),
            ])
        }
    }
}

struct ChainBlock: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "block", abstract: "One block: who mined it, what it holds, what was paid.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var source: ChainSource
    @Argument(help: "Its height, its hash, or tip.") var block = "tip"
    @Option(help: "How many transactions to list.") var limit = 20

    func validate() throws { guard (0...10_000).contains(limit) else { throw ValidationError("--limit is between 0 and 10000.") } }

    func run() async throws {
        let view = try await source.open()
        let hash = try await view.blockHash(block)
        let value = try await view.call("getblock", [.string(hash.description), 2])
        let transactions = value["tx"]?.array ?? []
        let others = transactions.dropFirst()
        let coinbase = transactions.first?["vout"]?.array ?? []
        let reward = coinbase.map { $0["value"]?.satoshi ?? 0 }.saturatingSum
        let miner = coinbase.first?["scriptPubKey"].map { $0["address"]?.string ?? $0["asm"]?.string ?? "" } ?? ""
        var histogram = FeeHistogram()
        // Off the active chain nothing says what was paid.
        let knowsFees = others.allSatisfy { $0["fee"] != nil }
        var fees: UInt64 = 0
        for transaction in others where knowsFees {
            let fee = transaction["fee"]?.satoshi ?? 0
            let size = transaction["vsize"]?.whole ?? 1
            fees = [fees, fee].saturatingSum
            histogram.add(rate: fee * 1000 / UInt64(max(size, 1)), size: Int(size))
        }
        let height = value["height"]?.whole ?? 0
        let confirmations = value["confirmations"]?.integer ?? 0
        let weight = value["weight"]?.whole ?? 0
        options.show(
            [
                "blockheight": .integer(height), "blockhash": .string(hash.description),
                "confirmations": .integer(confirmations), "time": .string(moment(value["time"]?.whole)),
                "previous_blockhash": value["previousblockhash"]?.string.map { .string($0) } ?? .null,
                "next_blockhash": value["nextblockhash"]?.string.map { .string($0) } ?? .null,
                "size": .integer(value["size"]?.whole ?? 0), "weight": .integer(weight),
                "fees_sat": knowsFees ? .integer(Int64(clamping: fees)) : .null, "reward_sat": .integer(Int64(clamping: reward)),
                "miner": .string(miner),
                "feerates": histogram.json,
                "transaction_count": .integer(Int64(transactions.count)),
                "transactions": .array(
                    transactions.prefix(limit).map { tx in
                        [
                            "txid": .string(tx["txid"]?.string ?? ""), "vsize": .integer(tx["vsize"]?.whole ?? 0),
                            "fee_sat": tx["fee"].map { .integer(Int64($0.satoshi)) } ?? .null,
                            "output_sat": .integer(Int64(Self.paid(tx))),
                        ]
                    }),
            ]
        ) { _ in
            let share = String(format: "%.1f", Double(weight) / 40_000)
            var rows = [
                ("block", "\(height)   \(hash)"),
                ("time", moment(value["time"]?.whole)),
                (
                    "state",
                    confirmations < 0
                        ? "abandoned: not on the active chain" : "\(confirmations) confirmation\(confirmations == 1 ? "" : "s")"
                ),
                (
                    "size",
                    "\(Format.thousands(value["size"].count)) bytes, weight \(Format.thousands(UInt64(weight))) (\(share) % of what fits)"
                ),
                ("mined by", "\(miner)   \(Format.sat(reward))" + (knowsFees ? ", of it \(Format.sat(fees)) in fees" : "")),
                ("previous", value["previousblockhash"]?.string ?? "none: the first block"),
            ]
            if let next = value["nextblockhash"]?.string { rows.append(("next", next)) }
            var text = chainRows(rows) + "\n\n"
            if others.isEmpty { return text + "no payments, only the coinbase \(transactions.first?["txid"]?.string ?? "")" }
            if !histogram.lines.isEmpty { text += histogram.lines.joined(separator: "\n") + "\n\n" }
            text += "  sat/vB      vB               paid   transaction\n"
            text += transactions.prefix(limit).map { Self.line($0) }.joined(separator: "\n")
            if transactions.count > limit { text += "\n… and \(transactions.count - limit) more (--limit)" }
            return text
        }
    }

    private static func paid(_ transaction: RPCValue) -> UInt64 {
        (transaction["vout"]?.array ?? []).map { $0["value"]?.satoshi ?? 0 }.saturatingSum
    }

    private static func line(_ tx: RPCValue) -> String {
        let size = max(tx["vsize"].count, 1)
        let rate = tx["fee"].map { FeeHistogram.rate($0.satoshi * 1000 / size) } ?? "–"
        return Format.pad(rate, 8, right: true) + Format.pad(Format.thousands(size), 8, right: true)
            + Format.pad(Format.sat(paid(tx)), 19, right: true) + "   \(tx["txid"]?.string ?? "")"
    }
}

struct ChainMempool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "mempool", abstract: "What waits for a block, and what it pays.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var source: ChainSource
    @Option(help: "How many transactions to list, best payers first.") var limit = 20

    func validate() throws { guard (0...10_000).contains(limit) else { throw ValidationError("--limit is between 0 and 10000.") } }

    func run() async throws {
        let view = try await source.open()
        guard case .object(let entries) = try await view.call("getrawmempool", [true]) else {
            throw CallFailure(.unreachable, "unexpected answer of the layer 1: getrawmempool")
        }
        var histogram = FeeHistogram()
        var list: [(id: String, rate: UInt64, entry: RPCValue)] = []
        for entry in entries {
            let size = max(entry.value["ancestorsize"].count, 1)
            // With its ancestors: what a miner gets for taking it.
            let together = (entry.value["fees"]?["ancestor"]?.satoshi ?? 0) * 1000 / size
            list.append((entry.name, together, entry.value))
            histogram.add(rate: together, size: Int(entry.value["vsize"].count))
        }
        list.sort { ($1.rate, $0.id) < ($0.rate, $1.id) }
        options.show(
            [
                "transaction_count": .integer(Int64(list.count)),
                "transactions": .array(
                    list.prefix(limit).map {
                        [
                            "txid": .string($0.id), "vsize": .integer($0.entry["vsize"]?.whole ?? 0),
                            "fee_sat": .integer(Int64($0.entry["fees"]?["base"]?.satoshi ?? 0)),
                            "ancestor_sat_per_kvb": .integer(Int64($0.rate)),
                            "ancestors": .integer(($0.entry["ancestorcount"]?.whole ?? 1) - 1),
                            "descendants": .integer(($0.entry["descendantcount"]?.whole ?? 1) - 1),
                        ]
                    }), "feerates": histogram.json,
            ]
        ) { _ in
            if list.isEmpty { return "nothing waits for a block" }
            let size = list.reduce(0) { $0 + ($1.entry["vsize"]?.whole ?? 0) }
            var text =
                "\(Format.thousands(UInt64(list.count))) transaction\(list.count == 1 ? "" : "s"), \(Format.thousands(UInt64(size))) vB\n\n"
            text += histogram.lines.joined(separator: "\n") + "\n\n"
            text += "  sat/vB      vB         fee  after  before   transaction\n"
            text += list.prefix(limit).map { item in
                Format.pad(FeeHistogram.rate(item.rate), 8, right: true)
                    + Format.pad(Format.thousands(item.entry["vsize"].count), 8, right: true)
                    + Format.pad(Format.sat(item.entry["fees"]?["base"]?.satoshi ?? 0), 12, right: true)
                    + Format.pad("\((item.entry["ancestorcount"]?.whole ?? 1) - 1)", 7, right: true)
                    + Format.pad("\((item.entry["descendantcount"]?.whole ?? 1) - 1)", 8, right: true) + "   \(item.id)"
            }.joined(separator: "\n")
            if list.count > limit { text += "\n… and \(list.count - limit) more (--limit)" }
            return text
        }
    }
}

struct ChainUTXOs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "utxos", abstract: "The unspent outputs, largest first; or those of an address.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var source: ChainSource
    @Argument(help: "Only this address's.") var address: String?
    @Option(help: "How many to list.") var limit = 20

    func run() async throws {
        guard (1...10_000).contains(limit) else { throw CallFailure(.usage, "--limit is between 1 and 10000") }
        let view = try await source.open()
        let found: [RPCValue]
        let count: Int
        let total: UInt64
        if let address {
            guard try await view.call("validateaddress", [.string(address)])["isvalid"]?.bool == true else {
                throw CallFailure(.usage, "“\(address)” is no address of this network")
            }
            let answer = try await view.call("scantxoutset", ["start", [.string("addr(\(address))")]])
            let all = answer["unspents"]?.array ?? []
            count = all.count
            found = Array(all.prefix(limit))
            total = answer["total_amount"]?.satoshi ?? 0
        } else {
            guard let answer = await view.callIfKnown("listutxos", [.integer(limit)]) else {
                throw CallFailure(.refused, "this layer 1 lists no coins by itself; name an address: lnw chain utxos <address>")
            }
            found = answer["utxos"]?.array ?? []
            count = Int(answer["txouts"].count)
            total = answer["total_amount"]?.satoshi ?? 0
        }
        let coins = found.map { Coin($0, address: address) }
        options.show(
            [
                "txouts": .integer(Int64(count)), "total_sat": .integer(Int64(total)),
                "utxos": .array(
                    coins.map {
                        [
                            "txid": .string($0.id), "vout": .integer($0.index), "amount_sat": .integer(Int64($0.amount)),
                            "to": .string($0.owner), "blockheight": .integer($0.height), "coinbase": .bool($0.isCoinbase),
                        ]
                    }),
            ]
        ) { _ in
            if count == 0 { return address == nil ? "no coins yet. Mine some: lnw chain mine 101" : "no unspent outputs" }
            var text = "\(Format.thousands(UInt64(count))) unspent outputs, \(Format.sat(total))\n\n"
            text += coins.map { coin in
                Format.pad(Format.sat(coin.amount), 20, right: true) + "   block \(coin.height)\(coin.isCoinbase ? " (mined)" : "")"
                    + "   \(coin.owner)\n" + String(repeating: " ", count: 23) + "\(coin.id):\(coin.index)"
            }.joined(separator: "\n")
            if count > coins.count { text += "\n… and \(count - coins.count) more (--limit)" }
            return text
        }
    }

    private struct Coin {
        var id: String
        var index: Int64
        var amount: UInt64
        var owner: String
        var height: Int64
        var isCoinbase: Bool

        init(_ value: RPCValue, address: String?) {
            id = value["txid"]?.string ?? ""
            index = value["vout"]?.whole ?? 0
            amount = (value["value"] ?? value["amount"])?.satoshi ?? 0
            let script = value["scriptPubKey"]
            owner = address ?? script?["address"]?.string ?? script?["asm"]?.string ?? ""
            height = value["height"]?.whole ?? 0
            isCoinbase = value["coinbase"]?.bool ?? false
        }
    }
}

struct ChainAddress: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "address", abstract: "What an address received, spent and has.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var source: ChainSource
    @Argument(help: "The address.") var address: String
    @Option(help: "How many transactions to list, newest first.") var limit = 20

    func run() async throws {
        let view = try await source.open()
        let known = try await view.call("validateaddress", [.string(address)])
        guard known["isvalid"]?.bool == true, let script = known["scriptPubKey"]?.string.flatMap({ Hex.decode($0) }) else {
            throw CallFailure(.usage, "“\(address)” is no address of this network: \(known["error"]?.string ?? "")")
        }
        let unspent = try await view.call("scantxoutset", ["start", [.string("addr(\(address))")]])
        let balance = unspent["total_amount"]?.satoshi ?? 0
        let count = unspent["unspents"]?.array?.count ?? 0
        let ids = await view.callIfKnown("getaddresstxids", [.string(address)])?.array?.compactMap(\.string)
        var lines: [(id: String, change: Int64, place: String, height: Int64?)] = []
        for id in (ids ?? []).suffix(limit).reversed() {
            guard let id = TransactionID(display: id) else { continue }
            let found = try await view.transaction(id)
            let received = found.transaction.outputs.filter { $0.script == Script(script) }
            let spent = await view.spent(by: found.transaction).compactMap { $0 }.filter { $0.script == Script(script) }
            let change = received.reduce(0) { $0 + Int64($1.amount.value) } - spent.reduce(0) { $0 + Int64($1.amount.value) }
            var height: Int64?
            if let block = found.block { height = try await view.call("getblockheader", [.string(block.description)])["height"]?.whole }
            lines.append((id.description, change, height.map { "block \($0)" } ?? "mempool", height))
        }
        options.show(
            [
                "address": .string(address), "script": .string(Hex.encode(script)), "balance_sat": .integer(Int64(balance)),
                "utxos": .integer(Int64(count)), "transaction_count": ids.map { .integer(Int64($0.count)) } ?? .null,
                "transactions": .array(
                    lines.map {
                        [
                            "txid": .string($0.id), "change_sat": .integer($0.change),
                            "blockheight": $0.height.map { .integer($0) } ?? .null,
                        ]
                    }),
            ]
        ) { _ in
            var text = chainRows([
                ("address", address), ("script", ScriptText.describe(Script(script))),
                ("has", "\(Format.sat(balance)) in \(count) unspent output\(count == 1 ? "" : "s")"),
            ])
            guard let ids else { return text + "\n\n(this layer 1 keeps no history of addresses; lnw chain serve does)" }
            if ids.isEmpty { return text + "\n\nnothing was ever paid to it" }
            text +=
                "\n\n"
                + lines.map { line in
                    let sign = line.change < 0 ? "−" : "+"
                    return Format.pad(sign + Format.sat(line.change.magnitude), 20, right: true) + "   "
                        + Format.pad(line.place, 14) + line.id
                }.joined(separator: "\n")
            if ids.count > lines.count { text += "\n… and \(ids.count - lines.count) older (--limit)" }
            return text
        }
    }
}
