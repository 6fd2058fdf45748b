import BitcoinPrimitives

/// One instruction of a script and the data it pushes.
struct ScriptInstruction {
    var opcode: UInt8
    var data: ArraySlice<UInt8>
    /// Where the next instruction starts.
    var next: Int
}

/// Steps through a script; a push that runs over the end makes the rest unreadable.
struct ScriptParser {
    let bytes: [UInt8]
    var position = 0

    init(_ script: Script) { bytes = script.bytes }

    var isAtEnd: Bool { position >= bytes.count }

    mutating func next() -> ScriptInstruction? {
        guard position < bytes.count else { return nil }
        let opcode = bytes[position]
        var cursor = position + 1
        var length = 0
        if opcode <= 0x4b {
            length = Int(opcode)
        } else if opcode <= 0x4e {
            let width = 1 << Int(opcode - 0x4c)
            guard cursor + width <= bytes.count else { return nil }
            for index in 0..<width { length |= Int(bytes[cursor + index]) << (8 * index) }
            cursor += width
        }
        guard length <= bytes.count - cursor else { return nil }
        position = cursor + length
        return ScriptInstruction(opcode: opcode, data: bytes[cursor..<position], next: position)
    }
}

extension Script {
    /// Whether the script does nothing but push (BIP 16, BIP 62 rule 2).
    var isPushOnly: Bool {
        var parser = ScriptParser(self)
        while !parser.isAtEnd {
            guard let instruction = parser.next(), instruction.opcode <= 0x60 else { return false }
        }
        return true
    }

    /// The script without any occurrence of exactly this encoded push, as old signature hashes want it.
    func deleting(_ pattern: Script) -> Script {
        guard !pattern.bytes.isEmpty else { return self }
        var result: [UInt8] = []
        var parser = ScriptParser(self)
        var start = 0
        while true {
            while bytes[parser.position...].starts(with: pattern.bytes) {
                result += bytes[start..<parser.position]
                parser.position += pattern.bytes.count
                start = parser.position
            }
            if parser.next() == nil { break }
        }
        result += bytes[start...]
        return Script(result)
    }

    /// The script without its OP_CODESEPARATORs.
    var withoutCodeSeparators: Script {
        guard bytes.contains(0xab) else { return self }
        var result: [UInt8] = []
        var parser = ScriptParser(self)
        var start = 0
        while let instruction = parser.next() {
            if instruction.opcode == 0xab {
                result += bytes[start..<instruction.next - 1]
                start = instruction.next
            }
        }
        result += bytes[start...]
        return Script(result)
    }

    /// The signature operations of the script; `accurate` counts a multisig by its keys (BIP 16).
    func signatureOperations(accurate: Bool) -> Int {
        var total = 0
        var last: UInt8 = 0xff
        var parser = ScriptParser(self)
        while let instruction = parser.next() {
            switch instruction.opcode {
            case 0xac, 0xad: total += 1
            case 0xae, 0xaf: total += accurate && (0x51...0x60).contains(last) ? Int(last) - 0x50 : 20
            default: break
            }
            last = instruction.opcode
        }
        return total
    }

    /// The last push of a push-only script: BIP 16's redeem script.
    var lastPush: [UInt8]? {
        guard isPushOnly else { return nil }
        var parser = ScriptParser(self)
        var last: [UInt8]?
        while let instruction = parser.next() {
            last = instruction.opcode > 0x4e ? [] : Array(instruction.data)
        }
        return last
    }
}
