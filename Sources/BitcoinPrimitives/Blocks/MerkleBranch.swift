package import CryptoPrimitives

/// The way from one transaction of a block up to the root in its header: what proves, without the block, that it is in there, and where.
package struct MerkleBranch: Hashable, Sendable {
    /// The transaction's place in the block.
    package var position: Int
    /// The hashes beside the way, the lowest first, in the order in which they are hashed.
    package var siblings: [Bytes32]

    package init(position: Int, siblings: [Bytes32]) {
        self.position = position
        self.siblings = siblings
    }

    /// The longest there can be: a megabyte without witnesses has room for less than 2^15 transactions of 60 bytes.
    private static let maximumDepth = 15

    /// The root to which the way leads from a transaction; `nil` for what is no way to exactly one place.
    ///
    /// Where a level has an odd number of hashes its last one stands beside itself. A place behind that (CVE-2012-2459) has the same root, and
    /// is none: its left neighbour is the same.
    package func root(of transaction: TransactionID) -> Bytes32? {
        guard position >= 0, siblings.count <= Self.maximumDepth, position >> siblings.count == 0 else { return nil }
        var hash = transaction.bytes
        for (level, sibling) in siblings.enumerated() {
            let isRight = position >> level & 1 == 1
            if isRight, sibling == hash { return nil }
            let (left, right) = isRight ? (sibling, hash) : (hash, sibling)
            // A transaction of 64 bytes looks like two hashes: with one that was made for it, half of it would prove what is in no block.
            guard (try? Transaction(left.array + right.array)) == nil else { return nil }
            hash = MerkleTree.parent(left, right)
        }
        return hash
    }
}
