import BitcoinBackend
import BitcoinPrimitives
import CryptoPrimitives
import Foundation

/// All transactions of a small chain and its mempool, by the scripts that they touch.
actor ElectrumIndex {
    private struct Place: Hashable {
        var height: Int
        var position: Int
        var id: TransactionID
    }

    private let chain: EmbeddedChain
    private var tipHash: BlockHash?
    private var pool: Set<TransactionID> = []
    private var places: [String: [Place]] = [:]
    private var blocks: [Block] = []
    private var waiting: [TransactionID: Transaction] = [:]

    init(_ chain: EmbeddedChain) { self.chain = chain }

    private static func hash(_ script: Script) -> String { Hash.sha256(script.bytes).reversed.hex }

    private func renew() async throws(ChainFailure) {
        let tip = await chain.tip()
        let ids = Set(await chain.mempool())
        guard tip.hash != tipHash || ids != pool else { return }
        var blocks: [Block] = []
        for height in BlockHeight(0)...tip.height {
            guard let hash = await chain.blockHash(height: height) else { break }
            blocks.append(try await chain.block(hash))
        }
        var waiting: [TransactionID: Transaction] = [:]
        for id in ids { waiting[id] = await chain.mempoolTransaction(id) }
        var scripts: [OutPoint: String] = [:]
        var places: [String: [Place]] = [:]
        func note(_ transaction: Transaction, _ place: Place) {
            var touched: Set<String> = []
            for (index, output) in transaction.outputs.enumerated() {
                let hash = Self.hash(output.script)
                scripts[OutPoint(place.id, UInt32(index))] = hash
                touched.insert(hash)
            }
            for input in transaction.inputs { if let hash = scripts[input.previousOutput] { touched.insert(hash) } }
            for hash in touched { places[hash, default: []].append(place) }
        }
        for (height, block) in blocks.enumerated() {
            for (position, transaction) in block.transactions.enumerated() {
                note(transaction, Place(height: height, position: position, id: transaction.id))
            }
        }
        // Parents before what spends them.
        var left = waiting.sorted { $0.key < $1.key }
        while !left.isEmpty {
            let (ready, later) = (left.filter { isReady($0.value, left) }, left.filter { !isReady($0.value, left) })
            for (id, transaction) in ready {
                let isOnOthers = transaction.inputs.contains { waiting[$0.previousOutput.transaction] != nil }
                note(transaction, Place(height: isOnOthers ? -1 : 0, position: 0, id: id))
            }
            left = later
        }
        (tipHash, pool, self.places, self.blocks, self.waiting) = (tip.hash, ids, places, blocks, waiting)
    }

    private func isReady(_ transaction: Transaction, _ others: [(key: TransactionID, value: Transaction)]) -> Bool {
        !transaction.inputs.contains { input in others.contains { $0.key == input.previousOutput.transaction } }
    }

    private func history(_ hash: String) -> [Place] {
        (places[hash] ?? []).sorted { left, right in
            let (one, other) = (left.height <= 0 ? Int.max : left.height, right.height <= 0 ? Int.max : right.height)
            return (one, left.position) < (other, right.position)
        }
    }

    func status(_ hash: String) async throws(ChainFailure) -> RPCValue {
        try await renew()
        let text = history(hash).map { "\($0.id):\($0.height):" }.joined()
        return text.isEmpty ? .null : .string(Hash.sha256(Array(text.utf8)).hex)
    }

    private static func hex(_ header: BlockHeader) -> RPCValue {
        var writer = ByteWriter(capacity: 80)
        header.encode(to: &writer)
        return .string(Hex.encode(writer.bytes))
    }

    func tip() async throws(ChainFailure) -> RPCValue {
        try await renew()
        return ["hex": Self.hex(blocks[blocks.count - 1].header), "height": .integer(blocks.count - 1)]
    }

    private func branch(_ block: Block, _ position: Int) -> RPCValue {
        var level = block.transactions.map(\.id.bytes)
        var index = position
        var siblings: [RPCValue] = []
        while level.count > 1 {
            siblings.append(.string((index ^ 1 < level.count ? level[index ^ 1] : level[index]).reversed.hex))
            level = stride(from: 0, to: level.count, by: 2).map { left in
                MerkleTree.root([level[left], left + 1 < level.count ? level[left + 1] : level[left]]).root
            }
            index /= 2
        }
        return .array(siblings)
    }

    private func transaction(_ id: String) -> Transaction? {
        if let id = TransactionID(display: id), let found = waiting[id] { return found }
        return blocks.lazy.flatMap(\.transactions).first { $0.id.description == id }
    }

    func answer(_ method: String, _ parameters: [RPCValue], version: String) async throws(ChainFailure) -> RPCValue {
        try await renew()
        let number = parameters.first?.integer.map { Int($0) } ?? -1
        let text = parameters.first?.string ?? ""
        switch method {
        case "blockchain.headers.subscribe": return try await tip()
        case "blockchain.block.header":
            guard blocks.indices.contains(number) else { throw .refused("height \(number) out of range") }
            return Self.hex(blocks[number].header)
        case "blockchain.block.headers":
            let count = min(2016, parameters[1].integer.map { Int($0) } ?? 0)
            let found = blocks.dropFirst(number).prefix(count).map { Self.hex($0.header) }
            if version == "1.6" { return ["count": .integer(found.count), "headers": .array(found), "max": 2016] }
            return ["count": .integer(found.count), "hex": .string(found.compactMap(\.string).joined()), "max": 2016]
        case "blockchain.scripthash.subscribe": return try await status(text)
        case "blockchain.scripthash.get_history":
            return .array(history(text).map { ["tx_hash": .string($0.id.description), "height": .integer($0.height)] })
        case "blockchain.scripthash.listunspent":
            let mined = history(text).filter { $0.height > 0 }
            let spent = Set((blocks.flatMap(\.transactions) + waiting.values).flatMap { $0.inputs.map(\.previousOutput) })
            return .array(
                mined.flatMap { place -> [RPCValue] in
                    let outputs = blocks[place.height].transactions[place.position].outputs
                    return outputs.enumerated().filter {
                        Self.hash($0.element.script) == text && !spent.contains(OutPoint(place.id, UInt32($0.offset)))
                    }.map { ["tx_hash": .string(place.id.description), "tx_pos": .integer($0.offset), "height": .integer(place.height)] }
                })
        case "blockchain.transaction.get":
            guard let found = transaction(text) else { throw .refused("No such mempool or blockchain transaction.") }
            return .string(Hex.encode(found.serialized()))
        case "blockchain.transaction.get_merkle":
            let height = parameters[1].integer.map { Int($0) } ?? -1
            guard blocks.indices.contains(height),
                let position = blocks[height].transactions.firstIndex(where: { $0.id.description == text })
            else { throw .refused("tx \(text) not in block at height \(height)") }
            return ["block_height": .integer(height), "pos": .integer(position), "merkle": branch(blocks[height], position)]
        case "blockchain.transaction.id_from_pos":
            let position = parameters[1].integer.map { Int($0) } ?? -1
            guard blocks.indices.contains(number), blocks[number].transactions.indices.contains(position) else {
                throw .refused("no tx at position \(position) in block at height \(number)")
            }
            return [
                "tx_hash": .string(blocks[number].transactions[position].id.description), "merkle": branch(blocks[number], position),
            ]
        case "blockchain.transaction.broadcast":
            guard let bytes = Hex.decode(text), let transaction = try? Transaction(bytes) else { throw .refused("TX decode failed") }
            do throws(ChainFailure) { try await chain.publish(transaction) } catch {
                throw .refused("the transaction was rejected by network rules.\n\n\(error.reason)\n[\(text)]")
            }
            return .string(transaction.id.description)
        case "blockchain.transaction.broadcast_package" where version == "1.6":
            let package = (parameters.first?.array ?? []).compactMap {
                $0.string.flatMap { Hex.decode($0) }.flatMap { try? Transaction($0) }
            }
            guard let child = package.last else { throw .refused("TX decode failed") }
            do throws(ChainFailure) { try await chain.publish(child, payingFor: package.dropLast()) } catch {
                return ["success": false, "errors": [["txid": .string(child.id.description), "error": .string(error.reason)]]]
            }
            return ["success": true]
        case "blockchain.estimatefee": return -1
        case "blockchain.relayfee" where version != "1.6": return .number("0.00001")
        case "mempool.get_info" where version == "1.6": return ["mempoolminfee": .number("0.000001")]
        default: throw .refused("unknown method \"\(method)\"")
        }
    }
}
