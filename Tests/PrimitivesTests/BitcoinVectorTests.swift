import BitcoinPrimitives
import CryptoPrimitives
import TestSupport
import Testing

@Suite("BIP vectors", .enabled(if: Vectors.exist, "\(Vectors.hint)"))
struct BitcoinVectorTests {
    @Test("BIP 32: derivation and invalid keys")
    func bip32() throws {
        for v in try Vectors.json("bips/bip32.json").array {
            for invalid in v["invalid"].array {
                #expect(!ExtendedKeyText.isValid(invalid["key"].string, network: .mainnet), "\(invalid["why"].string)")
            }
            guard !v["seed"].string.isEmpty else { continue }
            let master = ExtendedSecretKey(seed: Hex.decode(v["seed"].string)!)!
            for chain in v["chains"].array {
                let path = chain["path"].string.replacing("H", with: "'")
                let key = master.derive(path)!
                #expect(key.serialized(.mainnet) == chain["xprv"].string)
                #expect(key.serializedPublic(.mainnet) == chain["xpub"].string)
                #expect(ExtendedKeyText.isValid(chain["xpub"].string, network: .mainnet))
            }
        }
    }

    @Test("BIP 39: entropy, words, seed, master key")
    func bip39() throws {
        let list = try Vectors.lines("bips/bip39_english.txt")
        #expect(list.count == 2048)
        for v in try Vectors.json("bips/bip39_english_vectors.json")["english"].array {
            let mnemonic = Mnemonic(entropy: Hex.decode(v[0].string)!)
            #expect(mnemonic.phrase == v[1].string)
            #expect(try Mnemonic(phrase: v[1].string).words == mnemonic.words)
            let seed = mnemonic.seed(passphrase: "TREZOR")
            #expect(Hex.encode(seed) == v[2].string)
            #expect(ExtendedSecretKey(seed: seed)!.serialized(.mainnet) == v[3].string)
        }
        #expect(throws: Mnemonic.Refusal.wrongCount(2)) { try Mnemonic(phrase: "abandon about") }
        let wrong = Array(repeating: "abandon", count: 12).joined(separator: " ")
        #expect(throws: Mnemonic.Refusal.wrongChecksum) { try Mnemonic(phrase: wrong) }
        #expect(throws: Mnemonic.Refusal.unknownWord(position: 12)) {
            try Mnemonic(phrase: wrong.dropLast(7) + "bitcoin")
        }
    }

    @Test("BIP 173 and 350: bech32, bech32m and addresses", arguments: ["bips/bip173.json", "bips/bip350.json"])
    func bech32(file: String) throws {
        let isM = file.contains("350")
        for (title, list) in try Vectors.json(file).object {
            for v in list.array {
                // 0xNN stands for one raw byte.
                let text = v["text"].string
                if title.contains("addresses and the script") {
                    let address = Address(text, network: .mainnet) ?? Address(text, network: .testnet)
                    // BIP 173 knows forms of version 1 and up that BIP 350 took back.
                    if address == nil && !isM { continue }
                    #expect(address?.script.description == v["spk"].string, "\(text)")
                } else if title.contains("invalid segwit") {
                    for network in Network.allCases { #expect(Address(text, network: network) == nil, "\(text)") }
                } else {
                    let variant = Bech32.decode(text)?.variant
                    let isValid = variant == (isM ? .bech32m : .bech32)
                    if title.contains("not valid") {
                        if !v["note"].string.hasPrefix("0x") { #expect(!isValid, "\(text)") }
                    } else {
                        #expect(isValid, "\(text)")
                    }
                }
            }
        }
    }

    @Test("BIP 341: output scripts and key path signatures")
    func bip341() throws {
        let v = try Vectors.json("bips/bip341_wallet.json")
        for test in v["scriptPubKey"].array {
            let key = PublicKey(hex: "02" + test["given"]["internalPubkey"].string)!
            let root = Hex.decode(test["intermediary"]["merkleRoot"].string) ?? []
            let (output, _) = key.tapTweaked(merkleRoot: root)!
            let script = Script.p2tr(output)
            #expect(script.description == test["expected"]["scriptPubKey"].string)
            #expect(Address(script: script, network: .mainnet)?.description == test["expected"]["bip350Address"].string)
        }
        for test in v["keyPathSpending"].array {
            let transaction = try Transaction(Hex.decode(test["given"]["rawUnsignedTx"].string)!)
            let spent = test["given"]["utxosSpent"].array.map {
                TransactionOutput(Satoshi(UInt64($0["amountSats"].int)), Script(Hex.decode($0["scriptPubKey"].string)!))
            }
            var hasher = SignatureHasher(transaction)
            for input in test["inputSpending"].array {
                let given = input["given"]
                let type = SignatureHashType(rawValue: UInt32(given["hashType"].int))
                let computed = hasher.taproot(input: given["txinIndex"].int, spent: spent, type: type)
                let hash = try #require(computed)
                #expect(hash.hex == input["intermediary"]["sigHash"].string)
                let secret = SecretKey(Bytes32(hex: given["internalPrivkey"].string)!)!
                let tweaked = secret.tapTweaked(merkleRoot: Hex.decode(given["merkleRoot"].string) ?? [])
                #expect(tweaked.unsafeBytes().hex == input["intermediary"]["tweakedPrivkey"].string)
                let suffix = type == .default ? [] : [UInt8(type.rawValue)]
                #expect(Hex.encode(tweaked.signSchnorr(hash, auxiliary: .zero) + suffix) == input["expected"]["witness"][0].string)
            }
        }
    }

    @Test("BIP 143: the first example, step by step")
    func bip143() throws {
        let v = try Vectors.json("bips/bip143_examples.json")[0]
        let transaction = try Transaction(Hex.decode(v["unsigned"][0].string)!)
        var hasher = SignatureHasher(transaction)
        let code = Script(Hex.decode("76a9141d0f172a0ecb48aee1be1f2687d2963ae33f71a188ac")!)
        let hash = hasher.witnessV0(input: 1, scriptCode: code, amount: Satoshi(600_000_000))
        #expect(hash.hex == v["sigHash"][0].string)
    }

    @Test("Bitcoin Core's base 58, addresses, keys and transactions")
    func core() throws {
        for v in try Vectors.json("core/base58_encode_decode.json").array {
            #expect(Base58.encode(Hex.decode(v[0].string)!) == v[1].string)
            #expect(Base58.decode(v[1].string) == Hex.decode(v[0].string)!)
        }
        let networks: [String: Network] = ["main": .mainnet, "testnet4": .testnet, "signet": .signet, "regtest": .regtest]
        for v in try Vectors.json("core/key_io_valid.json").array {
            let network = networks[v[2]["chain"].string]!
            if v[2]["isPrivkey"].bool {
                let key = WalletImportFormat.decode(v[0].string, network: network)
                #expect(key?.key.hex == v[1].string)
                #expect(key?.isCompressed == v[2]["isCompressed"].bool)
            } else {
                let address = try #require(Address(v[0].string, network: network), "\(v[0].string)")
                #expect(address.script.description == v[1].string)
                #expect(Address(script: address.script, network: network)?.description == v[0].string)
            }
        }
        for v in try Vectors.json("core/key_io_invalid.json").array {
            for network in Network.allCases {
                #expect(Address(v[0].string, network: network) == nil, "\(v[0].string)")
                #expect(WalletImportFormat.decode(v[0].string, network: network) == nil, "\(v[0].string)")
            }
        }
    }

    @Test("a transaction round-trips, and truncated or padded ones are refused")
    func transactionCodec() throws {
        let bytes = Hex.decode(try Vectors.json("bolt3/commitment_anchors.json")["cases"][0]["ExpectedCommitmentTxHex"].string)!
        let transaction = try Transaction(bytes)
        #expect(transaction.serialized() == bytes)
        for length in 0..<bytes.count { #expect(throws: DecodingFailure.self) { try Transaction(Array(bytes[..<length])) } }
        #expect(throws: DecodingFailure.trailingBytes(1)) { try Transaction(bytes + [0]) }
    }

    @Test("BIP 158: filters and their headers", arguments: ["core/blockfilters.json", "bips/bip158_testnet.json"])
    func blockFilters(_ file: String) throws {
        var checked = 0
        for v in try Vectors.json(file).array.dropFirst() {
            let block = try Block(Hex.decode(v[2].string)!)
            #expect(block.hash.description == v[1].string)
            let spent = v[3].array.map { Script(Hex.decode($0.string)!) }
            let filter = BlockFilter(block, spent: spent)
            #expect(Hex.encode(filter.bytes) == v[5].string, "\(v[7].string)")
            #expect(filter.header(after: Bytes32(hex: v[4].string)!.reversed).reversed.hex == v[6].string, "\(v[7].string)")
            // No miss, and hardly a false alarm.
            for script in block.transactions.flatMap(\.outputs).map(\.script) + spent
            where script.bytes.first != 0x6a && !script.bytes.isEmpty {
                #expect(try filter.mayTouch([.anchor, script]))
            }
            #expect(try !filter.mayTouch((0..<50).map { Script([0, 20] + [UInt8](repeating: $0, count: 20)) }))
            checked += 1
        }
        #expect(checked == 10)
    }
}
