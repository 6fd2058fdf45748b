import ArgumentParser
import BitcoinBackend
import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningAPI
import LightningRuntime

/// Which layer 1 the looking commands ask: any that speaks a bitcoind's JSON-RPC.
struct ChainSource: ParsableArguments {
    @Option(help: "The layer 1: bitcoind:http://user:password@host:port. Default: the one that runs here.")
    var chain: String?
    @Option(help: "The bitcoind's .cookie, where the address has no user.") var chainCookie: String?
    @Option(help: "The folder of `lnw chain serve`.") var data: String?
    @Option(help: "The port of `lnw chain serve`. Default: 18443") var rpcPort: Int?

    /// The first of the possible layers 1 that answers.
    func open() async throws -> ChainView {
        let candidates = try self.candidates()
        var failure: ChainFailure?
        for (url, cookie) in candidates {
            do throws(ChainFailure) {
                let view = ChainView(backend: try BitcoindChain(url: url, cookieFile: cookie))
                _ = try await view.backend.call("getblockcount")
                return view
            } catch { failure = error }
        }
        if chain == nil, case .unreachable? = failure {
            let place = data.map { " for \($0)" } ?? ""
            throw CallFailure(
                .unreachable,
                "no layer 1 runs here\(place). Start one with lnw local up or lnw chain serve, or name it with --data, --rpc-port or --chain"
            )
        }
        throw CallFailure(.unreachable, failure!.description)
    }

    private func candidates() throws -> [(url: String, cookie: String?)] {
        let port = rpcPort ?? 18443
        guard (1...65535).contains(port) else { throw CallFailure(.usage, "a port is a number up to 65535") }
        if let chain {
            guard data == nil, rpcPort == nil else { throw CallFailure(.usage, "--chain, or --data and --rpc-port") }
            do throws(ChainFailure) { _ = try BitcoindChain(url: chain, cookieFile: chainCookie) } catch {
                throw CallFailure(
                    .usage, "--chain is an address like bitcoind:http://user:password@127.0.0.1:18443, @ and / in a password as %40 and %2F"
                )
            }
            return [(chain, chainCookie)]
        }
        let folders =
            data.map { [URL(filePath: $0, directoryHint: .isDirectory)] }
            ?? [Home.url.appending(path: "chain"), Home.url.appending(path: "chain-memory-\(port)")]
        let served: [(String, String?)] = folders.map { ("http://127.0.0.1:\(port)", $0.appending(path: "regtest/.cookie").path) }
        guard data == nil, rpcPort == nil, let local = try LocalWorld.storedChainURL() else { return served }
        return served + [(local, nil)]
    }
}

/// A layer 1 as an explorer looks at it: whole transactions and blocks, with what is known of their places.
struct ChainView {
    let backend: BitcoindChain

    /// A transaction, and where it is; no block for one that waits in the mempool.
    struct Found {
        var transaction: Transaction
        var block: BlockHash?
        var confirmations = 0
        var time: Int64?
    }

    func call(_ method: String, _ parameters: [RPCValue] = []) async throws -> RPCValue {
        do throws(ChainFailure) { return try await backend.call(method, parameters) } catch {
            switch error {
            case .refused(let reason): throw CallFailure(.refused, reason)
            default: throw CallFailure(.unreachable, error.description)
            }
        }
    }

    /// The answer of a call that not every bitcoind has.
    func callIfKnown(_ method: String, _ parameters: [RPCValue]) async -> RPCValue? {
        try? await backend.call(method, parameters)
    }

    func transaction(_ id: TransactionID) async throws -> Found {
        let answer: RPCValue
        do throws(ChainFailure) {
            answer = try await backend.call("getrawtransaction", [.string(id.description), 1])
        } catch {
            guard case .refused = error else { throw CallFailure(.unreachable, error.description) }
            throw CallFailure(.refused, "no transaction \(id) in any block or in the mempool")
        }
        guard let bytes = answer["hex"]?.string.flatMap({ Hex.decode($0) }), let transaction = try? Transaction(bytes) else {
            throw CallFailure(.unreachable, "unexpected answer of the layer 1: getrawtransaction")
        }
        return Found(
            transaction: transaction, block: answer["blockhash"]?.string.flatMap { BlockHash(display: $0) },
            confirmations: Int(answer["confirmations"].count), time: answer["blocktime"]?.whole)
    }

    /// The outputs that a transaction spends, in the order of its inputs; `nil` where the layer 1 does not know them.
    func spent(by transaction: Transaction) async -> [TransactionOutput?] {
        guard !transaction.isCoinbase else { return [] }
        var parents: [TransactionID: Transaction?] = [:]
        var outputs: [TransactionOutput?] = []
        for input in transaction.inputs {
            let id = input.previousOutput.transaction
            if parents[id] == nil { parents[id] = .some(try? await self.transaction(id).transaction) }
            let candidates = (parents[id] ?? nil)?.outputs ?? []
            let index = Int(input.previousOutput.index)
            outputs.append(candidates.indices.contains(index) ? candidates[index] : nil)
        }
        return outputs
    }

    /// Who spends each output: its transaction, and whether that is known to be unspent.
    enum Fate {
        case unspent
        case spent(by: TransactionID, isMined: Bool)
        case unknown
    }

    func fates(of transaction: Transaction) async throws -> [Fate] {
        let id = transaction.id
        let outPoints = transaction.outputs.indices.map {
            ["txid": .string(id.description), "vout": .integer($0)] as RPCValue
        }
        var answers = await callIfKnown("gettxspendingprevout", [.array(outPoints), ["mempool_only": false]])?.array
        if answers == nil { answers = await callIfKnown("gettxspendingprevout", [.array(outPoints)])?.array }
        var fates: [Fate] = []
        for (position, output) in transaction.outputs.enumerated() {
            let answer = answers.flatMap { $0.indices.contains(position) ? $0[position] : nil }
            if let spender = answer?["spendingtxid"]?.string.flatMap({ TransactionID(display: $0) }) {
                fates.append(.spent(by: spender, isMined: answer?["blockhash"] != nil))
            } else if output.script.isUnspendable {
                fates.append(.unspent)
            } else {
                let coin = try await call("gettxout", [.string(id.description), .integer(position), true])
                fates.append(coin == .null ? .unknown : .unspent)
            }
        }
        return fates
    }

    /// The hash of a block that is named by its height, its hash, or “tip”.
    func blockHash(_ name: String) async throws -> BlockHash {
        if name == "tip" || name == "last" {
            return try Self.hash(try await call("getbestblockhash"))
        }
        if let height = Int(name), name.count < 12 {
            let last = try await call("getblockcount").integer ?? 0
            guard (0...last).contains(Int64(height)) else {
                throw CallFailure(.refused, "there is no block \(height): the last one is \(last)")
            }
            return try Self.hash(try await call("getblockhash", [.integer(height)]))
        }
        guard let hash = BlockHash(display: name) else {
            throw CallFailure(.usage, "“\(name)” is no block: give its height, its hash of 64 digits, or tip")
        }
        return hash
    }

    private static func hash(_ answer: RPCValue) throws -> BlockHash {
        guard let hash = answer.string.flatMap({ BlockHash(display: $0) }) else {
            throw CallFailure(.unreachable, "unexpected answer of the layer 1: no block hash")
        }
        return hash
    }
}

extension RPCValue {
    /// An amount of bitcoin in satoshi.
    var satoshi: UInt64 {
        switch self {
        case .integer(let value): (0...21_000_000).contains(value) ? UInt64(value) * 100_000_000 : 0
        case .number(let digits):
            Decimal(string: digits).flatMap { amount in
                (0...21_000_000).contains(amount) ? NSDecimalNumber(decimal: amount * 100_000_000).uint64Value : nil
            } ?? 0
        default: 0
        }
    }
}

extension RPCValue {
    /// A whole number as a layer 1 may tell it: within what sums and bars bear, whatever it says.
    var whole: Int64? { integer.map { max(0, min($0, 1 << 40)) } }
}

extension [UInt64] {
    /// The sum, or the largest number there is.
    var saturatingSum: UInt64 {
        reduce(0) { sum, value in
            let (next, overflow) = sum.addingReportingOverflow(value)
            return overflow ? .max : next
        }
    }
}

extension RPCValue? {
    /// A count or a size that the layer 1 told: 0 where it is missing, or is none.
    var count: UInt64 { UInt64(self?.whole ?? 0) }
}

/// Feerates by how much weight pays them, as bars.
struct FeeHistogram {
    /// Lower bounds in satoshi for each 1000 virtual bytes.
    private static let bounds: [UInt64] = [0, 200, 500, 1000, 2000, 3000, 5000, 10_000, 20_000, 50_000, 100_000, 500_000]
    private var sizes = [Int](repeating: 0, count: bounds.count)

    /// - Parameter rate: in satoshi for each 1000 virtual bytes.
    mutating func add(rate: UInt64, size: Int) {
        sizes[Self.bounds.lastIndex { $0 <= rate } ?? 0] += size
    }

    /// Lines from the highest rate to the lowest; none where nothing was added.
    var lines: [String] {
        guard let largest = sizes.max(), largest > 0 else { return [] }
        let used = sizes.indices.filter { sizes[$0] > 0 }
        return (used.first!...used.last!).reversed().map { index in
            let from = Self.rate(Self.bounds[index])
            let to = index + 1 < Self.bounds.count ? Self.rate(Self.bounds[index + 1]) : "more"
            let bar = String(repeating: "█", count: (sizes[index] * 32 + largest - 1) / largest)
            return Format.pad(from, 5, right: true) + " – " + Format.pad(to, 4) + " sat/vB "
                + Format.pad(Format.thousands(UInt64(sizes[index])), 10, right: true) + " vB  \(bar)"
        }
    }

    var json: JSONValue {
        .array(
            sizes.indices.filter { sizes[$0] > 0 }.map {
                ["from_sat_per_kvb": .integer(Int64(Self.bounds[$0])), "vsize": .integer(Int64(sizes[$0]))]
            })
    }

    /// `1.2`: satoshi for a virtual byte.
    static func rate(_ perThousand: UInt64) -> String {
        let tenths = (perThousand + 50) / 100
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
}
