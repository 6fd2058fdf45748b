public import CryptoPrimitives

/// A Bitcoin script: bytes, read as opcodes and pushes.
public struct Script: Hashable, Sendable, CustomStringConvertible {
    /// The script as it stands in a transaction.
    public var bytes: [UInt8]

    /// A script of these bytes, whatever they mean.
    public init(_ bytes: [UInt8] = []) { self.bytes = bytes }

    /// Puts a script together from its parts.
    package init(_ parts: [Part]) {
        bytes = []
        for part in parts { append(part) }
    }

    /// One thing a script may hold.
    package enum Part: Sendable {
        case op(Opcode)
        /// A push in its shortest form by length (BIP 62 rule 3 except for one-byte numbers).
        case push([UInt8])
        /// A number in its shortest push.
        case number(Int64)
    }

    package mutating func append(_ part: Part) {
        switch part {
        case .op(let opcode): bytes.append(opcode.rawValue)
        case .push(let data):
            switch data.count {
            case ..<76: bytes.append(UInt8(data.count))
            case ...0xff: bytes += [Opcode.pushData1.rawValue, UInt8(data.count)]
            case ...0xffff:
                bytes += [Opcode.pushData2.rawValue, UInt8(data.count & 0xff), UInt8(data.count >> 8)]
            default:
                bytes.append(Opcode.pushData4.rawValue)
                withUnsafeBytes(of: UInt32(data.count).littleEndian) { bytes.append(contentsOf: $0) }
            }
            bytes += data
        case .number(let value):
            switch value {
            case 0: bytes.append(0)
            case -1: bytes.append(Opcode.negate1.rawValue)
            case 1...16: bytes.append(0x50 + UInt8(value))
            default: append(.push(Script.encode(number: value)))
            }
        }
    }

    /// A number in script's form: little-endian magnitude with the sign in the last bit.
    public static func encode(number value: Int64) -> [UInt8] {
        guard value != 0 else { return [] }
        var magnitude = value.magnitude
        var result: [UInt8] = []
        while magnitude > 0 {
            result.append(UInt8(magnitude & 0xff))
            magnitude >>= 8
        }
        if result.last! & 0x80 != 0 {
            result.append(value < 0 ? 0x80 : 0)
        } else if value < 0 {
            result[result.count - 1] |= 0x80
        }
        return result
    }

    public var description: String { Hex.encode(bytes) }

    /// Pays to a witness v0 public key hash.
    public static func p2wpkh(_ key: PublicKey) -> Script { Script([0, 20] + Hash.hash160(key.compressed)) }

    /// Pays to a witness v0 script hash.
    public static func p2wsh(_ script: Script) -> Script { Script([0, 32] + Hash.sha256(script.bytes).array) }

    /// Pays to a taproot output key.
    public static func p2tr(_ outputKey: Bytes32) -> Script { Script([0x51, 32] + outputKey.array) }

    /// Pays to anyone: the anchor of BIP 433 ("P2A"), which needs no signature.
    public static let anchor = Script([0x51, 2, 0x4e, 0x73])

    /// Pays to a public key hash, in the oldest form; also BIP 143's script code for P2WPKH.
    public static func p2pkh(hash: [UInt8]) -> Script {
        precondition(hash.count == 20, "a public key hash has 20 bytes")
        // DUP, HASH160, a push of 20 bytes … EQUALVERIFY, CHECKSIG: made for every segwit signature, so without parts.
        var bytes: [UInt8] = []
        bytes.reserveCapacity(25)
        bytes += [0x76, 0xa9, 20]
        bytes += hash
        bytes += [0x88, 0xac]
        return Script(bytes)
    }

    /// The BIP 141 witness program, if that is what the script is.
    public var witnessProgram: (version: Int, program: ArraySlice<UInt8>)? {
        guard (4...42).contains(bytes.count), Int(bytes[1]) + 2 == bytes.count else { return nil }
        guard bytes[0] == 0 || (0x51...0x60).contains(bytes[0]) else { return nil }
        return (bytes[0] == 0 ? 0 : Int(bytes[0] - 0x50), bytes[2...])
    }

    /// BIP 16's form: HASH160, twenty bytes, EQUAL.
    public var isP2SH: Bool { bytes.count == 23 && bytes[0] == 0xa9 && bytes[1] == 20 && bytes[22] == 0x87 }
    /// Whether it pays to a public key's hash (BIP 141).
    public var isP2WPKH: Bool { bytes.count == 22 && bytes[0] == 0 && bytes[1] == 20 }
    /// Whether it pays to a script's hash (BIP 141).
    public var isP2WSH: Bool { bytes.count == 34 && bytes[0] == 0 && bytes[1] == 32 }
    /// Whether it pays to a Taproot key (BIP 341).
    public var isP2TR: Bool { bytes.count == 34 && bytes[0] == 0x51 && bytes[1] == 32 }

    /// Whether no one can ever spend it: OP_RETURN first, or longer than a script may be.
    public var isUnspendable: Bool { bytes.first == Opcode.return.rawValue || bytes.count > 10_000 }

    /// BOLT 3 "Dust Limits": the amount below which an output of this form is not relayed, at 3 sat/vB of spending cost.
    public var dustLimit: Satoshi {
        if isUnspendable { return .zero }
        if let program = witnessProgram {
            if program.version == 0 && program.program.count == 20 { return Satoshi(294) }
            if program.version == 0 && program.program.count == 32 { return Satoshi(330) }
            // Bitcoin Core: (output size + 67) * 3 for any witness program; 354 covers the longest.
            return Satoshi(UInt64(8 + 1 + bytes.count + 67) * 3)
        }
        if isP2SH { return Satoshi(540) }
        return Satoshi(UInt64(8 + ByteWriter.compactSizeLength(bytes.count) + bytes.count + 148) * 3)
    }
}

/// The opcodes that code here names; the interpreter knows them all.
package enum Opcode: UInt8, Sendable {
    case zero = 0x00
    case pushData1 = 0x4c
    case pushData2 = 0x4d
    case pushData4 = 0x4e
    case negate1 = 0x4f
    case one = 0x51
    case two = 0x52
    case sixteen = 0x60
    case nop = 0x61
    case `if` = 0x63
    case notIf = 0x64
    case `else` = 0x67
    case endIf = 0x68
    case verify = 0x69
    case `return` = 0x6a
    case drop = 0x75
    case dup = 0x76
    case ifDup = 0x73
    case swap = 0x7c
    case size = 0x82
    case equal = 0x87
    case equalVerify = 0x88
    case sha256 = 0xa8
    case hash160 = 0xa9
    case checkSig = 0xac
    case checkSigVerify = 0xad
    case checkMultiSig = 0xae
    case checkLockTimeVerify = 0xb1
    case checkSequenceVerify = 0xb2
}
