import CryptoPrimitives

/// The Bitcoin networks, with what tells their text forms and genesis blocks apart.
public enum Network: String, Sendable, CaseIterable {
    /// Bitcoin itself, the two public networks for tests, and the one that everybody makes for themselves.
    case mainnet, testnet, signet, regtest

    /// BIP 173's human-readable part.
    public var bech32Prefix: String {
        switch self {
        case .mainnet: "bc"
        case .testnet, .signet: "tb"
        case .regtest: "bcrt"
        }
    }

    /// BOLT 11's currency prefix.
    public var invoicePrefix: String {
        switch self {
        case .mainnet: "bc"
        case .testnet: "tb"
        case .signet: "tbs"
        case .regtest: "bcrt"
        }
    }

    package var publicKeyHashVersion: UInt8 { self == .mainnet ? 0 : 111 }
    package var scriptHashVersion: UInt8 { self == .mainnet ? 5 : 196 }
    package var secretKeyVersion: UInt8 { self == .mainnet ? 128 : 239 }
    package var extendedPublicVersion: UInt32 { self == .mainnet ? 0x0488_b21e : 0x0435_87cf }
    package var extendedSecretVersion: UInt32 { self == .mainnet ? 0x0488_ade4 : 0x0435_8394 }

    /// BIP 44's coin type.
    public var coinType: UInt32 { self == .mainnet ? 0 : 1 }

    /// BOLT 0's `chain_hash`: the genesis block's hash, in wire order.
    public var chainHash: BlockHash {
        switch self {
        case .mainnet: BlockHash(display: "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f")!
        case .testnet: BlockHash(display: "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943")!
        case .signet: BlockHash(display: "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6")!
        case .regtest: BlockHash(display: "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206")!
        }
    }
}
