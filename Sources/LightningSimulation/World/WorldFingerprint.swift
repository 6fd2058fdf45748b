import BitcoinPrimitives
package import CryptoPrimitives
import LightningChain
import LightningCore
import LightningRecords
import LightningWire

/// What a history was, in two hashes: a change of the code that is to change nothing leaves them as they are.
package struct WorldFingerprint: Hashable, Sendable {
    /// Of everything that left a node, in its order: messages to each connection, sockets closed, transactions published.
    package var trace: Bytes32
    /// Of what every node's store holds in the end.
    package var stores: Bytes32
}

/// A running hash of what leaves the nodes of a world.
struct WorldTrace: Sendable {
    private var hasher = SHA256Hasher()

    mutating func note(_ node: Int, at now: Timestamp, _ effects: NodeEffects) {
        note(1, [UInt64(node), now.milliseconds])
        for (connection, bytes) in effects.transmissions { note(2, [connection.value], bytes) }
        for connection in effects.closes { note(3, [connection.value]) }
        for publication in effects.publications { note(4, [], publication.transaction.serialized()) }
    }

    private mutating func note(_ tag: UInt8, _ numbers: [UInt64], _ bytes: [UInt8] = []) {
        var writer = ByteWriter(capacity: 32)
        writer.uint8(tag)
        for number in numbers { writer.uint64(number) }
        writer.compactSize(bytes.count)
        hasher.update(writer.bytes)
        hasher.update(bytes)
    }

    func finalized() -> Bytes32 {
        var copy = hasher
        return copy.finalize()
    }
}

extension SimulatedWorld {
    /// The history so far.
    package var fingerprint: WorldFingerprint {
        var hasher = SHA256Hasher()
        for node in nodes {
            for table in StoreTable.allCases {
                hasher.update(Array(table.rawValue.utf8))
                for entry in node.store.entries(StoreQuery(table: table, prefix: [], limit: .max)) {
                    hasher.update(Hash.sha256(entry.key))
                    hasher.update(Hash.sha256(entry.record))
                }
            }
        }
        return WorldFingerprint(trace: trace.finalized(), stores: hasher.finalize())
    }
}
