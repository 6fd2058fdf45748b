public import BitcoinPrimitives
public import CryptoPrimitives

/// BOLT 2: the funding outpoint's transaction id with its index mixed into the last two bytes.
public struct ChannelID: Identifier32 {
    /// Its 32 bytes.
    public var bytes: Bytes32
    /// Of 32 bytes.
    public init(_ bytes: Bytes32) { self.bytes = bytes }

    /// All zeros: "all channels" in error and warning messages.
    public static let all = ChannelID(.zero)

    /// BOLT 2 "Definition of channel_id": big-endian exclusive or of transaction id and output index.
    public init(funding: OutPoint) {
        bytes = funding.transaction.bytes
        bytes[30] ^= UInt8(funding.index >> 8 & 0xff)
        bytes[31] ^= UInt8(funding.index & 0xff)
    }
}

/// The SHA-256 of a payment preimage.
public struct PaymentHash: Identifier32 {
    /// Its 32 bytes.
    public var bytes: Bytes32
    /// Of 32 bytes.
    public init(_ bytes: Bytes32) { self.bytes = bytes }
}

/// The secret whose disclosure settles a payment.
public struct PaymentPreimage: Identifier32 {
    /// Its 32 bytes.
    public var bytes: Bytes32
    /// Of 32 bytes.
    public init(_ bytes: Bytes32) { self.bytes = bytes }
    /// Its SHA-256.
    public var paymentHash: PaymentHash { PaymentHash(Hash.sha256(bytes)) }

    /// Not the preimage: whoever reads it in a log while its HTLC is under way can take the money. `hex` shows it.
    public var description: String { "preimage of \(paymentHash)" }
}

extension PaymentPreimage: CustomReflectable {
    /// Without children: what dumps a value shows no secret.
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}

/// BOLT 7: block height, transaction index and output index in eight bytes.
public struct ShortChannelID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Block, transaction and output in 64 bits (BOLT 7).
    public var value: UInt64

    /// Of 64 bits.
    public init(_ value: UInt64) { self.value = value }

    /// Of its parts; each is cut to the bits that it has.
    public init(block: BlockHeight, transaction: Int, output: Int) {
        value = UInt64(block.uint32) << 40 | UInt64(transaction) << 16 | UInt64(output)
    }

    /// Parses the text form `103x1x0`.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "x", omittingEmptySubsequences: false).map { UInt64($0) }
        guard parts.count == 3, let block = parts[0], let transaction = parts[1], let output = parts[2],
            block < 1 << 24, transaction < 1 << 24, output < 1 << 16
        else { return nil }
        value = block << 40 | transaction << 16 | output
    }

    /// The height of the block.
    public var block: BlockHeight { BlockHeight(Int(value >> 40)) }
    /// The place in the block, from 0.
    public var transaction: Int { Int(value >> 16 & 0xff_ffff) }
    /// The place among the outputs, from 0.
    public var output: Int { Int(value & 0xffff) }
    public var description: String { "\(block)x\(transaction)x\(output)" }
    public static func < (left: ShortChannelID, right: ShortChannelID) -> Bool { left.value < right.value }
}

/// A node's identity on the network: its public key.
public typealias NodeID = PublicKey
