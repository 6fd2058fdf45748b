import BitcoinPrimitives
import CryptoPrimitives
import TestSupport
import Testing

@testable import BitcoinLedger

/// Bitcoin Core's textual scripts: opcode names, numbers, 'text' and 0x raw bytes.
enum VectorScript {
    static let opcodes: [String: UInt8] = {
        var table: [String: UInt8] = [
            "NOP": 0x61, "VER": 0x62, "IF": 0x63, "NOTIF": 0x64, "VERIF": 0x65, "VERNOTIF": 0x66, "ELSE": 0x67, "ENDIF": 0x68,
            "VERIFY": 0x69, "RETURN": 0x6a, "CHECKLOCKTIMEVERIFY": 0xb1, "CHECKSEQUENCEVERIFY": 0xb2, "RESERVED": 0x50,
            "RESERVED1": 0x89, "RESERVED2": 0x8a, "CHECKSIGADD": 0xba, "1NEGATE": 0x4f, "EQUAL": 0x87, "EQUALVERIFY": 0x88,
            "NOP1": 0xb0, "NOP2": 0xb1, "NOP3": 0xb2,
        ]
        let runs: [(UInt8, String)] = [
            (
                0x6b,
                "TOALTSTACK FROMALTSTACK 2DROP 2DUP 3DUP 2OVER 2ROT 2SWAP IFDUP DEPTH DROP DUP NIP OVER PICK ROLL ROT SWAP TUCK CAT SUBSTR LEFT RIGHT SIZE INVERT AND OR XOR"
            ),
            (
                0x8b,
                "1ADD 1SUB 2MUL 2DIV NEGATE ABS NOT 0NOTEQUAL ADD SUB MUL DIV MOD LSHIFT RSHIFT BOOLAND BOOLOR NUMEQUAL NUMEQUALVERIFY NUMNOTEQUAL LESSTHAN GREATERTHAN LESSTHANOREQUAL GREATERTHANOREQUAL MIN MAX WITHIN RIPEMD160 SHA1 SHA256 HASH160 HASH256 CODESEPARATOR CHECKSIG CHECKSIGVERIFY CHECKMULTISIG CHECKMULTISIGVERIFY"
            ),
            (0xb3, "NOP4 NOP5 NOP6 NOP7 NOP8 NOP9 NOP10"),
        ]
        for (start, names) in runs {
            for (offset, name) in names.split(separator: " ").enumerated() { table[String(name)] = start + UInt8(offset) }
        }
        return table
    }()

    static func parse(_ text: String) -> Script {
        var script = Script()
        for word in text.split(separator: " ").map(String.init) {
            if let number = Int64(word) {
                script.append(.number(number))
            } else if word.hasPrefix("0x") {
                script.bytes += Hex.decode(word.dropFirst(2))!
            } else if word.hasPrefix("'") {
                script.append(.push(Array(word.dropFirst().dropLast().utf8)))
            } else {
                let name = word.hasPrefix("OP_") ? String(word.dropFirst(3)) : word
                script.bytes.append(opcodes[name]!)
            }
        }
        return script
    }

    static func flags(_ text: String) -> ScriptFlags {
        text.split(separator: ",").reduce(into: []) { $0.formUnion(ScriptFlags.names[String($1)]!) }
    }
}

/// The tree of one leaf that the file's taproot cases spend, under BIP 341's key that nobody has.
struct VectorTree {
    let outputKey: Bytes32
    let controlBlock: [UInt8]

    init(_ leaf: Script) {
        let nobody = Bytes32(hex: "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0")!
        var writer = ByteWriter()
        writer.uint8(0xc0)
        writer.variableBytes(leaf.bytes)
        let root = Hash.tagged("TapLeaf", writer.bytes)
        let output = PublicKey(compressed: [2] + nobody.array)!.tapTweaked(merkleRoot: root.array)!
        outputKey = output.xOnly
        controlBlock = [output.oddY ? 0xc1 : 0xc0] + nobody.array
    }
}

@Suite("Bitcoin Core's script vectors", .enabled(if: Vectors.exist, "\(Vectors.hint)"))
struct ScriptVectorTests {
    @Test("script_tests.json: verdict and reason")
    func scripts() throws {
        var checked = 0
        for v in try Vectors.json("core/script_tests.json").array where v.array.count > 3 {
            var fields = v.array
            var witness: [[UInt8]] = []
            var amount = Satoshi.zero
            var tree: VectorTree?
            if fields[0].isArray {
                let list = fields.removeFirst().array
                for item in list.dropLast().map(\.string) {
                    if item.hasPrefix("#SCRIPT#") {
                        let leaf = VectorScript.parse(String(item.dropFirst(8)))
                        tree = VectorTree(leaf)
                        witness.append(leaf.bytes)
                    } else {
                        witness.append(item == "#CONTROLBLOCK#" ? try #require(tree).controlBlock : Hex.decode(item)!)
                    }
                }
                amount = Satoshi(UInt64((list.last!.double * 100_000_000).rounded()))
            }
            let signatureScript = VectorScript.parse(fields[0].string)
            let outputScript = VectorScript.parse(
                fields[1].string.replacing("#TAPROOTOUTPUT#", with: "0x" + (tree?.outputKey.hex ?? "")))
            let credit = Transaction(
                version: 1, inputs: [TransactionInput(.null, signatureScript: Script([0, 0]))],
                outputs: [TransactionOutput(amount, outputScript)])
            let spend = Transaction(
                version: 1,
                inputs: [TransactionInput(OutPoint(credit.id, 0), signatureScript: signatureScript, witness: witness)],
                outputs: [TransactionOutput(amount, Script())])
            let verifier = ScriptVerifier(spend, spent: credit.outputs, flags: VectorScript.flags(fields[2].string))
            var result = "OK"
            do { try verifier.verify(input: 0) } catch { result = error.rawValue }
            // Bitcoin Core calls an over-long number "UNKNOWN_ERROR" in older files.
            let expected = fields[3].string
            let same = result == expected || (result == "SCRIPTNUM" && expected == "UNKNOWN_ERROR")
            #expect(same, "\(fields.map(\.string).prefix(3)): \(result), expected \(expected)")
            checked += 1
        }
        // All but the lines that are comments.
        #expect(checked == 637)
    }

    @Test("tx_valid.json: every input under all flags but the excluded")
    func transactions() throws {
        let all = ScriptFlags.names.values.reduce(into: ScriptFlags()) { $0.formUnion($1) }
        var checked = 0
        for v in try Vectors.json("core/tx_valid.json").array where v[0].isArray {
            let transaction = try Transaction(Hex.decode(v[1].string)!)
            var outputs: [OutPoint: TransactionOutput] = [:]
            for previous in v[0].array {
                let point = OutPoint(TransactionID(display: previous[0].string)!, UInt32(truncatingIfNeeded: previous[1].int))
                let amount = previous.array.count > 3 ? UInt64(previous[3].int) : 0
                outputs[point] = TransactionOutput(Satoshi(amount), VectorScript.parse(previous[2].string))
            }
            let flags = all.subtracting(VectorScript.flags(v[2].string))
            let spent = transaction.inputs.map { outputs[$0.previousOutput]! }
            let verifier = ScriptVerifier(transaction, spent: spent, flags: flags)
            for index in transaction.inputs.indices {
                do { try verifier.verify(input: index) } catch {
                    Issue.record("\(transaction.id) input \(index): \(error.rawValue)")
                }
            }
            checked += 1
        }
        #expect(checked > 100)
    }

    @Test("sighash.json: the legacy signature hash")
    func signatureHashes() throws {
        for v in try Vectors.json("core/sighash.json").array.dropFirst() {
            let transaction = try Transaction(Hex.decode(v[0].string)!)
            let type = SignatureHashType(rawValue: UInt32(bitPattern: Int32(v[3].int)))
            let code = Script(Hex.decode(v[1].string)!).withoutCodeSeparators
            let hash = SignatureHasher(transaction).legacy(input: v[2].int, scriptCode: code, type: type)
            #expect(hash.reversed.hex == v[4].string)
        }
    }

    @Test("script_assets: taproot, segwit and legacy spends, succeeding and failing")
    func assets() throws {
        var checked = 0
        for v in try Vectors.jsonLines("core/script_assets_taproot.jsonl") {
            var transaction = try Transaction(Hex.decode(v["tx"].string)!)
            let spent = v["prevouts"].array.map { entry -> TransactionOutput in
                var reader = ByteReader(Hex.decode(entry.string)!)
                return try! TransactionOutput(from: &reader)
            }
            let index = v["index"].int
            let flags = VectorScript.flags(v["flags"].string)
            for (name, isValid) in [("success", true), ("failure", false)] where v[name].isObject {
                transaction.inputs[index].signatureScript = Script(Hex.decode(v[name]["scriptSig"].string)!)
                transaction.inputs[index].witness = v[name]["witness"].array.map { Hex.decode($0.string)! }
                let verifier = ScriptVerifier(transaction, spent: spent, flags: flags)
                let passed: Bool
                do {
                    try verifier.verify(input: index)
                    passed = true
                } catch { passed = false }
                #expect(passed == isValid, "\(v["id"].string) \(v["comment"].string) \(name)")
                checked += 1
            }
        }
        #expect(checked > 690)
    }
}
