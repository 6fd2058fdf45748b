package import CryptoPrimitives

/// Which parts of a transaction a signature covers.
package struct SignatureHashType: Hashable, Sendable {
    package var rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// BIP 341's default: as `all`, without a type byte.
    package static let `default` = SignatureHashType(rawValue: 0)
    package static let all = SignatureHashType(rawValue: 1)
    package static let none = SignatureHashType(rawValue: 2)
    package static let single = SignatureHashType(rawValue: 3)
    /// What BOLT 3 signs HTLC transactions with under `option_anchors`.
    package static let singleAnyoneCanPay = SignatureHashType(rawValue: 0x83)

    package var anyoneCanPay: Bool { rawValue & 0x80 != 0 }
    package var base: UInt32 { rawValue & 0x1f }
}

/// Computes signature hashes of one transaction, remembering what its inputs share.
package struct SignatureHasher: Sendable {
    package let transaction: Transaction
    private var previousOutputs: Bytes32?
    private var sequences: Bytes32?
    private var outputs: Bytes32?
    private var taproot: TaprootParts?
    /// For SIGHASH_SINGLE: the hash of one output, once and twice hashed.
    private var single: (index: Int, once: Bytes32, twice: Bytes32)?

    private struct TaprootParts {
        var previousOutputs, amounts, scripts, sequences, outputs: Bytes32
    }

    package init(_ transaction: Transaction) { self.transaction = transaction }

    /// Computes now what the segwit hashes of all inputs share, so that copies need not do it each for itself.
    ///
    /// - Parameter spent: the outputs that the inputs spend, where one of them is a taproot output.
    package mutating func prepare(taproot spent: [TransactionOutput]?) {
        if let spent {
            let parts = taprootParts(spent)
            // BIP 341 hashes once what BIP 143 hashes twice.
            previousOutputs = Hash.sha256(parts.previousOutputs)
            sequences = Hash.sha256(parts.sequences)
            outputs = Hash.sha256(parts.outputs)
        } else {
            _ = hashPreviousOutputs()
            _ = hashSequences()
            _ = hashOutputs()
        }
    }

    /// BIP 143: the hash that a witness v0 signature signs.
    package mutating func witnessV0(
        input index: Int, scriptCode: Script, amount: Satoshi, type: SignatureHashType = .all
    ) -> Bytes32 {
        let input = transaction.inputs[index]
        let isSingle = type.base == SignatureHashType.single.base
        let isNone = type.base == SignatureHashType.none.base
        var writer = ByteWriter(capacity: 200 + scriptCode.bytes.count)
        writer.littleEndian32(transaction.version)
        writer.write(type.anyoneCanPay ? .zero : hashPreviousOutputs())
        writer.write(type.anyoneCanPay || isSingle || isNone ? .zero : hashSequences())
        input.previousOutput.encode(to: &writer)
        writer.variableBytes(scriptCode.bytes)
        writer.littleEndian64(amount.value)
        writer.littleEndian32(input.sequence)
        if !isSingle && !isNone {
            writer.write(hashOutputs())
        } else if isSingle && index < transaction.outputs.count {
            writer.write(hashSingle(index).twice)
        } else {
            writer.write(Bytes32.zero)
        }
        writer.littleEndian32(transaction.lockTime)
        writer.littleEndian32(type.rawValue)
        return Hash.sha256d(writer.bytes)
    }

    /// The original signature hash. `scriptCode` must already be free of OP_CODESEPARATOR and of the signature.
    package func legacy(input index: Int, scriptCode: Script, type: SignatureHashType) -> Bytes32 {
        let isSingle = type.base == SignatureHashType.single.base
        let isNone = type.base == SignatureHashType.none.base
        if isSingle && index >= transaction.outputs.count {
            // The bug that became consensus: the hash is the number one.
            var one = Bytes32()
            one[0] = 1
            return one
        }
        var writer = ByteWriter(capacity: 256)
        writer.littleEndian32(transaction.version)
        let indices = type.anyoneCanPay ? [index] : Array(transaction.inputs.indices)
        writer.compactSize(indices.count)
        for position in indices {
            let input = transaction.inputs[position]
            input.previousOutput.encode(to: &writer)
            writer.variableBytes(position == index ? scriptCode.bytes : [])
            writer.littleEndian32(position != index && (isSingle || isNone) ? 0 : input.sequence)
        }
        if isNone {
            writer.compactSize(0)
        } else if isSingle {
            writer.compactSize(index + 1)
            for _ in 0..<index {
                writer.littleEndian64(.max)
                writer.compactSize(0)
            }
            transaction.outputs[index].encode(to: &writer)
        } else {
            writer.compactSize(transaction.outputs.count)
            for output in transaction.outputs { output.encode(to: &writer) }
        }
        writer.littleEndian32(transaction.lockTime)
        writer.littleEndian32(type.rawValue)
        return Hash.sha256d(writer.bytes)
    }

    /// What BIP 342 adds to the taproot hash for a script path spend.
    package struct TapScript: Sendable {
        package var leafHash: Bytes32
        package var codeSeparator: UInt32
        package init(leafHash: Bytes32, codeSeparator: UInt32) {
            self.leafHash = leafHash
            self.codeSeparator = codeSeparator
        }
    }

    /// BIP 341: the hash that a taproot signature signs; `nil` for a type it does not allow.
    ///
    /// `spent` are the outputs that the inputs spend, in order; `annexHash` is what `annexHash(_:)` makes of an annex.
    package mutating func taproot(
        input index: Int, spent: [TransactionOutput], type: SignatureHashType, annexHash: Bytes32? = nil,
        script: TapScript? = nil
    ) -> Bytes32? {
        let isValid = type.rawValue <= 3 || (0x81...0x83).contains(type.rawValue)
        guard isValid, spent.count == transaction.inputs.count else { return nil }
        let base = type.rawValue & 3
        let parts = taprootParts(spent)
        var writer = ByteWriter(capacity: 256)
        writer.uint8(0)
        writer.uint8(UInt8(type.rawValue))
        writer.littleEndian32(transaction.version)
        writer.littleEndian32(transaction.lockTime)
        if !type.anyoneCanPay {
            writer.write(parts.previousOutputs)
            writer.write(parts.amounts)
            writer.write(parts.scripts)
            writer.write(parts.sequences)
        }
        if base != 2 && base != 3 { writer.write(parts.outputs) }
        writer.uint8((script == nil ? 0 : 2) + (annexHash == nil ? 0 : 1))
        if type.anyoneCanPay {
            transaction.inputs[index].previousOutput.encode(to: &writer)
            spent[index].encode(to: &writer)
            writer.littleEndian32(transaction.inputs[index].sequence)
        } else {
            writer.littleEndian32(UInt32(index))
        }
        if let annexHash { writer.write(annexHash) }
        if base == 3 {
            guard index < transaction.outputs.count else { return nil }
            writer.write(hashSingle(index).once)
        }
        if let script {
            writer.write(script.leafHash)
            writer.uint8(0)
            writer.littleEndian32(script.codeSeparator)
        }
        return Hash.tagged("TapSighash", writer.bytes)
    }

    /// BIP 341's hash of an annex, which all signatures of its input share.
    package static func annexHash(_ annex: [UInt8]) -> Bytes32 {
        var writer = ByteWriter(capacity: annex.count + 9)
        writer.variableBytes(annex)
        return Hash.sha256(writer.bytes)
    }

    private mutating func hashSingle(_ index: Int) -> (once: Bytes32, twice: Bytes32) {
        if let single, single.index == index { return (single.once, single.twice) }
        var writer = ByteWriter(capacity: 43)
        transaction.outputs[index].encode(to: &writer)
        let once = Hash.sha256(writer.bytes)
        let twice = Hash.sha256(once)
        single = (index, once, twice)
        return (once, twice)
    }

    // BIP 341 hashes the same serializations once that BIP 143 hashes twice.

    private func serializedPreviousOutputs() -> [UInt8] {
        var writer = ByteWriter(capacity: 36 * transaction.inputs.count)
        for input in transaction.inputs { input.previousOutput.encode(to: &writer) }
        return writer.bytes
    }

    private func serializedSequences() -> [UInt8] {
        var writer = ByteWriter(capacity: 4 * transaction.inputs.count)
        for input in transaction.inputs { writer.littleEndian32(input.sequence) }
        return writer.bytes
    }

    private func serializedOutputs() -> [UInt8] {
        var writer = ByteWriter(capacity: 43 * transaction.outputs.count)
        for output in transaction.outputs { output.encode(to: &writer) }
        return writer.bytes
    }

    private mutating func hashPreviousOutputs() -> Bytes32 {
        if let previousOutputs { return previousOutputs }
        let hash = Hash.sha256d(serializedPreviousOutputs())
        previousOutputs = hash
        return hash
    }

    private mutating func hashSequences() -> Bytes32 {
        if let sequences { return sequences }
        let hash = Hash.sha256d(serializedSequences())
        sequences = hash
        return hash
    }

    private mutating func hashOutputs() -> Bytes32 {
        if let outputs { return outputs }
        let hash = Hash.sha256d(serializedOutputs())
        outputs = hash
        return hash
    }

    private mutating func taprootParts(_ spent: [TransactionOutput]) -> TaprootParts {
        if let taproot { return taproot }
        var amounts = ByteWriter()
        var scripts = ByteWriter()
        for output in spent {
            amounts.littleEndian64(output.amount.value)
            scripts.variableBytes(output.script.bytes)
        }
        let parts = TaprootParts(
            previousOutputs: Hash.sha256(serializedPreviousOutputs()), amounts: Hash.sha256(amounts.bytes),
            scripts: Hash.sha256(scripts.bytes), sequences: Hash.sha256(serializedSequences()),
            outputs: Hash.sha256(serializedOutputs()))
        taproot = parts
        return parts
    }
}
