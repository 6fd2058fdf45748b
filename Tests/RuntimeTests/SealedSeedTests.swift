import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import Testing

@testable import LightningRuntime

@Suite("a wallet's words under a passphrase")
struct SealedSeedTests {
    private func folder() -> WalletDirectory {
        WalletDirectory(FileManager.default.temporaryDirectory.appending(path: "sealed-\(UUID().uuidString)"))
    }

    private func contents(_ wallet: WalletDirectory) throws -> String {
        try FileManager.default.contentsOfDirectory(atPath: wallet.url.path).map {
            String(decoding: try Data(contentsOf: wallet.url.appending(path: $0)), as: UTF8.self)
        }.joined()
    }

    @Test("scrypt is RFC 7914's")
    func scrypt() throws {
        let cost = PasswordHash.Cost(logN: 10, r: 8, p: 16)
        let key = try #require(PasswordHash.scrypt(Array("password".utf8), salt: Array("NaCl".utf8), cost: cost, count: 64))
        #expect(
            Hex.encode(key)
                == "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
        )
        let empty = PasswordHash.scrypt([], salt: [], cost: .init(logN: 4, r: 1, p: 1), count: 16)
        #expect(empty.map { Hex.encode($0) } == "77d6576238657b203b19ca42c18a0497")
        #expect(PasswordHash.scrypt([1], salt: [2], cost: .init(logN: 40, r: 8, p: 1)) == nil)
    }

    @Test("nothing on the disk says the words; only the passphrase brings them back")
    func sealed() throws {
        let wallet = folder()
        let words = try wallet.create(passphrase: "bip39 extra", sealedUnder: "correct horse")
        #expect(wallet.isSealed && !wallet.isUnlocked)
        let text = try contents(wallet)
        for word in words.phrase.split(separator: " ") { #expect(!text.contains(" \(word) ")) }
        #expect(!text.contains("bip39 extra") && !text.contains("correct horse"))
        #expect(throws: WalletDirectoryFailure.locked(wallet.url.path)) { try wallet.seed() }
        for wrong in ["", "correct horse ", "Correct horse"] {
            #expect(throws: WalletDirectoryFailure.wrongPassphrase) { try wallet.unlocked(with: wrong) }
        }
        let open = try wallet.unlocked(with: "correct horse")
        #expect(try open.words().words.phrase == words.phrase && open.words().hasPassphrase)
        #expect(try open.seed() == words.seed(passphrase: "bip39 extra"))
        #expect(open.isUnlocked && !"\(open)".contains(words.phrase))
        // Another passphrase, and none.
        try open.seal(under: "another")
        #expect(throws: WalletDirectoryFailure.wrongPassphrase) { try wallet.unlocked(with: "correct horse") }
        try wallet.unlocked(with: "another").seal(under: nil)
        #expect(!wallet.isSealed)
        #expect(try wallet.seed() == words.seed(passphrase: "bip39 extra"))
        try wallet.seal(under: "third")
        #expect(try wallet.unlocked(with: "third").seed() == words.seed(passphrase: "bip39 extra"))
        #expect(!(try contents(wallet).contains("bip39 extra")))
        // For its owner alone, and nothing half written is left.
        for name in try FileManager.default.contentsOfDirectory(atPath: wallet.url.path) {
            let mode = try FileManager.default.attributesOfItem(atPath: wallet.url.appending(path: name).path)[.posixPermissions]
            #expect((mode as? NSNumber)?.intValue == 0o600)
            #expect(!name.hasSuffix(".new"))
        }
    }

    @Test("a seed file that is damaged is said to be damaged, and is not changed")
    func damaged() throws {
        let wallet = folder()
        _ = try wallet.create(sealedUnder: "x")
        let file = wallet.url.appending(path: "seed")
        let whole = try String(contentsOf: file, encoding: .utf8)
        var lines = whole.split(separator: "\n").map(String.init)
        for (number, line) in [(1, "scrypt 63 8 1"), (1, "scrypt 17 8"), (1, "argon 1 2 3"), (2, "00"), (3, "zz"), (3, "")] {
            var changed = lines
            changed[number] = line
            let text = changed.joined(separator: "\n")
            try text.write(to: file, atomically: true, encoding: .utf8)
            #expect(throws: WalletDirectoryFailure.self) { try wallet.unlocked(with: "x") }
            #expect(try String(contentsOf: file, encoding: .utf8) == text)
        }
        // One bit of what is sealed.
        lines[3] = (lines[3].hasPrefix("0") ? "1" : "0") + lines[3].dropFirst()
        try lines.joined(separator: "\n").write(to: file, atomically: true, encoding: .utf8)
        #expect(throws: WalletDirectoryFailure.wrongPassphrase) { try wallet.unlocked(with: "x") }
        try whole.write(to: file, atomically: true, encoding: .utf8)
        _ = try wallet.unlocked(with: "x")
    }
}
