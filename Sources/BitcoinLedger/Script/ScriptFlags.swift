/// Which rules a script is judged by; the names are Bitcoin Core's, without its prefix.
public struct ScriptFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let p2sh = ScriptFlags(rawValue: 1 << 0)
    public static let strictEncoding = ScriptFlags(rawValue: 1 << 1)
    public static let derSignature = ScriptFlags(rawValue: 1 << 2)
    public static let lowS = ScriptFlags(rawValue: 1 << 3)
    public static let nullDummy = ScriptFlags(rawValue: 1 << 4)
    public static let signaturePushOnly = ScriptFlags(rawValue: 1 << 5)
    public static let minimalData = ScriptFlags(rawValue: 1 << 6)
    public static let discourageUpgradableNops = ScriptFlags(rawValue: 1 << 7)
    public static let cleanStack = ScriptFlags(rawValue: 1 << 8)
    public static let checkLockTimeVerify = ScriptFlags(rawValue: 1 << 9)
    public static let checkSequenceVerify = ScriptFlags(rawValue: 1 << 10)
    public static let witness = ScriptFlags(rawValue: 1 << 11)
    public static let discourageUpgradableWitnessProgram = ScriptFlags(rawValue: 1 << 12)
    public static let minimalIf = ScriptFlags(rawValue: 1 << 13)
    public static let nullFail = ScriptFlags(rawValue: 1 << 14)
    public static let witnessPublicKeyType = ScriptFlags(rawValue: 1 << 15)
    public static let constantScriptCode = ScriptFlags(rawValue: 1 << 16)
    public static let taproot = ScriptFlags(rawValue: 1 << 17)
    public static let discourageUpgradableTaprootVersion = ScriptFlags(rawValue: 1 << 18)
    public static let discourageOpSuccess = ScriptFlags(rawValue: 1 << 19)
    public static let discourageUpgradablePublicKeyType = ScriptFlags(rawValue: 1 << 20)

    /// What every block must obey on regtest, where all soft forks are active from the first block.
    public static let consensus: ScriptFlags = [
        .p2sh, .derSignature, .nullDummy, .checkLockTimeVerify, .checkSequenceVerify, .witness, .taproot,
    ]

    /// What a transaction must obey to be relayed (Bitcoin Core's standard flags).
    public static let standard: ScriptFlags = consensus.union([
        .strictEncoding, .lowS, .minimalData, .discourageUpgradableNops, .cleanStack,
        .discourageUpgradableWitnessProgram, .minimalIf, .nullFail, .witnessPublicKeyType, .constantScriptCode,
        .discourageUpgradableTaprootVersion, .discourageOpSuccess, .discourageUpgradablePublicKeyType,
    ])

    /// Bitcoin Core's names, as its test vectors and its kernel print them.
    public static let names: [String: ScriptFlags] = [
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
public enum ScriptFailure: String, Error, Hashable, Sendable {
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
