/// Which rules a script is judged by; the names are Bitcoin Core's, without its prefix.
package struct ScriptFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let p2sh = ScriptFlags(rawValue: 1 << 0)
    package static let strictEncoding = ScriptFlags(rawValue: 1 << 1)
    package static let derSignature = ScriptFlags(rawValue: 1 << 2)
    package static let lowS = ScriptFlags(rawValue: 1 << 3)
    package static let nullDummy = ScriptFlags(rawValue: 1 << 4)
    package static let signaturePushOnly = ScriptFlags(rawValue: 1 << 5)
    package static let minimalData = ScriptFlags(rawValue: 1 << 6)
    package static let discourageUpgradableNops = ScriptFlags(rawValue: 1 << 7)
    package static let cleanStack = ScriptFlags(rawValue: 1 << 8)
    package static let checkLockTimeVerify = ScriptFlags(rawValue: 1 << 9)
    package static let checkSequenceVerify = ScriptFlags(rawValue: 1 << 10)
    package static let witness = ScriptFlags(rawValue: 1 << 11)
    package static let discourageUpgradableWitnessProgram = ScriptFlags(rawValue: 1 << 12)
    package static let minimalIf = ScriptFlags(rawValue: 1 << 13)
    package static let nullFail = ScriptFlags(rawValue: 1 << 14)
    package static let witnessPublicKeyType = ScriptFlags(rawValue: 1 << 15)
    package static let constantScriptCode = ScriptFlags(rawValue: 1 << 16)
    package static let taproot = ScriptFlags(rawValue: 1 << 17)
    package static let discourageUpgradableTaprootVersion = ScriptFlags(rawValue: 1 << 18)
    package static let discourageOpSuccess = ScriptFlags(rawValue: 1 << 19)
    package static let discourageUpgradablePublicKeyType = ScriptFlags(rawValue: 1 << 20)

    /// What every block must obey on regtest, where all soft forks are active from the first block.
    package static let consensus: ScriptFlags = [
        .p2sh, .derSignature, .nullDummy, .checkLockTimeVerify, .checkSequenceVerify, .witness, .taproot,
    ]

    /// What a transaction must obey to be relayed (Bitcoin Core's standard flags).
    package static let standard: ScriptFlags = consensus.union([
        .strictEncoding, .lowS, .minimalData, .discourageUpgradableNops, .cleanStack,
        .discourageUpgradableWitnessProgram, .minimalIf, .nullFail, .witnessPublicKeyType, .constantScriptCode,
        .discourageUpgradableTaprootVersion, .discourageOpSuccess, .discourageUpgradablePublicKeyType,
    ])

    /// Bitcoin Core's names, as its test vectors and its kernel print them.
    package static let names: [String: ScriptFlags] = [
        "NONE": [], "P2SH": .p2sh, "STRICTENC": .strictEncoding, "DERSIG": .derSignature, "LOW_S": .lowS,
        "NULLDUMMY": .nullDummy, "SIGPUSHONLY": .signaturePushOnly, "MINIMALDATA": .minimalData,
        "DISCOURAGE_UPGRADABLE_NOPS": .discourageUpgradableNops, "CLEANSTACK": .cleanStack,
        "CHECKLOCKTIMEVERIFY": .checkLockTimeVerify, "CHECKSEQUENCEVERIFY": .checkSequenceVerify,
        "WITNESS": .witness, "DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM": .discourageUpgradableWitnessProgram,
        "MINIMALIF": .minimalIf, "NULLFAIL": .nullFail, "WITNESS_PUBKEYTYPE": .witnessPublicKeyType,
        "CONST_SCRIPTCODE": .constantScriptCode, "TAPROOT": .taproot,
        "DISCOURAGE_UPGRADABLE_TAPROOT_VERSION": .discourageUpgradableTaprootVersion,
        "DISCOURAGE_OP_SUCCESS": .discourageOpSuccess,
        "DISCOURAGE_UPGRADABLE_PUBKEYTYPE": .discourageUpgradablePublicKeyType,
    ]
}

/// Why a script does not allow its spend; the raw values are the names in Bitcoin Core's vectors.
package enum ScriptFailure: String, Error, Hashable, Sendable {
    case evalFalse = "EVAL_FALSE"
    case opReturn = "OP_RETURN"
    case scriptSize = "SCRIPT_SIZE"
    case pushSize = "PUSH_SIZE"
    case opCount = "OP_COUNT"
    case stackSize = "STACK_SIZE"
    case signatureCount = "SIG_COUNT"
    case publicKeyCount = "PUBKEY_COUNT"
    case verify = "VERIFY"
    case equalVerify = "EQUALVERIFY"
    case checkMultiSigVerify = "CHECKMULTISIGVERIFY"
    case checkSigVerify = "CHECKSIGVERIFY"
    case numEqualVerify = "NUMEQUALVERIFY"
    case badOpcode = "BAD_OPCODE"
    case disabledOpcode = "DISABLED_OPCODE"
    case invalidStackOperation = "INVALID_STACK_OPERATION"
    case invalidAltStackOperation = "INVALID_ALTSTACK_OPERATION"
    case unbalancedConditional = "UNBALANCED_CONDITIONAL"
    case negativeLockTime = "NEGATIVE_LOCKTIME"
    case unsatisfiedLockTime = "UNSATISFIED_LOCKTIME"
    case signatureHashType = "SIG_HASHTYPE"
    case signatureDER = "SIG_DER"
    case minimalData = "MINIMALDATA"
    case signaturePushOnly = "SIG_PUSHONLY"
    case signatureHighS = "SIG_HIGH_S"
    case signatureNullDummy = "SIG_NULLDUMMY"
    case publicKeyType = "PUBKEYTYPE"
    case cleanStack = "CLEANSTACK"
    case minimalIf = "MINIMALIF"
    case nullFail = "NULLFAIL"
    case discourageUpgradableNops = "DISCOURAGE_UPGRADABLE_NOPS"
    case discourageUpgradableWitnessProgram = "DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM"
    case discourageUpgradableTaprootVersion = "DISCOURAGE_UPGRADABLE_TAPROOT_VERSION"
    case discourageOpSuccess = "DISCOURAGE_OP_SUCCESS"
    case discourageUpgradablePublicKeyType = "DISCOURAGE_UPGRADABLE_PUBKEYTYPE"
    case witnessProgramWrongLength = "WITNESS_PROGRAM_WRONG_LENGTH"
    case witnessProgramWitnessEmpty = "WITNESS_PROGRAM_WITNESS_EMPTY"
    case witnessProgramMismatch = "WITNESS_PROGRAM_MISMATCH"
    case witnessMalleated = "WITNESS_MALLEATED"
    case witnessMalleatedP2SH = "WITNESS_MALLEATED_P2SH"
    case witnessUnexpected = "WITNESS_UNEXPECTED"
    case witnessPublicKeyType = "WITNESS_PUBKEYTYPE"
    case schnorrSignatureSize = "SCHNORR_SIG_SIZE"
    case schnorrSignatureHashType = "SCHNORR_SIG_HASHTYPE"
    case schnorrSignature = "SCHNORR_SIG"
    case taprootWrongControlSize = "TAPROOT_WRONG_CONTROL_SIZE"
    case tapscriptValidationWeight = "TAPSCRIPT_VALIDATION_WEIGHT"
    case tapscriptCheckMultiSig = "TAPSCRIPT_CHECKMULTISIG"
    case tapscriptMinimalIf = "TAPSCRIPT_MINIMALIF"
    case tapscriptEmptyPublicKey = "TAPSCRIPT_EMPTY_PUBKEY"
    case opCodeSeparator = "OP_CODESEPARATOR"
    case signatureFindAndDelete = "SIG_FINDANDDELETE"
    case scriptNumber = "SCRIPTNUM"
}
