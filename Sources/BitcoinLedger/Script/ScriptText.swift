public import BitcoinPrimitives
import CryptoPrimitives

extension Script {
    /// Whether P2SH and P2WSH around it make sense: all opcodes are known, none of them belongs to tapscript alone.
    public var canBeWrapped: Bool {
        var parser = ScriptParser(self)
        while !parser.isAtEnd {
            guard let instruction = parser.next(), instruction.opcode <= 0xb9, instruction.data.count <= 520,
                !ScriptVerifier.isOpSuccess(instruction.opcode)
            else { return false }
        }
        return !isUnspendable
    }
}

/// Scripts as people and programs read them: the text that bitcoind calls "asm".
package enum ScriptText {
    /// The names of opcodes, in the order of their numbers from OP_1NEGATE on.
    static let names: [UInt8: String] = {
        var table: [UInt8: String] = [0x00: "0", 0x4f: "-1", 0x50: "OP_RESERVED", 0xba: "OP_CHECKSIGADD"]
        for number in 1...16 { table[0x50 + UInt8(number)] = "\(number)" }
        let words = """
            NOP VER IF NOTIF VERIF VERNOTIF ELSE ENDIF VERIFY RETURN TOALTSTACK FROMALTSTACK 2DROP 2DUP 3DUP 2OVER 2ROT \
            2SWAP IFDUP DEPTH DROP DUP NIP OVER PICK ROLL ROT SWAP TUCK CAT SUBSTR LEFT RIGHT SIZE INVERT AND OR XOR EQUAL \
            EQUALVERIFY RESERVED1 RESERVED2 1ADD 1SUB 2MUL 2DIV NEGATE ABS NOT 0NOTEQUAL ADD SUB MUL DIV MOD LSHIFT RSHIFT \
            BOOLAND BOOLOR NUMEQUAL NUMEQUALVERIFY NUMNOTEQUAL LESSTHAN GREATERTHAN LESSTHANOREQUAL GREATERTHANOREQUAL MIN \
            MAX WITHIN RIPEMD160 SHA1 SHA256 HASH160 HASH256 CODESEPARATOR CHECKSIG CHECKSIGVERIFY CHECKMULTISIG \
            CHECKMULTISIGVERIFY NOP1 CHECKLOCKTIMEVERIFY CHECKSEQUENCEVERIFY NOP4 NOP5 NOP6 NOP7 NOP8 NOP9 NOP10
            """
        for (offset, word) in words.split(separator: " ").enumerated() { table[0x61 + UInt8(offset)] = "OP_\(word)" }
        return table
    }()

    /// - Parameter decodesSignatures: whether a push that looks like a signature shows the name of its hash type, as
    ///   is done for scripts that spend.
    package static func describe(_ script: Script, decodesSignatures: Bool = false) -> String {
        var words: [String] = []
        var parser = ScriptParser(script)
        // The pushes of data carriers are no signatures.
        let mayDecode = decodesSignatures && !script.isUnspendable
        while !parser.isAtEnd {
            guard let instruction = parser.next() else {
                words.append("[error]")
                break
            }
            let data = Array(instruction.data)
            if instruction.opcode > 0x4e {
                words.append(names[instruction.opcode] ?? (instruction.opcode == 0xff ? "OP_INVALIDOPCODE" : "OP_UNKNOWN"))
            } else if data.count <= 4 {
                words.append("\(number(data))")
            } else if mayDecode, SignatureEncoding.isStrictDER(data), let type = hashType(data.last!) {
                words.append(Hex.encode(data.dropLast()) + "[\(type)]")
            } else {
                words.append(Hex.encode(data))
            }
        }
        return words.joined(separator: " ")
    }

    /// The data that a script pushes last, if it does nothing else: a redeem script, where a script spends P2SH.
    package static func lastPush(_ script: Script) -> [UInt8]? {
        var parser = ScriptParser(script)
        var last: [UInt8]?
        while !parser.isAtEnd {
            guard let instruction = parser.next(), instruction.opcode <= 0x60 else { return nil }
            last = Array(instruction.data)
        }
        return last
    }

    private static func number(_ bytes: [UInt8]) -> Int64 {
        var value: Int64 = 0
        for (index, byte) in bytes.enumerated() { value |= Int64(byte) << Int64(8 * index) }
        guard let last = bytes.last, last & 0x80 != 0 else { return value }
        return -(value & ~(Int64(0x80) << Int64(8 * (bytes.count - 1))))
    }

    private static func hashType(_ byte: UInt8) -> String? {
        let base: String
        switch byte & 0x7f {
        case 1: base = "ALL"
        case 2: base = "NONE"
        case 3: base = "SINGLE"
        default: return nil
        }
        return byte & 0x80 == 0 ? base : "\(base)|ANYONECANPAY"
    }
}
