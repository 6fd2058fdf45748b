import BitcoinPrimitives
import CryptoPrimitives
import LightningSimulation

/// A way to lock a coin, with what is needed to unlock it.
struct SpendForm {
    indirect enum Kind {
        case publicKey(compressed: Bool)
        case publicKeyHash(compressed: Bool)
        case multiSignature(required: Int, of: Int)
        case witnessKeyHash
        case taprootKey(tree: Bool)
        /// A leaf with its script and what satisfies it.
        case taprootLeaf(Recipe, leafVersion: UInt8, depth: Int)
        case bare(Recipe)
        case witnessScript(Recipe)
        case witnessMultiSignature(required: Int, of: Int)
        case anyone(Script)
        /// BIP 16 around another form.
        case scriptHash(Kind)
    }

    /// A script without key arithmetic of its own: what it is, and what goes on the stack for it.
    struct Recipe {
        var script: Script
        /// Elements below the signatures, the lowest first; `nil` where a signature by the form's key belongs.
        var stack: [[UInt8]?]
        var sequence: UInt32 = .max
        var lockTime: UInt32 = 0
    }

    var kind: Kind
    /// Numbers the secret keys.
    var seed: UInt64
    /// Whether only hash types are used that are relayed.
    var isStandard = false

    func key(_ number: Int = 0) -> SecretKey {
        SecretKey(Hash.sha256(Array("differential \(seed) \(number)".utf8)))!
    }

    var script: Script { Self.script(kind, self) }

    private static func script(_ kind: Kind, _ form: SpendForm) -> Script {
        switch kind {
        case .publicKey(let compressed):
            let key = form.key().publicKey()
            return Script([.push(compressed ? key.compressed : key.uncompressed), .op(.checkSig)])
        case .publicKeyHash(let compressed):
            let key = form.key().publicKey()
            return .p2pkh(hash: Hash.hash160(compressed ? key.compressed : key.uncompressed))
        case .multiSignature(let required, let count): return form.multiSignature(required, count)
        case .witnessKeyHash: return .p2wpkh(form.key().publicKey())
        case .taprootKey(let tree):
            return .p2tr(form.key().publicKey().tapTweaked(merkleRoot: tree ? form.tree : [])!.xOnly)
        case .taprootLeaf(let recipe, let version, let depth):
            return .p2tr(form.leaf(recipe, version, depth).outputKey)
        case .bare(let recipe): return recipe.script
        case .witnessScript(let recipe): return .p2wsh(recipe.script)
        case .witnessMultiSignature(let required, let count): return .p2wsh(form.multiSignature(required, count))
        case .anyone(let script): return script
        case .scriptHash(let inner):
            return Script([.op(.hash160), .push(Hash.hash160(script(inner, form).bytes)), .op(.equal)])
        }
    }

    private func multiSignature(_ required: Int, _ count: Int) -> Script {
        var script = Script([.number(Int64(required))])
        for number in 0..<count { script.append(.push(key(number).publicKey().compressed)) }
        script.append(.number(Int64(count)))
        script.append(.op(.checkMultiSig))
        return script
    }

    private var tree: [UInt8] { Hash.sha256(Array("tree \(seed)".utf8)).array }

    private func leaf(_ recipe: Recipe, _ version: UInt8, _ depth: Int) -> (
        hash: Bytes32, outputKey: Bytes32, control: [UInt8]
    ) {
        var writer = ByteWriter()
        writer.uint8(version)
        writer.variableBytes(recipe.script.bytes)
        let hash = Hash.tagged("TapLeaf", writer.bytes)
        var node = hash
        var path: [UInt8] = []
        for level in 0..<depth {
            let sibling = Hash.sha256(Array("branch \(seed) \(level)".utf8))
            path += sibling.array
            node = Hash.tagged("TapBranch", node < sibling ? node.array + sibling.array : sibling.array + node.array)
        }
        let internalKey = key(99).publicKey()
        let (output, odd) = internalKey.tapTweaked(merkleRoot: node.array)!
        return (hash, output, [version | (odd ? 1 : 0)] + internalKey.xOnly.array + path)
    }

    /// Sequence and lock time that the form needs.
    var demands: (sequence: UInt32, lockTime: UInt32) {
        switch kind {
        case .bare(let recipe), .witnessScript(let recipe), .taprootLeaf(let recipe, _, _),
            .scriptHash(.bare(let recipe)), .scriptHash(.witnessScript(let recipe)):
            (recipe.sequence, recipe.lockTime)
        default: (.max, 0)
        }
    }

    // MARK: Unlocking

    /// Signs one input in place.
    func unlock(
        _ transaction: inout Transaction, input: Int, spent: [TransactionOutput], random: inout SeededRandom
    ) {
        unlock(kind, &transaction, input, spent, &random, wrap: nil)
    }

    private func unlock(
        _ kind: Kind, _ transaction: inout Transaction, _ input: Int, _ spent: [TransactionOutput],
        _ random: inout SeededRandom, wrap: Script?
    ) {
        let hasher = SignatureHasher(transaction)
        var legacyParts: [[UInt8]] = []
        var isLegacy = true
        func legacy(_ code: Script, _ number: Int = 0) -> [UInt8] {
            let types: [UInt8] = isStandard ? [1, 2, 0x81] : [1, 1, 1, 2, 3, 0x81, 0x82, 0x83, 0, 4, 0x50, 0xff]
            let type = types[Int.random(in: 0..<types.count, using: &random)]
            let hash = hasher.legacy(input: input, scriptCode: code, type: SignatureHashType(rawValue: UInt32(type)))
            return key(number).sign(hash).der + [type]
        }
        func segwit(_ code: Script, _ number: Int = 0) -> [UInt8] {
            var hasher = hasher
            let types: [UInt8] = isStandard ? [1, 2, 0x83] : [1, 1, 1, 2, 3, 0x81, 0x82, 0x83, 0, 0x42]
            let type = types[Int.random(in: 0..<types.count, using: &random)]
            let hash = hasher.witnessV0(
                input: input, scriptCode: code, amount: spent[input].amount,
                type: SignatureHashType(rawValue: UInt32(type)))
            return key(number).sign(hash).der + [type]
        }
        func schnorr(_ key: borrowing SecretKey, leaf: Bytes32?, annex: [UInt8]?) -> [UInt8] {
            var hasher = hasher
            var types: [UInt8] = [0, 0, 1, 2, 0x81, 0x82]
            if input < transaction.outputs.count { types += [3, 0x83] }
            let type = types[Int.random(in: 0..<types.count, using: &random)]
            let hash = hasher.taproot(
                input: input, spent: spent, type: SignatureHashType(rawValue: UInt32(type)),
                annexHash: annex.map { SignatureHasher.annexHash($0) },
                script: leaf.map { .init(leafHash: $0, codeSeparator: .max) })!
            return key.signSchnorr(hash, auxiliary: .zero) + (type == 0 ? [] : [type])
        }
        switch kind {
        case .publicKey: legacyParts = [legacy(wrap ?? script)]
        case .publicKeyHash(let compressed):
            let key = key().publicKey()
            legacyParts = [legacy(wrap ?? script), compressed ? key.compressed : key.uncompressed]
        case .multiSignature(let required, _):
            legacyParts = [[]] + (0..<required).map { legacy(wrap ?? script, $0) }
        case .bare(let recipe):
            legacyParts = recipe.stack.map { $0 ?? legacy(recipe.script) }
        case .witnessKeyHash:
            let key = key().publicKey()
            transaction.inputs[input].witness = [
                segwit(.p2pkh(hash: Hash.hash160(key.compressed))), key.compressed,
            ]
            isLegacy = false
        case .witnessScript(let recipe):
            transaction.inputs[input].witness = recipe.stack.map { $0 ?? segwit(recipe.script) } + [recipe.script.bytes]
            isLegacy = false
        case .witnessMultiSignature(let required, let count):
            let code = multiSignature(required, count)
            transaction.inputs[input].witness = [[]] + (0..<required).map { segwit(code, $0) } + [code.bytes]
            isLegacy = false
        case .taprootKey(let tree):
            let annex: [UInt8]? = Int.random(in: 0..<8, using: &random) == 0 ? [0x50, 1, 2] : nil
            let key = key().tapTweaked(merkleRoot: tree ? self.tree : [])
            transaction.inputs[input].witness = [schnorr(key, leaf: nil, annex: annex)] + (annex.map { [$0] } ?? [])
            isLegacy = false
        case .taprootLeaf(let recipe, let version, let depth):
            let leaf = leaf(recipe, version, depth)
            let annex: [UInt8]? = Int.random(in: 0..<8, using: &random) == 0 ? [0x50] : nil
            transaction.inputs[input].witness =
                recipe.stack.map { $0 ?? schnorr(key(), leaf: leaf.hash, annex: annex) }
                + [recipe.script.bytes, leaf.control] + (annex.map { [$0] } ?? [])
            isLegacy = false
        case .anyone: isLegacy = false
        case .scriptHash(let inner):
            let redeem = Self.script(inner, self)
            unlock(inner, &transaction, input, spent, &random, wrap: redeem)
            transaction.inputs[input].signatureScript.append(.push(redeem.bytes))
            return
        }
        if isLegacy { transaction.inputs[input].signatureScript = Self.pushes(legacyParts) }
    }

    static func pushes(_ parts: [[UInt8]]) -> Script {
        var script = Script()
        for part in parts { script.append(.push(part)) }
        return script
    }
}
