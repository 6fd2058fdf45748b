package import BitcoinPrimitives

/// The forms of output scripts that wallets know; the raw values are Bitcoin Core's names.
package enum ScriptForm: String, Sendable, Hashable {
    case nonStandard = "nonstandard"
    case publicKey = "pubkey"
    case publicKeyHash = "pubkeyhash"
    case scriptHash = "scripthash"
    case multiSignature = "multisig"
    case nullData = "nulldata"
    case anchor
    case witnessV0KeyHash = "witness_v0_keyhash"
    case witnessV0ScriptHash = "witness_v0_scripthash"
    case witnessV1Taproot = "witness_v1_taproot"
    case witnessUnknown = "witness_unknown"

    package init(_ script: Script) {
        let bytes = script.bytes
        if script.isP2SH {
            self = .scriptHash
        } else if let (version, program) = script.witnessProgram {
            switch (version, program.count) {
            case (0, 20): self = .witnessV0KeyHash
            case (0, 32): self = .witnessV0ScriptHash
            case (0, _): self = .nonStandard
            case (1, 32): self = .witnessV1Taproot
            case (1, 2) where program.elementsEqual([0x4e, 0x73]): self = .anchor
            default: self = .witnessUnknown
            }
        } else if bytes.first == Opcode.return.rawValue {
            self = Script(Array(bytes.dropFirst())).isPushOnly ? .nullData : .nonStandard
        } else if Self.publicKey(of: script) != nil {
            self = .publicKey
        } else if bytes.count == 25, script == .p2pkh(hash: Array(bytes[3..<23])) {
            self = .publicKeyHash
        } else {
            self = Self.multiSignature(script) == nil ? .nonStandard : .multiSignature
        }
    }

    /// The key of a bare pay-to-public-key script.
    static func publicKey(of script: Script) -> ArraySlice<UInt8>? {
        let bytes = script.bytes
        guard bytes.count == 35 || bytes.count == 67, Int(bytes[0]) == bytes.count - 2,
            bytes.last == Opcode.checkSig.rawValue, hasKeySize(bytes[1..<bytes.count - 1])
        else { return nil }
        return bytes[1..<bytes.count - 1]
    }

    private static func hasKeySize(_ key: ArraySlice<UInt8>) -> Bool {
        switch key.first {
        case 2, 3: key.count == 33
        case 4, 6, 7: key.count == 65
        default: false
        }
    }

    /// The required number and the keys of a bare multisignature script.
    package static func multiSignature(_ script: Script) -> (required: Int, keys: [ArraySlice<UInt8>])? {
        guard script.bytes.last == Opcode.checkMultiSig.rawValue else { return nil }
        var parser = ScriptParser(script)
        guard let first = parser.next(), let required = smallNumber(first), required >= 1 else { return nil }
        var keys: [ArraySlice<UInt8>] = []
        while let instruction = parser.next() {
            if hasKeySize(instruction.data) {
                keys.append(instruction.data)
                continue
            }
            guard let count = smallNumber(instruction), count == keys.count, count >= required,
                parser.position == script.bytes.count - 1
            else { return nil }
            return (required, keys)
        }
        return nil
    }

    /// A number up to 20, in its shortest push.
    private static func smallNumber(_ instruction: ScriptInstruction) -> Int? {
        if (0x51...0x60).contains(instruction.opcode) { return Int(instruction.opcode) - 0x50 }
        guard instruction.opcode == 1, let byte = instruction.data.first, (17...20).contains(byte) else { return nil }
        return Int(byte)
    }

    /// Whether outputs of this form are relayed.
    func isStandard(_ script: Script) -> Bool {
        switch self {
        case .nonStandard: return false
        case .multiSignature: return Self.multiSignature(script)!.keys.count <= 3
        default: return true
        }
    }
}

extension Script {
    /// The amount below which an output costs more to spend than it is worth, at a rate for each 1000 virtual bytes.
    func dustLimit(rate: UInt64) -> Satoshi {
        if isUnspendable { return .zero }
        let size = 8 + ByteWriter.variableLength(bytes)
        // 32 + 4 + 1 + 107 + 4, where a witness counts for a quarter.
        let spend = witnessProgram == nil ? 148 : 67
        return Policy.fee(rate: rate, size: size + spend)
    }
}
