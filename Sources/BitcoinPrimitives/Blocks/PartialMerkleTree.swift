package import CryptoPrimitives

/// The part of a block's Merkle tree that proves that some transactions are in it (BIP 37 "Partial Merkle branch format").
package struct PartialMerkleTree: Hashable, Sendable {
    /// Transactions of the block.
    package var count: Int
    /// Hashes of the tree, depth first.
    package var hashes: [Bytes32]
    /// Whether the tree goes on below a node, depth first.
    package var flags: [Bool]

    /// The part that proves the transactions that are `matched`.
    ///
    /// - Parameter leaves: the ids of a block's transactions, at least one.
    package init(_ leaves: [Bytes32], matched: Set<Bytes32>) {
        count = leaves.count
        hashes = []
        flags = []
        var levels = [leaves]
        while levels.last!.count > 1 {
            let level = levels.last!
            levels.append(
                stride(from: 0, to: level.count, by: 2).map {
                    MerkleTree.parent(level[$0], $0 + 1 < level.count ? level[$0 + 1] : level[$0])
                })
        }
        var isNeeded = [leaves.map(matched.contains)]
        for level in levels.dropFirst() {
            let below = isNeeded.last!
            isNeeded.append(level.indices.map { below[2 * $0] || 2 * $0 + 1 < below.count && below[2 * $0 + 1] })
        }
        visit(levels.count - 1, 0, levels, isNeeded)
    }

    private mutating func visit(_ height: Int, _ index: Int, _ levels: [[Bytes32]], _ isNeeded: [[Bool]]) {
        flags.append(isNeeded[height][index])
        guard height > 0, isNeeded[height][index] else { return hashes.append(levels[height][index]) }
        visit(height - 1, 2 * index, levels, isNeeded)
        if 2 * index + 1 < levels[height - 1].count { visit(height - 1, 2 * index + 1, levels, isNeeded) }
    }

    /// What it proves: the root that it leads to, and the transactions; `nil` where it is not a tree.
    package var proof: (root: Bytes32, matched: [Bytes32])? {
        // A transaction takes 60 bytes at least.
        guard (1...4_000_000 / 60).contains(count), hashes.count <= count, flags.count >= hashes.count else { return nil }
        var widths = [count]
        while widths.last! > 1 { widths.append((widths.last! + 1) / 2) }
        var (nextHash, nextFlag) = (0, 0)
        var matched: [Bytes32] = []
        func visit(_ height: Int, _ index: Int) -> Bytes32? {
            guard nextFlag < flags.count else { return nil }
            let goesOn = flags[nextFlag]
            nextFlag += 1
            if height == 0 || !goesOn {
                guard nextHash < hashes.count else { return nil }
                nextHash += 1
                if height == 0, goesOn { matched.append(hashes[nextHash - 1]) }
                return hashes[nextHash - 1]
            }
            guard let left = visit(height - 1, 2 * index) else { return nil }
            guard 2 * index + 1 < widths[height - 1] else { return MerkleTree.parent(left, left) }
            // Two equal branches would prove a transaction twice (CVE-2012-2459).
            guard let right = visit(height - 1, 2 * index + 1), right != left else { return nil }
            return MerkleTree.parent(left, right)
        }
        guard let root = visit(widths.count - 1, 0) else { return nil }
        // All of it was needed; the flags are filled up to whole bytes.
        guard nextHash == hashes.count, (nextFlag + 7) / 8 == (flags.count + 7) / 8 else { return nil }
        return (root, matched)
    }

    package func encode(to writer: inout ByteWriter) {
        writer.littleEndian32(UInt32(count))
        writer.compactSize(hashes.count)
        for hash in hashes { writer.write(hash) }
        var bytes = [UInt8](repeating: 0, count: (flags.count + 7) / 8)
        for (index, flag) in flags.enumerated() where flag { bytes[index / 8] |= 1 << UInt8(index % 8) }
        writer.variableBytes(bytes)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        count = Int(try reader.littleEndian32())
        let number = try reader.count(minimum: 32)
        hashes = []
        for _ in 0..<number { hashes.append(try reader.bytes32()) }
        flags = try reader.variableBytes().flatMap { byte in (0..<8).map { byte >> $0 & 1 == 1 } }
    }
}
