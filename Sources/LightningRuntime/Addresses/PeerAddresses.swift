import LightningCore
import LightningRecords
import LightningWire
import Synchronization

/// Where the nodes that we have to do with can be called: several places for each, the best first. Kept in the store.
final class PeerAddresses: Sendable {
    /// Places of one node; what is beyond is forgotten.
    private static let limit = 8

    private let places: Mutex<[NodeID: [NodeAddress]]>

    init(_ contents: StoreContents) {
        var found: [NodeID: [NodeAddress]] = [:]
        for (key, record) in contents.tables[.meta] ?? [:] {
            let name = String(decoding: key, as: UTF8.self)
            guard name.hasPrefix("address/") else { continue }
            // A place in each line; the first version had one.
            for line in String(decoding: record, as: UTF8.self).split(separator: "\n").prefix(Self.limit) {
                guard let address = NodeAddress("\(name.dropFirst(8))@\(line)") else { continue }
                found[address.nodeID, default: []].append(address)
            }
        }
        places = Mutex(found)
    }

    subscript(node: NodeID) -> [NodeAddress] { places.withLock { $0[node] ?? [] } }

    /// What has changed of a node's places: for the store, and for the core, whose backup has them.
    struct Change: Sendable {
        var write: StoreWrite
        var node: NodeID
        /// BOLT 7's address descriptors.
        var descriptors: [UInt8]
    }

    /// Where all nodes can be called, as BOLT 7's address descriptors.
    var descriptors: [NodeID: [UInt8]] { places.withLock { $0.mapValues(Self.descriptors) } }

    private static func descriptors(_ places: [NodeAddress]) -> [UInt8] {
        AddressDescriptors.encode(places.map { .init(host: $0.host, port: $0.port) })
    }

    /// Takes a place at which a node has answered.
    ///
    /// - Returns: what the store has to keep; `nil` where nothing has changed.
    func proven(_ address: NodeAddress) -> Change? { change(address.nodeID) { [address] + $0.filter { $0 != address } } }

    /// Takes places that a node names for itself: they are tried after those at which it has answered, the newest first.
    func told(_ node: NodeID, _ news: [NodeAddress]) -> Change? {
        let news = Array(news.prefix(Self.limit / 2))
        return change(node) { known in
            // The place that was proven last keeps its rank.
            let rest = known.dropFirst().filter { !news.contains($0) }
            return Array(known.prefix(1)) + news.filter { !known.prefix(1).contains($0) } + rest
        }
    }

    private func change(_ node: NodeID, _ body: ([NodeAddress]) -> [NodeAddress]) -> Change? {
        places.withLock { places in
            let before = places[node] ?? []
            let after = Array(body(before).prefix(Self.limit))
            guard after != before else { return nil }
            places[node] = after
            let record = after.map(\.place).joined(separator: "\n")
            return Change(
                write: .put(.meta, key: Array("address/\(node)".utf8), record: Array(record.utf8)), node: node,
                descriptors: Self.descriptors(after))
        }
    }
}
