import BitcoinPrimitives
import CryptoPrimitives
import LightningEnforcement
import LightningRecords
import LightningWire

// What a watchtower does not keep any more: sessions whose channels are over.
extension NodeCore {
    /// Sessions that are looked at over one connection.
    private static let forgottenOverConnection = 100
    /// Kits that are removed in one batch.
    private static let forgottenInBatch = 500

    private static func orderQuery(_ client: NodeID) -> StoreQuery {
        StoreQuery(table: .towerOrder, prefix: client.compressed, limit: forgottenInBatch)
    }

    /// Money at risk: only who has the session's key may have it forgotten, and no other tower can have it from here.
    mutating func received(_ message: TowerForget, over id: ConnectionID, of node: NodeID) {
        // Each may take a signature's time.
        guard let asked = peers[id]?.allowance.sessionsForgotten, asked < Self.forgottenOverConnection else { return }
        peers[id]?.allowance.sessionsForgotten = asked + 1
        guard var customer = peers.towers.service.customers[message.session] else {
            // It was forgotten before the connection broke, or never kept.
            if configuration.tower != nil { transmit(.towerForgotten(TowerForgotten(session: message.session)), over: id) }
            return
        }
        let hash = TowerForget.hash(tower: nodeID, session: message.session, last: message.last)
        guard message.signature.parsed?.verify(hash, key: message.session) == true else { return }
        // Kits of an earlier version are not found by their client. Who does not know of all of them does not know of which channels they are.
        guard customer.isIndexed, customer.last <= message.last else { return }
        if !customer.isForgotten {
            customer.isForgotten = true
            peers.towers.service.set(customer, message.session)
            removeForgotten()
        }
        transmit(.towerForgotten(TowerForgotten(session: message.session)), over: id)
    }

    /// Asks the store for what is to be removed, and is not being removed already: after a start, and with each block where it could not be read.
    mutating func removeForgotten() {
        for client in peers.towers.service.customers.filter({ $1.isForgotten }).keys.sorted() {
            guard peers.towers.service.removing.insert(client).inserted else { continue }
            batch.effects.loads.append(Self.orderQuery(client))
        }
    }

    mutating func forgottenLoaded(_ query: StoreQuery, _ result: Result<[StoreEntry], StoreFailure>) {
        guard let client = NodeID(compressed: query.prefix), peers.towers.service.customers[client]?.isForgotten == true else { return }
        guard case .success(let entries) = result else {
            peers.towers.service.removing.remove(client)
            return batch.effects.events.append(.alert("the watchtower's kits cannot be read: what clients do not need any more stays"))
        }
        for entry in entries {
            let number = entry.key.dropFirst(query.prefix.count)
            batch.effects.writes.append(.delete(.towerKits, key: entry.record + query.prefix + number))
            batch.effects.writes.append(.delete(.towerOrder, key: entry.key))
        }
        guard entries.count < query.limit else { return batch.effects.loads.append(Self.orderQuery(client)) }
        peers.towers.service.remove(client)
    }
}
