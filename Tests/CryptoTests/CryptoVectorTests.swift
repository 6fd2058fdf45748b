import CryptoPrimitives
import TestSupport
import Testing

@Suite("BIP 340 and Wycheproof", .enabled(if: Vectors.exist, "\(Vectors.hint)"))
struct CryptoVectorTests {
    @Test("Schnorr signatures, valid and invalid")
    func schnorr() throws {
        let lines = try Vectors.lines("bips/bip340_schnorr.csv").dropFirst()
        #expect(lines.count == 19)
        for line in lines {
            let f = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            let message = Hex.decode(f[4])!
            let signature = Hex.decode(f[5])!
            #expect(Schnorr.verify(signature, message: message, key: Bytes32(hex: f[2])!) == (f[6] == "TRUE"), "\(f[0])")
            if !f[1].isEmpty, let short = Bytes32(message) {
                let key = SecretKey(Bytes32(hex: f[1])!)!
                #expect(key.publicKey().xOnly.hex == f[2].lowercased())
                #expect(key.signSchnorr(short, auxiliary: Bytes32(hex: f[3])!) == signature)
            }
        }
    }

    @Test("ECDSA verification: strict DER and a low S, nothing else")
    func ecdsa() throws {
        var checked = 0
        for group in try Vectors.json("crypto/wycheproof_ecdsa_secp256k1_bitcoin.json")["testGroups"].array {
            let key = PublicKey(serialized: Hex.decode(group["publicKey"]["uncompressed"].string)!)!
            for test in group["tests"].array {
                let hash = Hash.sha256(Hex.decode(test["msg"].string)!)
                let signature = ECDSASignature(der: Hex.decode(test["sig"].string)!)
                let valid = signature.map { $0.hasLowS && $0.verify(hash, key: key) } ?? false
                #expect(valid == (test["result"].string == "valid"), "test \(test["tcId"].int): \(test["comment"].string)")
                checked += 1
            }
        }
        #expect(checked == 463)
    }

    @Test("ECDH")
    func ecdh() throws {
        // SubjectPublicKeyInfo of secp256k1 with an uncompressed or a compressed point.
        let long = Hex.decode("3056301006072a8648ce3d020106052b8104000a034200")!
        let short = Hex.decode("3036301006072a8648ce3d020106052b8104000a032200")!
        var checked = 0
        for group in try Vectors.json("crypto/wycheproof_ecdh_secp256k1.json")["testGroups"].array {
            for test in group["tests"].array where test["result"].string == "valid" {
                let bytes = Hex.decode(test["public"].string)!
                guard bytes.starts(with: long) || bytes.starts(with: short),
                    let key = PublicKey(serialized: bytes[23...])
                else { continue }
                let digits = String(test["private"].string.suffix(64))
                let padded = String(repeating: "0", count: 64 - digits.count) + digits
                let secret = SecretKey(Bytes32(hex: padded)!)!
                #expect(secret.sharedX(with: key).hex == test["shared"].string, "test \(test["tcId"].int)")
                checked += 1
            }
        }
        #expect(checked > 400)
    }

    @Test("hashes against known answers")
    func hashes() {
        #expect(Hash.sha256(Array("abc".utf8)).hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(Hex.encode(Hash.ripemd160(Array("abc".utf8))) == "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc")
        #expect(Hex.encode(Hash.sha1(Array("abc".utf8))) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        // RFC 4231, test case 2.
        #expect(
            MAC.hmacSHA256(key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8)).hex
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test("keys that are none are refused")
    func invalidKeys() {
        func isKey(_ bytes: Bytes32) -> Bool { SecretKey(bytes) != nil }
        #expect(!isKey(.zero))
        #expect(!isKey(Bytes32([UInt8](repeating: 0xff, count: 32))!))
        #expect(PublicKey(compressed: [2] + [UInt8](repeating: 0, count: 32)) == nil)
        #expect(PublicKey(compressed: []) == nil)
    }
}
