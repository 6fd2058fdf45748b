import BitcoinPrimitives
package import CryptoPrimitives
package import LightningOnion
package import LightningRouting
package import LightningWire

/// A blinded path as the payer uses it: the last hop of a route, of which only the terms are known.
package struct PayableBlindedPath: Hashable, Sendable {
    package var payment: BlindedPaymentPath
    /// Where the path begins at ourselves: the channel that it goes on over, or the node. The first path key goes with our HTLC then.
    package var firstChannel: ShortChannelID?
    package var firstNode: NodeID?

    /// Whether the path began at ourselves.
    package var isEntered: Bool { firstChannel != nil || firstNode != nil }

    /// Takes a path from an invoice; `nil` where it demands what we do not understand, or begins at us and cannot be read.
    package init?(_ path: BlindedPaymentPath, nodeID: NodeID, nodeSecret: borrowing SecretKey) {
        guard path.isUsable else { return nil }
        guard path.path.firstNodeID == nodeID else {
            payment = path
            return
        }
        guard let (data, rest) = path.entered(nodeSecret: nodeSecret) else { return nil }
        payment = rest
        // What BOLT 4 demands of every node on a path is demanded of us too.
        guard data.allowedFeatures?.bits.isEmpty ?? true, (data.shortChannelID == nil) != (data.nextNodeID == nil) else { return nil }
        firstChannel = data.shortChannelID
        firstNode = data.nextNodeID
    }

    /// Where the path begins, as routes know it: a public node; or, where that is ourselves, a node that nobody else can be.
    package var entry: NodeKey {
        isEntered
            ? NodeKey(invented: Hash.tagged("blinded path", payment.path.firstPathKey.compressed))
            : NodeKey(payment.path.firstNodeID)
    }

    /// A payee who hides, as routes know it: no node of the graph, even if its invoice was signed with such a one's key.
    package static func destination(_ payee: NodeID) -> NodeKey { NodeKey(invented: Hash.tagged("blinded payee", payee.compressed)) }

    /// The path among routes: one hop from where it begins to the payee.
    package func hint() -> RouteHint {
        let policy = RoutingPolicy(
            timestamp: 1, feeBase: payment.feeBase, feeProportionalMillionths: payment.feeProportionalMillionths,
            cltvExpiryDelta: payment.cltvExpiryDelta, htlcMinimum: payment.htlcMinimum.value, htlcMaximum: payment.htlcMaximum.value)
        return RouteHint(
            hops: [.init(from: entry, shortChannelID: payment.routingID, policy: policy)])
    }

    /// What the nodes of the path are told (BOLT 4 "payload format"), from the introduction point to the payee.
    ///
    /// - Parameters:
    ///   - amount: for the payee, and `cltvExpiry` too: "MUST use the current block height as a baseline value".
    ///   - total: of all parts.
    package func onionHops(amount: MilliSatoshi, cltvExpiry: CLTVExpiry, total: MilliSatoshi) -> [OnionPacket.Hop] {
        payment.path.hops.enumerated().map { index, hop in
            // "For the first node in the blinded route: MUST include the path_key … in current_path_key".
            let pathKey = index == 0 && !isEntered ? payment.path.firstPathKey : nil
            let payload: HopPayload =
                index + 1 < payment.path.hops.count
                ? .blinded(hop.encryptedData, pathKey: pathKey)
                : .blindedFinal(hop.encryptedData, pathKey: pathKey, amount: amount, cltvExpiry: cltvExpiry, total: total)
            return OnionPacket.Hop(nodeID: hop.blindedNodeID, payload: payload.encoded())
        }
    }

    func encode(to writer: inout ByteWriter) {
        payment.encode(to: &writer)
        writer.optional(firstChannel) { writer, id in writer.shortChannelID(id) }
        writer.optional(firstNode) { writer, node in writer.point(node) }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        payment = try BlindedPaymentPath(from: &reader)
        firstChannel = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.shortChannelID() }
        firstNode = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.point() }
    }
}

extension OutgoingPayment {
    /// The blinded path that a route ends with.
    package func blindedPath(of route: Route) -> PayableBlindedPath? {
        guard route.hops.count > 1, let last = route.hops.last else { return nil }
        return blindedPaths.first {
            $0.payment.routingID == last.shortChannelID && $0.entry == route.hops[route.hops.count - 2].node
        }
    }
}
