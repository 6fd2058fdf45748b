package import BitcoinPrimitives

/// How far the node has followed the chain: enough hashes to find the fork after a reorganization.
package struct ChainPosition: Hashable, Sendable {
    package private(set) var height: BlockHeight
    /// The hashes of the last blocks, the newest last.
    package private(set) var recent: [BlockHash]

    static let remembered = 144

    package init(genesis: BlockHash) {
        height = 0
        recent = [genesis]
    }

    /// A node that begins at a block, and knows nothing of what was before it.
    package init(height: BlockHeight, hash: BlockHash) {
        self.height = height
        recent = [hash]
    }

    package var tip: BlockHash { recent[recent.count - 1] }

    /// The hash at a height, if it is still remembered.
    package func hash(height: BlockHeight) -> BlockHash? {
        let index = recent.count - 1 - (self.height - height)
        return recent.indices.contains(index) ? recent[index] : nil
    }

    /// A block was connected.
    package mutating func connect(_ hash: BlockHash) {
        height += 1
        recent.append(hash)
        if recent.count > Self.remembered { recent.removeFirst() }
    }

    /// The tip was disconnected. The last block that is remembered stays.
    package mutating func disconnect() {
        precondition(recent.count > 1, "a chain is not taken back beyond what is remembered of it")
        height -= 1
        recent.removeLast()
    }

    package func encode(to writer: inout ByteWriter) {
        writer.blockHeight(height)
        writer.compactSize(recent.count)
        for hash in recent { writer.write(hash) }
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        height = try reader.blockHeight()
        recent = []
        for _ in 0..<(try reader.count(minimum: 32)) { recent.append(BlockHash(try reader.bytes32())) }
        guard !recent.isEmpty else { throw .invalid("chain position") }
    }
}
