import BitcoinLedger
import BitcoinPrimitives
package import CryptoPrimitives
import LightningChannel
import LightningOnion
import LightningRouting
package import LightningWire

/// What a raw peer offers as a payment: its onion is made by hand, so that every field of it can be wrong.
package struct RawPayment {
    package var amount: MilliSatoshi
    package var hash: PaymentHash
    package var cltvExpiry: CLTVExpiry
    package var onion: [UInt8]
}

extension SimulatedWorld {
    /// A payment over nodes of the world, with fees that are more than enough, and with whatever a draw spoils of it.
    ///
    /// - Parameters:
    ///   - amount: what arrives at the last of them.
    ///   - total: of all parts, where it is one of several.
    ///   - route: nodes, and the channel over which each but the last forwards.
    ///   - secret: of the invoice.
    ///   - finalDelta: blocks until the last HTLC expires, at least as many as the invoice asks for.
    ///   - isHonest: nothing is spoiled.
    package mutating func rawPayment(
        of amount: MilliSatoshi, total: MilliSatoshi? = nil, to route: [(node: NodeID, over: ShortChannelID?)], hash: PaymentHash,
        secret: Bytes32, finalDelta: Int = 40, isHonest: Bool
    ) -> RawPayment? {
        let spoiled = isHonest ? -1 : draw(0...9)
        var amount = amount
        var expiry = (ledger.height + finalDelta + draw(0...10)).uint32
        if spoiled == 0 {
            expiry = [0, 1, ledger.height.uint32, (ledger.height + 2017).uint32, 499_999_999, .max].randomElement(using: &random)!
        }
        var final = HopPayload.final(
            amount: spoiled == 1 ? MilliSatoshi(HostileMessages.number(using: &random)) : amount, cltvExpiry: CLTVExpiry(expiry),
            paymentSecret: spoiled == 2 ? Hash.sha256(secret) : secret,
            total: spoiled == 3 ? MilliSatoshi(HostileMessages.number(using: &random)) : total ?? amount,
            metadata: spoiled == 4 ? [UInt8](repeating: 7, count: draw(0...800)) : nil)
        if spoiled == 5 { final.encryptedRecipientData = [UInt8](repeating: 1, count: draw(0...300)) }
        if spoiled == 6 { final.customRecords = [65_537: [UInt8](repeating: 2, count: draw(0...900))] }
        var hops = [OnionPacket.Hop(nodeID: route.last!.node, payload: final.encoded())]
        for hop in route.dropLast().reversed() {
            guard let channel = hop.over else { return nil }
            let forward = HopPayload.forward(
                amount: spoiled == 7 ? MilliSatoshi(HostileMessages.number(using: &random)) : amount,
                cltvExpiry: CLTVExpiry(spoiled == 8 ? UInt32(truncatingIfNeeded: HostileMessages.number(using: &random)) : expiry),
                over: channel)
            hops.insert(OnionPacket.Hop(nodeID: hop.node, payload: forward.encoded()), at: 0)
            // What the usual terms ask for, several times over.
            guard let more = amount.adding(MilliSatoshi(10_000 + amount.value / 50)) else { return nil }
            amount = more
            let (later, isTooLate) = expiry.addingReportingOverflow(200)
            expiry = isTooLate ? expiry : later
        }
        let session = SecretKey(Hash.tagged("session", Array("\(seed)/\(draw(UInt64(0)...UInt64.max))".utf8)))!
        let created = OnionPacket.create(sessionKey: session, hops: hops, associatedData: hash.bytes.array)
        guard var onion = created?.packet else { return nil }
        if spoiled == 9 { onion[draw(0...onion.count - 1)] ^= 1 << draw(UInt8(0)...7) }
        return RawPayment(amount: amount, hash: hash, cltvExpiry: CLTVExpiry(expiry), onion: onion)
    }
}
