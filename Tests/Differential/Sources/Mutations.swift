import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningSimulation

/// Ways to spoil a signed transaction; some leave it good.
enum TransactionMutation {
    static func apply(_ transaction: inout Transaction, _ random: inout SeededRandom) -> String {
        func pick(_ count: Int) -> Int { Int.random(in: 0..<max(1, count), using: &random) }
        let input = pick(transaction.inputs.count)
        let output = pick(transaction.outputs.count)
        func flip(_ bytes: inout [UInt8]) {
            guard !bytes.isEmpty else { return bytes = [1] }
            bytes[pick(bytes.count)] ^= 1 << UInt8(pick(8))
        }
        switch pick(24) {
        case 0: transaction.version ^= 1 << UInt32(pick(32))
        case 1: transaction.lockTime = UInt32(pick(300))
        case 2: transaction.inputs[input].sequence ^= 1 << UInt32(pick(32))
        case 3: transaction.inputs[input].previousOutput.index ^= 1 << UInt32(pick(3))
        case 4:
            transaction.inputs[input].previousOutput.transaction = TransactionID(Hash.sha256([UInt8(pick(256))]))
        case 5: flip(&transaction.inputs[input].signatureScript.bytes)
        case 6:
            let bytes = transaction.inputs[input].signatureScript.bytes
            transaction.inputs[input].signatureScript.bytes = Array(bytes.prefix(pick(bytes.count + 1)))
        case 7: transaction.inputs[input].signatureScript.bytes.insert(UInt8(pick(0x61)), at: 0)
        case 8, 9:
            guard !transaction.inputs[input].witness.isEmpty else { return apply(&transaction, &random) }
            let element = pick(transaction.inputs[input].witness.count)
            flip(&transaction.inputs[input].witness[element])
            return "witness bit \(element)"
        case 10:
            guard !transaction.inputs[input].witness.isEmpty else { return apply(&transaction, &random) }
            transaction.inputs[input].witness.remove(at: pick(transaction.inputs[input].witness.count))
        case 11: transaction.inputs[input].witness.insert([UInt8](repeating: 1, count: pick(3)), at: 0)
        case 12: transaction.inputs[input].witness.append([0x50, UInt8(pick(256))])
        case 13:
            guard transaction.inputs[input].witness.count > 1 else { return apply(&transaction, &random) }
            transaction.inputs[input].witness.swapAt(0, 1)
        case 14: transaction.outputs[output].amount = Satoshi(transaction.outputs[output].amount.value &+ 1 << UInt64(pick(64)))
        case 15: flip(&transaction.outputs[output].script.bytes)
        case 16: transaction.outputs.remove(at: output)
        case 17: transaction.outputs.append(TransactionOutput(.zero, Script([0x6a])))
        case 18: transaction.inputs.append(transaction.inputs[input])
        case 19: transaction.inputs.swapAt(0, transaction.inputs.count - 1)
        case 20:
            // Another encoding of the same signature: a high S, or padding.
            return respell(&transaction.inputs[input], &random)
        case 21: transaction.inputs[input].previousOutput = .null
        case 22: transaction.inputs[input].witness = []
        default: transaction.outputs[output].script = Script([UInt8](repeating: 0x61, count: 10_001))
        }
        return "transaction"
    }

    private static func respell(_ input: inout TransactionInput, _ random: inout SeededRandom) -> String {
        func change(_ signature: [UInt8]) -> [UInt8] {
            guard let type = signature.last, let parsed = ECDSASignature(der: Array(signature.dropLast())) else {
                return signature + [0]
            }
            var bytes = parsed.der
            switch Int.random(in: 0..<4, using: &random) {
            case 0: return ECDSASignature(compact: highS(parsed.compact))!.der + [type]
            case 1:
                bytes.append(0)
                return bytes + [type]
            case 2: return bytes + [type ^ 0x40]
            default: return bytes
            }
        }
        if let first = input.witness.first(where: { $0.count > 60 && $0.count < 75 }) {
            input.witness[input.witness.firstIndex(of: first)!] = change(first)
        } else if let length = input.signatureScript.bytes.first, (60..<75).contains(length),
            input.signatureScript.bytes.count > Int(length)
        {
            let signature = Array(input.signatureScript.bytes[1...Int(length)])
            let rest = Array(input.signatureScript.bytes[(Int(length) + 1)...])
            input.signatureScript = Script(SpendForm.pushes([change(signature)]).bytes + rest)
        }
        return "signature's spelling"
    }

    /// The group's order less s, which verifies as well.
    private static func highS(_ compact: [UInt8]) -> [UInt8] {
        let order = Hex.decode("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")!
        var result = [UInt8](repeating: 0, count: 32)
        var borrow = 0
        for position in (0..<32).reversed() {
            let difference = Int(order[position]) - Int(compact[32 + position]) - borrow
            result[position] = UInt8(truncatingIfNeeded: difference)
            borrow = difference < 0 ? 1 : 0
        }
        return Array(compact.prefix(32)) + result
    }
}

/// Ways to spoil a block.
enum BlockMutation {
    static func apply(_ block: inout Block, _ random: inout SeededRandom, height: BlockHeight) -> String {
        func pick(_ count: Int) -> Int { Int.random(in: 0..<max(1, count), using: &random) }
        let last = block.transactions.count - 1
        var label = "block"
        switch pick(18) {
        case 0: block.transactions[0].outputs[0].amount += Satoshi(1)
        case 1: block.transactions[0].inputs[0].signatureScript = Script([.number(Int64(height.value)), .number(0)])
        case 2: block.transactions[0].inputs[0].signatureScript = Script([UInt8](repeating: 1, count: 101))
        case 3: block.transactions.removeFirst()
        case 4: block.transactions.append(block.transactions[0])
        case 5: block.transactions.append(block.transactions[last])
        case 6: block.transactions.swapAt(0, last)
        case 7: if last > 1 { block.transactions.swapAt(1, last) }
        case 8: block.transactions[0].inputs[0].witness = [[UInt8](repeating: 2, count: 32)]
        case 9: block.transactions[0].inputs[0].witness = []
        case 10: block.transactions[0].inputs[0].witness = [[UInt8](repeating: 0, count: 31)]
        case 11: block.transactions[0].outputs.removeLast()
        case 12: block.transactions[0].outputs.append(block.transactions[0].outputs[1])
        case 13:
            block.transactions[0].outputs[block.transactions[0].outputs.count - 1].script.bytes[pick(38)] ^= 1
        case 14:
            // More signature operations than a block may have, or just as many as it may.
            let count = [19_990, 20_001][pick(2)]
            block.transactions[0].outputs.append(TransactionOutput(.zero, Script([UInt8](repeating: 0xac, count: count))))
        case 15: block.transactions[0].outputs[0].amount = Satoshi(.max)
        case 16: block.transactions[0].lockTime = (height + 5).uint32
        default:
            block.transactions[0].inputs[0].sequence = 0
            block.transactions[0].lockTime = (height + pick(4)).uint32
        }
        if pick(10) > 0 {
            block.header.merkleRoot = MerkleTree.root(block.transactions.map(\.id.bytes)).root
        } else {
            label += ", old root"
        }
        return label
    }

    static func spoilHeader(_ block: inout Block, _ random: inout SeededRandom) -> String {
        func pick(_ count: Int) -> Int { Int.random(in: 0..<max(1, count), using: &random) }
        switch pick(9) {
        case 0: block.header.version = UInt32(pick(6))
        case 1: block.header.version ^= 1 << UInt32(pick(32))
        case 2: block.header.previous = BlockHash(Hash.sha256([UInt8(pick(256))]))
        case 3: block.header.merkleRoot[pick(32)] ^= 1
        case 4: block.header.time = block.header.time &- UInt32(pick(20_000))
        case 5: block.header.time = 4_000_000_000
        case 6: block.header.bits ^= 1 << UInt32(pick(32))
        case 7: block.header.time = block.header.time &+ UInt32(pick(7000))
        default:
            // A hash that misses the target.
            repeat { block.header.nonce &+= 1 } while block.header.hash.bytes[31] < 0x80
            return "unsolved"
        }
        return "header"
    }

    static func leavesUnsolved(_ label: String) -> Bool { label == "unsolved" }
}
