import BitcoinPrimitives
import CryptoPrimitives
import LightningSimulation

/// Draws forms at random.
extension SpendForm {
    static func draw(_ random: inout SeededRandom, height: BlockHeight) -> SpendForm {
        let seed: UInt64 = random.next() % 50
        let kind: Kind
        switch Int.random(in: 0..<22, using: &random) {
        case 0: kind = .publicKey(compressed: random.next() % 2 == 0)
        case 1: kind = .publicKeyHash(compressed: random.next() % 2 == 0)
        case 2: kind = multi(&random, 5)
        case 3: kind = .scriptHash(multi(&random, 4))
        case 4, 5, 6: kind = .witnessKeyHash
        case 7: kind = .scriptHash(.witnessKeyHash)
        case 8: kind = witnessMulti(&random)
        case 9: kind = .scriptHash(witnessMulti(&random))
        case 10, 11: kind = .taprootKey(tree: random.next() % 2 == 0)
        case 12, 13, 14:
            let version: UInt8 = random.next() % 8 == 0 ? 0xc2 : 0xc0
            let depth = Int.random(in: 0..<(random.next() % 20 == 0 ? 129 : 4), using: &random)
            kind = .taprootLeaf(tapRecipe(&random, seed: seed, height: height), leafVersion: version, depth: depth)
        case 15: kind = .bare(recipe(&random, seed: seed, height: height))
        case 16, 17: kind = .witnessScript(recipe(&random, seed: seed, height: height))
        case 18: kind = .scriptHash(.witnessScript(recipe(&random, seed: seed, height: height)))
        case 19: kind = .scriptHash(.bare(recipe(&random, seed: seed, height: height)))
        case 20: kind = .witnessScript(randomRecipe(&random))
        default:
            let scripts = [
                Script([0x51]), .anchor, Script([0x52, 2, 1, 2]), Script([0x60, 40] + [UInt8](repeating: 7, count: 40)),
                Script([0x51, 32] + [UInt8](repeating: 0xff, count: 32)), Script([0, 3, 1, 2, 3]), Script(),
                Script([0x6a, 1, 1]), Script([0x00, 20] + [UInt8](repeating: 0, count: 20)),
            ]
            kind = .anyone(scripts[Int.random(in: 0..<scripts.count, using: &random)])
        }
        return SpendForm(kind: kind, seed: seed)
    }

    private static func multi(_ random: inout SeededRandom, _ most: Int) -> Kind {
        let count = Int.random(in: 1...most, using: &random)
        return .multiSignature(required: Int.random(in: 1...count, using: &random), of: count)
    }

    private static func witnessMulti(_ random: inout SeededRandom) -> Kind {
        let count = Int.random(in: 1...16, using: &random)
        return .witnessMultiSignature(required: Int.random(in: 1...count, using: &random), of: count)
    }

    private static func publicKey(_ seed: UInt64) -> [UInt8] {
        SpendForm(kind: .witnessKeyHash, seed: seed).key().publicKey().compressed
    }

    /// Locks of time, hashes and branches around a signature.
    private static func recipe(_ random: inout SeededRandom, seed: UInt64, height: BlockHeight) -> Recipe {
        let key = publicKey(seed)
        switch Int.random(in: 0..<8, using: &random) {
        case 0:
            let lock = Int64(height.value) + Int64.random(in: -2...3, using: &random)
            return Recipe(
                script: Script([.number(max(0, lock)), .op(.checkLockTimeVerify), .op(.drop), .push(key), .op(.checkSig)]),
                stack: [nil], sequence: 0xffff_fffe, lockTime: UInt32(max(0, lock)))
        case 1:
            let lock = UInt32.random(in: 0...3, using: &random)
            return Recipe(
                script: Script([.number(Int64(lock)), .op(.checkSequenceVerify), .op(.drop), .push(key), .op(.checkSig)]),
                stack: [nil], sequence: lock)
        case 2:
            let secret = Array("secret \(seed)".utf8)
            return Recipe(
                script: Script([
                    .op(.size), .number(Int64(secret.count)), .op(.equalVerify), .op(.sha256),
                    .push(Hash.sha256(secret).array), .op(.equalVerify), .push(key), .op(.checkSig),
                ]), stack: [nil, secret])
        case 3:
            let choice = random.next() % 2 == 0
            return Recipe(
                script: Script([
                    .op(.if), .push(key), .op(.else), .push(publicKey(seed + 1)), .op(.endIf), .op(.checkSig),
                ]), stack: [nil, choice ? [1] : [2]])
        case 4:
            // A code separator changes what is signed: this signature is good only without one in the segwit sense.
            return Recipe(script: Script([.push(key), .op(.checkSigVerify), .op(.one)]), stack: [nil])
        case 5:
            var script = Script()
            for _ in 0..<Int.random(in: 190...210, using: &random) { script.append(.op(.nop)) }
            script.append(.op(.one))
            return Recipe(script: script, stack: [])
        case 6:
            let size = [519, 520, 521][Int.random(in: 0..<3, using: &random)]
            return Recipe(
                script: Script([.op(.size), .op(.drop), .op(.drop), .op(.one)]), stack: [[UInt8](repeating: 1, count: size)])
        default: return randomRecipe(&random)
        }
    }

    private static func tapRecipe(_ random: inout SeededRandom, seed: UInt64, height: BlockHeight) -> Recipe {
        let key = SpendForm(kind: .witnessKeyHash, seed: seed).key().publicKey().xOnly.array
        switch Int.random(in: 0..<7, using: &random) {
        case 0, 1: return Recipe(script: Script([.push(key), .op(.checkSig)]), stack: [nil])
        case 2:
            // CHECKSIGADD with one of two keys.
            var script = Script([.push(key), .op(.checkSig), .push(key)])
            script.bytes.append(0xba)
            script.append(.number(random.next() % 2 == 0 ? 1 : 2))
            script.bytes.append(0x9c)
            return Recipe(script: script, stack: [[], nil])
        case 3:
            // An opcode that makes everything good.
            let codes: [UInt8] = [80, 98, 126, 137, 141, 149, 187, 254]
            return Recipe(
                script: Script([0x6a, codes[Int.random(in: 0..<codes.count, using: &random)]]),
                stack: [[UInt8](repeating: 1, count: 530)])
        case 4:
            // A key of an unknown type is taken as good.
            return Recipe(script: Script([.push([1] + key), .op(.checkSig)]), stack: [[1, 2, 3]])
        case 5:
            // Many signatures for the weight of one.
            var script = Script()
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                script.append(.op(.dup))
                script.append(.push(key))
                script.append(.op(.checkSigVerify))
            }
            script.append(.op(.drop))
            script.append(.op(.one))
            return Recipe(script: script, stack: [nil])
        default:
            let lock = UInt32.random(in: 0...3, using: &random)
            return Recipe(
                script: Script([.number(Int64(lock)), .op(.checkSequenceVerify), .op(.drop), .push(key), .op(.checkSig)]),
                stack: [nil], sequence: lock)
        }
    }

    /// Any opcodes at all, over a few elements.
    private static func randomRecipe(_ random: inout SeededRandom) -> Recipe {
        var script = Script()
        for _ in 0..<Int.random(in: 1...12, using: &random) {
            switch Int.random(in: 0..<5, using: &random) {
            case 0: script.append(.number(Int64.random(in: -5...20, using: &random)))
            case 1: script.append(.push((0..<Int.random(in: 0...5, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }))
            case 2: script.bytes.append(UInt8.random(in: 0x61...0xba, using: &random))
            default: script.bytes.append(UInt8.random(in: 0x69...0xaa, using: &random))
            }
        }
        script.append(.op(.one))
        let stack: [[UInt8]?] = (0..<Int.random(in: 0...5, using: &random)).map { _ in
            (0..<Int.random(in: 0...3, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        return Recipe(script: script, stack: stack)
    }
}
