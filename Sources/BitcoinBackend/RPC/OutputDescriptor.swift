import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives

/// Output descriptors (BIP 380 to 386), as far as an index of addresses needs them: no ranges, no secrets.
enum OutputDescriptor {
    private static let inputCharacters = Array(
        "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ".utf8)
    private static let checksumCharacters = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8)

    /// BIP 380's checksum of eight characters; `nil` for text that has others than a descriptor may.
    static func checksum(_ text: String) -> String? {
        let generator: [UInt64] = [0xf5_dee5_1989, 0xa9_fdca_3312, 0x1b_ab10_e32d, 0x37_06b1_677a, 0x64_4d62_6ffd]
        var state: UInt64 = 1
        func add(_ value: UInt64) {
            let top = state >> 35
            state = (state & 0x7_ffff_ffff) << 5 ^ value
            for (bit, polynomial) in generator.enumerated() where top >> UInt64(bit) & 1 == 1 { state ^= polynomial }
        }
        var group: UInt64 = 0
        var count = 0
        for byte in text.utf8 {
            guard let position = inputCharacters.firstIndex(of: byte) else { return nil }
            add(UInt64(position) & 31)
            group = group * 3 + UInt64(position) >> 5
            count += 1
            if count == 3 {
                add(group)
                (group, count) = (0, 0)
            }
        }
        if count > 0 { add(group) }
        for _ in 0..<8 { add(0) }
        state ^= 1
        return String(
            decoding: (0..<8).map { checksumCharacters[Int(state >> UInt64(5 * (7 - $0)) & 31)] }, as: UTF8.self)
    }

    static func withChecksum(_ text: String) -> String { checksum(text).map { "\(text)#\($0)" } ?? text }

    /// The descriptor of a script, from nothing but itself.
    static func infer(_ script: Script) -> String {
        let bytes = script.bytes
        switch ScriptForm(script) {
        case .publicKey:
            let key = Array(bytes[1..<bytes.count - 1])
            if PublicKey(serialized: key) != nil, key[0] < 6 { return withChecksum("pk(\(Hex.encode(key)))") }
        case .multiSignature:
            let (required, keys) = ScriptForm.multiSignature(script)!
            if keys.allSatisfy({ PublicKey(serialized: $0) != nil && $0.first! < 6 }) {
                let list = keys.map { Hex.encode(Array($0)) }.joined(separator: ",")
                return withChecksum("multi(\(required),\(list))")
            }
        case .witnessV1Taproot:
            if PublicKey(compressed: [2] + bytes[2...]) != nil {
                return withChecksum("rawtr(\(Hex.encode(Array(bytes[2...]))))")
            }
        default: break
        }
        if let address = Address(script: script, network: .regtest) { return withChecksum("addr(\(address))") }
        return withChecksum("raw(\(script))")
    }

    /// The descriptor of a script's P2WSH form, where its own has a name.
    static func inferWrapped(_ script: Script) -> String? {
        let own = infer(script).prefix { $0 != "#" }
        return own.hasPrefix("multi(") ? withChecksum("wsh(\(own))") : nil
    }

    /// The scripts that a descriptor without ranges means.
    static func parse(_ text: String, depth: Int = 0) throws(RPCFailure) -> [Script] {
        // sh(wsh(…)) is the deepest that makes sense.
        guard depth < 3 else { throw .notFound("'\(text.prefix(40))' is nested too deeply") }
        var body = text
        if let mark = text.firstIndex(of: "#") {
            body = String(text[..<mark])
            let given = text[text.index(after: mark)...]
            guard given.utf8.count == 8 else { throw .notFound("Expected 8 character checksum, not \(given.utf8.count) characters") }
            guard let expected = checksum(body), expected == given else {
                throw .notFound("Provided checksum '\(given)' does not match computed checksum '\(checksum(body) ?? "")'")
            }
        }
        guard let open = body.firstIndex(of: "("), body.last == ")" else {
            throw .notFound("'\(body)' is not a valid descriptor function")
        }
        let name = body[..<open]
        let argument = String(body[body.index(after: open)...].dropLast())
        func key() throws(RPCFailure) -> [UInt8] {
            guard let bytes = Hex.decode(argument), PublicKey(serialized: bytes) != nil else {
                throw .notFound("\(name)(): key '\(argument)' is not valid")
            }
            return bytes
        }
        switch name {
        case "addr":
            guard let address = Address(argument, network: .regtest) else { throw .notFound("Address is not valid") }
            return [address.script]
        case "raw":
            guard let bytes = Hex.decode(argument) else { throw .notFound("Raw script is not hex") }
            return [Script(bytes)]
        case "pk": return [Script([.push(try key()), .op(.checkSig)])]
        case "pkh": return [.p2pkh(hash: Hash.hash160(try key()))]
        case "wpkh": return [Script([0, 20] + Hash.hash160(try key()))]
        case "rawtr":
            guard let bytes = Bytes32(hex: argument) else { throw .notFound("rawtr(): key '\(argument)' is not valid") }
            return [.p2tr(bytes)]
        case "sh":
            let inner = try parse(argument, depth: depth + 1)[0]
            return [Script([.op(.hash160), .push(Hash.hash160(inner.bytes)), .op(.equal)])]
        case "wsh": return [.p2wsh(try parse(argument, depth: depth + 1)[0])]
        case "combo":
            let bytes = try key()
            var scripts = [Script([.push(bytes), .op(.checkSig)]), .p2pkh(hash: Hash.hash160(bytes))]
            if bytes.count == 33 {
                let segwit = Script([0, 20] + Hash.hash160(bytes))
                scripts += [segwit, Script([.op(.hash160), .push(Hash.hash160(segwit.bytes)), .op(.equal)])]
            }
            return scripts
        default: throw .notFound("'\(body)' is not a valid descriptor function")
        }
    }
}
