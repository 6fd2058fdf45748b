public import CryptoPrimitives

/// A block's identifier: the double SHA-256 of its header. `description` is reversed, as people print it.
public struct BlockHash: Identifier32 {
    /// In the order in which hashes are computed: `description` shows them reversed, as everybody does.
    public var bytes: Bytes32
    /// Takes the bytes in the order in which hashes are computed.
    public init(_ bytes: Bytes32) { self.bytes = bytes }

    /// From the text form, in which the bytes are reversed.
    public init?(display text: some StringProtocol) {
        guard let value = Bytes32(hex: text) else { return nil }
        bytes = value.reversed
    }

    public var description: String { bytes.reversed.hex }
}

/// The 80 bytes that miners hash.
public struct BlockHeader: Hashable, Sendable {
    /// The bits by which miners signal (BIP 9).
    public var version: UInt32
    /// The block before it.
    public var previous: BlockHash
    /// The root of the tree over the transactions' ids.
    public var merkleRoot: Bytes32
    /// Seconds since 1970.
    public var time: UInt32
    /// The target in compact form.
    public var bits: UInt32
    /// What miners try until the hash is low enough.
    public var nonce: UInt32

    /// A header from its fields.
    public init(
        version: UInt32, previous: BlockHash, merkleRoot: Bytes32, time: UInt32, bits: UInt32, nonce: UInt32
    ) {
        self.version = version
        self.previous = previous
        self.merkleRoot = merkleRoot
        self.time = time
        self.bits = bits
        self.nonce = nonce
    }

    /// The double SHA-256 of the header's 80 bytes.
    public var hash: BlockHash {
        var writer = ByteWriter(capacity: 80)
        encode(to: &writer)
        return BlockHash(Hash.sha256d(writer.bytes))
    }

    package func encode(to writer: inout ByteWriter) {
        writer.littleEndian32(version)
        writer.write(previous)
        writer.write(merkleRoot)
        writer.littleEndian32(time)
        writer.littleEndian32(bits)
        writer.littleEndian32(nonce)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        version = try reader.littleEndian32()
        previous = BlockHash(try reader.bytes32())
        merkleRoot = try reader.bytes32()
        time = try reader.littleEndian32()
        bits = try reader.littleEndian32()
        nonce = try reader.littleEndian32()
    }
}

/// A header, and the transactions that it commits to.
public struct Block: Hashable, Sendable {
    /// What is hashed and mined.
    public var header: BlockHeader
    /// The coinbase first.
    public var transactions: [Transaction]

    /// A block from its parts; nothing is checked.
    public init(header: BlockHeader, transactions: [Transaction]) {
        self.header = header
        self.transactions = transactions
    }

    /// The hash of its header.
    public var hash: BlockHash { header.hash }

    /// The bytes of the network's `block` message.
    public func serialized() -> [UInt8] {
        var writer = ByteWriter(capacity: 1024)
        header.encode(to: &writer)
        writer.compactSize(transactions.count)
        for transaction in transactions { transaction.encode(to: &writer) }
        return writer.bytes
    }

    /// Reads a block as `serialized` writes it. Throws for bytes that are none, or more than one.
    public init(_ bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        header = try BlockHeader(from: &reader)
        transactions = []
        for _ in 0..<(try reader.count(minimum: 10)) { transactions.append(try Transaction(from: &reader)) }
        try reader.expectEnd()
    }

    /// In weight units (BIP 141): at most 4,000,000.
    public var weight: Int {
        let frame = 80 + ByteWriter.compactSizeLength(transactions.count)
        return frame * 4 + transactions.reduce(0) { $0 + $1.weight }
    }
}

/// Bitcoin's binary hash tree.
package enum MerkleTree {
    static func parent(_ left: Bytes32, _ right: Bytes32) -> Bytes32 {
        var hasher = SHA256Hasher()
        hasher.update(left)
        hasher.update(right)
        return Hash.sha256(hasher.finalize())
    }

    /// The root, and whether two equal neighbours make the tree ambiguous (CVE-2012-2459).
    package static func root(_ leaves: [Bytes32]) -> (root: Bytes32, isMutated: Bool) {
        guard !leaves.isEmpty else { return (.zero, false) }
        var level = leaves
        var isMutated = false
        while level.count > 1 {
            var next: [Bytes32] = []
            next.reserveCapacity((level.count + 1) / 2)
            var index = 0
            while index < level.count {
                let left = level[index]
                let right = index + 1 < level.count ? level[index + 1] : left
                if index + 1 < level.count && left == right { isMutated = true }
                next.append(parent(left, right))
                index += 2
            }
            level = next
        }
        return (level[0], isMutated)
    }
}
