import CryptoPrimitives

/// The Bitcoin networks, with what tells their text forms and genesis blocks apart.
public enum Network: String, Sendable, CaseIterable {
    /// Bitcoin itself, the public networks for tests (testnet is the third one, testnet4 is BIP 94's), signet (BIP 325: the public one, or one of one's
    /// own with the same first block), and the one that everybody makes for themselves.
    case mainnet, testnet, testnet4, signet, regtest

    /// BIP 173's human-readable part.
    public var bech32Prefix: String {
        switch self {
        case .mainnet: "bc"
        case .testnet, .testnet4, .signet: "tb"
        case .regtest: "bcrt"
        }
    }

    /// BOLT 11's currency prefix.
    public var invoicePrefix: String {
        switch self {
        case .mainnet: "bc"
        case .testnet, .testnet4: "tb"
        case .signet: "tbs"
        case .regtest: "bcrt"
        }
    }

    package var publicKeyHashVersion: UInt8 { self == .mainnet ? 0 : 111 }
    package var scriptHashVersion: UInt8 { self == .mainnet ? 5 : 196 }
    package var secretKeyVersion: UInt8 { self == .mainnet ? 128 : 239 }
    package var extendedPublicVersion: UInt32 { self == .mainnet ? 0x0488_b21e : 0x0435_87cf }
    package var extendedSecretVersion: UInt32 { self == .mainnet ? 0x0488_ade4 : 0x0435_8394 }

    /// What an invoice of this network says where it can be paid: BOLT 11 has one prefix for both testnets.
    package var invoiceNetwork: Network { self == .testnet4 ? .testnet : self }

    /// The port at which a bitcoind of the network listens for JSON-RPC by itself.
    package var rpcPort: Int {
        switch self {
        case .mainnet: 8332
        case .testnet: 18332
        case .testnet4: 48332
        case .signet: 38332
        case .regtest: 18443
        }
    }

    /// The folder below a bitcoind's data in which it keeps the network's, and its cookie; empty for its data itself.
    package var bitcoindFolder: String {
        switch self {
        case .mainnet: ""
        case .testnet: "testnet3"
        case .testnet4, .signet, .regtest: rawValue
        }
    }

    /// BIP 44's coin type.
    public var coinType: UInt32 { self == .mainnet ? 0 : 1 }

    /// BOLT 0's `chain_hash`: the genesis block's hash, in wire order.
    public var chainHash: BlockHash {
        switch self {
        case .mainnet: BlockHash(display: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f")!
        case .testnet: BlockHash(display: "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943")!
        case .testnet4: BlockHash(display: "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043")!
        case .signet: BlockHash(display: "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6")!
        case .regtest: BlockHash(display: "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206")!
        }
    }
}
