package import BitcoinPrimitives
package import CryptoPrimitives
package import LightningWire

/// A blinded path with the terms on which it carries payments: what bLIP 39 puts into an invoice's `b` field.
package struct BlindedPaymentPath: Hashable, Sendable {
    /// Its first hop has the introduction point's real id.
    package var path: BlindedPath
    /// In msat: what all forwarding nodes of the path take together.
    package var feeBase: UInt32
    package var feeProportionalMillionths: UInt32
    /// Blocks that the path needs, with the payee's `min_final_cltv_expiry_delta`.
    package var cltvExpiryDelta: UInt16
    package var htlcMinimum: MilliSatoshi
    package var htlcMaximum: MilliSatoshi
    package var features: FeatureBits

    package init(
        path: BlindedPath, feeBase: UInt32, feeProportionalMillionths: UInt32, cltvExpiryDelta: UInt16, htlcMinimum: MilliSatoshi,
        htlcMaximum: MilliSatoshi, features: FeatureBits = FeatureBits()
    ) {
        self.path = path
        // As it is told: the introduction point's real id stands in the place of its blinded one.
        self.path.hops[0].blindedNodeID = path.firstNodeID
        self.feeBase = feeBase
        self.feeProportionalMillionths = feeProportionalMillionths
        self.cltvExpiryDelta = cltvExpiryDelta
        self.htlcMinimum = htlcMinimum
        self.htlcMaximum = htlcMaximum
        self.features = features
    }

    /// Makes a path to ourselves, as its last node.
    ///
    /// - Parameters:
    ///   - sessionKey: for this path only.
    ///   - forwarders: from the introduction point on: who forwards, over which channel, and on which terms.
    ///   - payee: ourselves.
    ///   - pathID: by which we recognize a payment over the path.
    ///   - maxCLTVExpiry: the height until which the path is good, as the payee's own expiry.
    ///   - htlcMinimum: of all channels on the way.
    /// - Returns: `nil` where the terms together are beyond what can be told.
    package init?(
        sessionKey: borrowing SecretKey, forwarders: [(node: NodeID, channel: ShortChannelID, relay: EncryptedRecipientData.Relay)],
        payee: NodeID, pathID: [UInt8], maxCLTVExpiry: CLTVExpiry, minFinalCLTVExpiryDelta: UInt32, htlcMinimum: MilliSatoshi,
        htlcMaximum: MilliSatoshi
    ) {
        let relays = forwarders.map(\.relay)
        guard
            let terms = EncryptedRecipientData.aggregate(relays, minFinalCLTVExpiryDelta: minFinalCLTVExpiryDelta),
            let delta = UInt16(exactly: terms.cltvDelta)
        else { return nil }
        var data = EncryptedRecipientData()
        data.pathID = pathID
        // "starting from the final node's chosen max_cltv_expiry height … adding the final node's min_final_cltv_expiry_delta and
        // then adding … cltv_expiry_delta at each hop".
        var expiry = UInt64(maxCLTVExpiry.value) + UInt64(minFinalCLTVExpiryDelta)
        var hops: [(NodeID, EncryptedRecipientData)] = []
        func constrain(_ data: inout EncryptedRecipientData) {
            data.constraints = .init(maxCLTVExpiry: CLTVExpiry(clamping: expiry), htlcMinimum: htlcMinimum)
        }
        constrain(&data)
        hops.append((payee, data))
        for forwarder in forwarders.reversed() {
            expiry += UInt64(forwarder.relay.cltvExpiryDelta)
            var data = EncryptedRecipientData()
            data.shortChannelID = forwarder.channel
            data.relay = forwarder.relay
            constrain(&data)
            hops.append((forwarder.node, data))
        }
        hops.reverse()
        // "SHOULD add padding data to ensure all encrypted_data_tlv[i] have the same length".
        let longest = hops.map { $0.1.encoded().count }.max()!
        let padded = hops.map { node, data in
            var data = data
            data.padding = [UInt8](repeating: 0, count: longest - data.encoded().count)
            return (id: node, data: data.encoded())
        }
        self.init(
            path: BlindedPath(sessionKey: sessionKey, nodes: padded), feeBase: terms.base, feeProportionalMillionths: terms.proportional,
            cltvExpiryDelta: delta, htlcMinimum: htlcMinimum, htlcMaximum: htlcMaximum)
    }

    /// A name for the path among routes, where channels have their short ids; no two paths share one but by chance.
    package var routingID: ShortChannelID {
        let digest = Hash.sha256(path.firstPathKey.compressed).array
        return ShortChannelID(digest.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// Whether we understand all that the path demands: "MUST NOT use … if payinfo.features has any unknown even bits set".
    package var isUsable: Bool { features.unknownCompulsory(known: []).isEmpty }

    /// bLIP 39: "the maximum size of any _single_ encoded blinded path is 639 bytes".
    package var fitsIntoInvoice: Bool {
        var writer = ByteWriter()
        encode(to: &writer)
        return writer.bytes.count <= 639
    }

    // MARK: Where we are its first node

    /// The rest of a path that begins at ourselves: the next node is its first then, and its path key goes with our own HTLC.
    ///
    /// - Returns: the channel or the node that comes next, and the rest with its own terms; `nil` where the first part is not for
    ///   us, or not to be forwarded.
    package func entered(nodeSecret: borrowing SecretKey) -> (next: EncryptedRecipientData, rest: BlindedPaymentPath)? {
        guard path.hops.count > 1,
            let opened = BlindedPath.open(path.hops[0].encryptedData, pathKey: path.firstPathKey, nodeSecret: nodeSecret),
            let relay = opened.data.relay, let delta = UInt16(exactly: Int(cltvExpiryDelta) - Int(relay.cltvExpiryDelta)),
            let base = feeBase >= relay.feeBase ? UInt64(feeBase - relay.feeBase) : nil,
            let rate = feeProportionalMillionths >= relay.feeProportionalMillionths
                ? UInt64(feeProportionalMillionths - relay.feeProportionalMillionths) : nil
        else { return nil }
        // The most of which the sums that were told can have come: never less than what the next nodes want.
        let divisor = 1_000_000 + UInt64(relay.feeProportionalMillionths)
        var rest = self
        rest.path = BlindedPath(
            firstNodeID: path.hops[1].blindedNodeID, firstPathKey: opened.nextPathKey, hops: Array(path.hops.dropFirst()))
        rest.feeBase = UInt32(clamping: base * 1_000_000 / divisor)
        rest.feeProportionalMillionths = UInt32(clamping: rate * 1_000_000 / divisor)
        rest.cltvExpiryDelta = delta
        return (opened.data, rest)
    }

    // MARK: Records and invoices

    /// bLIP 39's `blinded_payinfo`.
    package func encode(to writer: inout ByteWriter) {
        writer.uint32(feeBase)
        writer.uint32(feeProportionalMillionths)
        writer.uint16(cltvExpiryDelta)
        writer.milliSatoshi(htlcMinimum)
        writer.milliSatoshi(htlcMaximum)
        writer.sized16(features.bytes)
        writer.point(path.firstPathKey)
        writer.uint8(UInt8(clamping: path.hops.count))
        for hop in path.hops {
            writer.point(hop.blindedNodeID)
            writer.bigSize(UInt64(hop.encryptedData.count))
            writer.write(hop.encryptedData)
        }
    }

    /// - Throws: for a path without a node too.
    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        feeBase = try reader.uint32()
        feeProportionalMillionths = try reader.uint32()
        cltvExpiryDelta = try reader.uint16()
        htlcMinimum = try reader.milliSatoshi()
        htlcMaximum = try reader.milliSatoshi()
        features = FeatureBits(try reader.sized16())
        let pathKey = try reader.point()
        let count = try reader.uint8()
        var hops: [BlindedPath.Hop] = []
        for _ in 0..<count {
            let node = try reader.point()
            let length = try reader.bigSize()
            guard length <= UInt64(reader.remaining) else { throw .truncated }
            hops.append(.init(blindedNodeID: node, encryptedData: try reader.read(Int(length))))
        }
        guard let first = hops.first else { throw .invalid("a blinded path without a node") }
        path = BlindedPath(firstNodeID: first.blindedNodeID, firstPathKey: pathKey, hops: hops)
    }
}
