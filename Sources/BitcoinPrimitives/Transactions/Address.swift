package import CryptoPrimitives

/// A text form of an output script, for one kind of network.
public struct Address: Hashable, Sendable, CustomStringConvertible {
    /// What pays to the address.
    public let script: Script
    /// The network whose prefix the address has.
    public let network: Network
    /// The address as people exchange it.
    public let description: String

    /// The address of a script; `nil` for scripts that have none.
    public init?(script: Script, network: Network) {
        let bytes = script.bytes
        if let (version, program) = script.witnessProgram {
            guard version > 0 || program.count == 20 || program.count == 32 else { return nil }
            let data = [UInt8(version)] + Bech32.convert(program, from: 8, to: 5, pad: true)!
            description = Bech32.encode(
                prefix: network.bech32Prefix, data: data, variant: version == 0 ? .bech32 : .bech32m)
        } else if script.isP2SH {
            description = Base58.encodeChecked([network.scriptHashVersion] + bytes[2..<22])
        } else if bytes.count == 25, script == .p2pkh(hash: Array(bytes[3..<23])) {
            description = Base58.encodeChecked([network.publicKeyHashVersion] + bytes[3..<23])
        } else {
            return nil
        }
        self.script = script
        self.network = network
    }

    /// Parses an address of the given network; `nil` for any other text.
    public init?(_ text: String, network: Network) {
        if let (prefix, data, variant) = Bech32.decode(text) {
            guard prefix == network.bech32Prefix, let version = data.first, version <= 16,
                let program = Bech32.convert(data.dropFirst(), from: 5, to: 8, pad: false),
                (2...40).contains(program.count),
                version > 0 || program.count == 20 || program.count == 32,
                // BIP 350: "bech32m for witness version 1 and higher, bech32 for 0".
                (version == 0) == (variant == .bech32)
            else { return nil }
            script = Script([version == 0 ? 0 : 0x50 + version, UInt8(program.count)] + program)
        } else if let payload = Base58.decodeChecked(text), payload.count == 21 {
            let hash = Array(payload[1...])
            if payload[0] == network.publicKeyHashVersion {
                script = .p2pkh(hash: hash)
            } else if payload[0] == network.scriptHashVersion {
                script = Script([.op(.hash160), .push(hash), .op(.equal)])
            } else {
                return nil
            }
        } else {
            return nil
        }
        self.network = network
        description = text
    }
}

/// WIF, the text form of a secret key.
package enum WalletImportFormat {
    package static func decode(_ text: String, network: Network) -> (key: Bytes32, isCompressed: Bool)? {
        guard let payload = Base58.decodeChecked(text), payload.first == network.secretKeyVersion else { return nil }
        if payload.count == 33 { return (Bytes32(payload[1...])!, false) }
        guard payload.count == 34, payload[33] == 1 else { return nil }
        return (Bytes32(payload[1..<33])!, true)
    }
}
