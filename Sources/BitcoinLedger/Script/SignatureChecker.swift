import BitcoinPrimitives
import CryptoPrimitives

/// Which signature rules a script runs under.
enum SignatureVersion {
    case base
    case witnessV0
    case taproot
    case tapscript
}

/// Answers a script's questions about the transaction that spends: signatures, lock time, sequence.
struct SignatureChecker {
    var hasher: SignatureHasher
    let input: Int
    /// The outputs that all inputs spend; taproot signs them all.
    let spent: [TransactionOutput]

    private let cache: SignatureCacheUse?
    /// The last legacy hashes: each covers the whole transaction, and one script may ask for the same a thousand times.
    private var legacyHashes: [(type: SignatureHashType, code: Script, hash: Bytes32)] = []
    private static let rememberedHashes = 6

    init(_ hasher: SignatureHasher, input: Int, spent: [TransactionOutput], cache: SignatureCacheUse? = nil) {
        self.hasher = hasher
        self.input = input
        self.spent = spent
        self.cache = cache
    }

    /// Whether an ECDSA signature with its type byte is by the key over this input.
    mutating func checkECDSA(
        _ signature: [UInt8], key: [UInt8], scriptCode: Script, version: SignatureVersion
    ) -> Bool {
        guard let typeByte = signature.last else { return false }
        let type = SignatureHashType(rawValue: UInt32(typeByte))
        let hash =
            version == .witnessV0
            ? hasher.witnessV0(input: input, scriptCode: scriptCode, amount: spent[input].amount, type: type)
            : legacyHash(scriptCode, type)
        let verify = {
            guard let publicKey = PublicKey(serialized: key),
                let parsed = ECDSASignature(laxDER: signature.dropLast())
            else { return false }
            return parsed.normalized.verify(hash, key: publicKey)
        }
        return cache?.verify(hash: hash, publicKey: key, signature: signature, verify) ?? verify()
    }

    private mutating func legacyHash(_ scriptCode: Script, _ type: SignatureHashType) -> Bytes32 {
        if let known = legacyHashes.first(where: { $0.type == type && $0.code == scriptCode }) { return known.hash }
        let hash = hasher.legacy(input: input, scriptCode: scriptCode.withoutCodeSeparators, type: type)
        if legacyHashes.count == Self.rememberedHashes { legacyHashes.removeFirst() }
        legacyHashes.append((type, scriptCode, hash))
        return hash
    }

    /// BIP 341: checks a Schnorr signature of 64 or 65 bytes.
    mutating func checkSchnorr(
        _ signature: [UInt8], key: Bytes32, annexHash: Bytes32?, script: SignatureHasher.TapScript?
    ) throws(ScriptFailure) {
        guard signature.count == 64 || signature.count == 65 else { throw .schnorrSignatureSize }
        var type = SignatureHashType.default
        if signature.count == 65 {
            type = SignatureHashType(rawValue: UInt32(signature[64]))
            guard type != .default else { throw .schnorrSignatureHashType }
        }
        guard let hash = hasher.taproot(input: input, spent: spent, type: type, annexHash: annexHash, script: script) else {
            throw .schnorrSignatureHashType
        }
        let verify = { Schnorr.verify(Array(signature.prefix(64)), message: hash.array, key: key) }
        guard cache?.verify(hash: hash, publicKey: key.array, signature: signature, verify) ?? verify() else {
            throw .schnorrSignature
        }
    }

    /// BIP 65.
    func checkLockTime(_ lockTime: Int64) -> Bool {
        let transaction = hasher.transaction
        let threshold: Int64 = 500_000_000
        let own = Int64(transaction.lockTime)
        guard (own < threshold) == (lockTime < threshold), lockTime <= own else { return false }
        return transaction.inputs[input].sequence != .max
    }

    /// BIP 112.
    func checkSequence(_ sequence: Int64) -> Bool {
        let transaction = hasher.transaction
        let own = transaction.inputs[input].sequence
        guard transaction.version >= 2, own & 1 << 31 == 0 else { return false }
        let typeFlag: UInt32 = 1 << 22
        let mask = typeFlag | 0xffff
        let wanted = UInt32(truncatingIfNeeded: sequence) & mask
        let actual = own & mask
        guard (actual < typeFlag) == (wanted < typeFlag) else { return false }
        return wanted <= actual
    }
}

/// The encodings that BIP 66, BIP 146 and policy demand.
enum SignatureEncoding {
    /// BIP 66's strict DER with one type byte behind it.
    static func isStrictDER(_ signature: [UInt8]) -> Bool {
        let count = signature.count
        guard count >= 9, count <= 73, signature[0] == 0x30, Int(signature[1]) == count - 3 else { return false }
        let lengthR = Int(signature[3])
        guard 5 + lengthR < count else { return false }
        let lengthS = Int(signature[5 + lengthR])
        guard lengthR + lengthS + 7 == count, signature[2] == 2, lengthR > 0, signature[4] & 0x80 == 0 else {
            return false
        }
        if lengthR > 1 && signature[4] == 0 && signature[5] & 0x80 == 0 { return false }
        guard signature[lengthR + 4] == 2, lengthS > 0, signature[lengthR + 6] & 0x80 == 0 else { return false }
        if lengthS > 1 && signature[lengthR + 6] == 0 && signature[lengthR + 7] & 0x80 == 0 { return false }
        return true
    }

    static func check(_ signature: [UInt8], _ flags: ScriptFlags) throws(ScriptFailure) {
        guard !signature.isEmpty else { return }
        if !flags.isDisjoint(with: [.derSignature, .lowS, .strictEncoding]), !isStrictDER(signature) {
            throw .signatureDER
        }
        if flags.contains(.lowS) {
            guard let parsed = ECDSASignature(laxDER: signature.dropLast()) else { throw .signatureDER }
            guard parsed.hasLowS else { throw .signatureHighS }
        }
        if flags.contains(.strictEncoding), !(1...3).contains(signature.last! & ~0x80) { throw .signatureHashType }
    }

    static func check(
        publicKey: [UInt8], _ flags: ScriptFlags, _ version: SignatureVersion
    ) throws(ScriptFailure) {
        let isCompressed = publicKey.count == 33 && (publicKey[0] == 2 || publicKey[0] == 3)
        let isUncompressed = publicKey.count == 65 && publicKey[0] == 4
        if flags.contains(.strictEncoding), !isCompressed && !isUncompressed { throw .publicKeyType }
        if flags.contains(.witnessPublicKeyType), version == .witnessV0, !isCompressed { throw .witnessPublicKeyType }
    }
}
