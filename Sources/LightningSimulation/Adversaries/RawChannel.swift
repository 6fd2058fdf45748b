import BitcoinLedger
package import BitcoinPrimitives
package import CryptoPrimitives
package import LightningChannel
import LightningCore
package import LightningTransactions
package import LightningWire

/// A real channel between a node of the world and somebody who is none: the raw half keeps the protocol's state correctly, and
/// its owner decides what is answered to HTLCs, and what else is said.
package struct RawChannel {
    package var connection: RawConnection
    package var channel: PaymentChannel
    package let keys: ChannelKeys
    /// HTLCs that the node offered and that are irrevocably committed, until somebody takes them out.
    package var received: [HTLC] = []
    /// Whether the raw half reads nothing and says nothing.
    package var isSilent = false
    /// Whether its owner has broken the rules, so that neither half knows any more what the other one thinks of the channel: what the
    /// node says then is not judged, and where it makes no sense the raw half falls silent.
    package var isIrregular = false

    /// What the raw half knows of the world.
    package func environment(height: BlockHeight) -> ChannelEnvironment {
        ChannelEnvironment(
            keys: keys, height: height, feeRate: .floor, sweepScript: .p2wpkh(keys.basepoints.payment), anySegwit: true)
    }
}

extension SimulatedWorld {
    /// Has a node open a channel to a raw peer, which accepts; the funding transaction is mined three times over.
    ///
    /// - Returns: `nil` where the node does not open it.
    package mutating func openChannel(
        to connection: RawConnection, keys: ChannelKeys, amount: Satoshi = Satoshi(1_000_000), push: MilliSatoshi = .zero,
        announce: Bool = false
    ) throws(InvariantViolation) -> RawChannel? {
        var connection = connection
        let index = connection.node
        try command(index, .openChannel(connection.nodeID, amount: amount, push: push, feeRate: nil, announce: announce))
        try listen(&connection)
        guard let open = connection.takeInbox().compactMap({ if case .openChannel(let body) = $0 { body } else { nil } }).last else {
            return nil
        }
        let node = nodes[index].nodeID
        let alias = ShortChannelID(0xe000_0000_0000_0000 | UInt64(strangers))
        let (opening, accept) = try lawful { () throws(ProtocolViolation) in
            try ChannelOpening.accept(
                open, policy: ChannelPolicy(), keys: keys, keyOrigin: ChannelKeyOrigin(index: 0, salt: nil), remoteNodeID: node,
                alias: alias, feeRate: .floor)
        }
        try say(.acceptChannel(accept), over: &connection)
        let created = connection.takeInbox().compactMap { if case .fundingCreated(let body) = $0 { body } else { nil } }.last
        guard let created else { return nil }
        let height = ledger.height
        let (channel, signed) = try lawful { () throws(ProtocolViolation) in try opening.receive(created, height: height) }
        try say(.fundingSigned(signed), over: &connection)
        var raw = RawChannel(connection: connection, channel: channel, keys: keys)
        try mine(3)
        try confirm(&raw)
        try talk(&raw)
        return raw
    }

    /// What a node says keeps the rules; where not, that is a violation of the world.
    func lawful<T>(_ body: () throws(ProtocolViolation) -> T) throws(InvariantViolation) -> T {
        do throws(ProtocolViolation) { return try body() } catch { throw violation("a node breaks the rules: \(error)") }
    }

    /// Tells the raw half where its funding transaction was mined.
    private mutating func confirm(_ raw: inout RawChannel) throws(InvariantViolation) {
        let id = raw.channel.parameters.funding.transaction
        for height in stride(from: ledger.height, to: max(0, ledger.height - 20), by: -1) {
            guard let hash = ledger.blockHash(height: height), let block = ledger.block(hash) else { continue }
            guard let position = block.transactions.firstIndex(where: { $0.id == id }) else { continue }
            let environment = raw.environment(height: ledger.height)
            let event = ChannelEvent.fundingConfirmed(height: height, transactionIndex: position, inputs: [])
            try send(raw.channel.handle(event, environment), over: &raw)
            return
        }
        throw violation("the funding transaction of a raw channel was not mined")
    }

    /// Lets both halves talk until nothing is left to say.
    package mutating func talk(_ raw: inout RawChannel) throws(InvariantViolation) {
        for _ in 0..<200 where !raw.isSilent {
            try listen(&raw.connection)
            let environment = raw.environment(height: ledger.height)
            var effects: [ChannelEffect] = []
            for message in raw.connection.takeInbox() where message.channelID == raw.channel.id {
                let asked = raw.channel.handle(.message(message), environment)
                if case .violated(let broken)? = asked.first {
                    guard raw.isIrregular else { throw violation("a node breaks the rules: \(broken)") }
                    raw.isSilent = true
                    return
                }
                effects += asked
            }
            effects += raw.channel.handle(.sign, environment)
            // Nobody keeps what the raw half would store.
            _ = raw.channel.drainWrites()
            guard !effects.isEmpty else { return }
            try send(effects, over: &raw)
        }
    }

    /// Carries out what the raw half of a channel wants.
    package mutating func send(_ effects: [ChannelEffect], over raw: inout RawChannel) throws(InvariantViolation) {
        for effect in effects {
            switch effect {
            case .send(let message): try say(message, over: &raw.connection)
            case .received(let htlc): raw.received.append(htlc)
            default: break
            }
        }
    }

    /// Answers an HTLC, and lets both halves talk.
    ///
    /// - Parameter change: what is changed in the answer before it is sent.
    package mutating func answer(
        _ htlc: HTLC, _ resolution: HTLC.Resolution, attribution: [UInt8] = [], over raw: inout RawChannel,
        change: (LightningMessage) -> LightningMessage = { $0 }
    ) throws(InvariantViolation) {
        var effects: [ChannelEffect]
        effects = raw.channel.handle(.resolve(htlc.id, resolution, attribution: attribution), raw.environment(height: ledger.height))
        if case .refused(let why)? = effects.first { throw violation("an HTLC of a raw channel cannot be answered: \(why)") }
        effects = effects.map { if case .send(let message) = $0 { .send(change(message)) } else { $0 } }
        raw.received.removeAll { $0.id == htlc.id }
        try send(effects, over: &raw)
        try talk(&raw)
    }

    /// Offers an HTLC to the node, and lets both halves talk.
    package mutating func offer(
        amount: MilliSatoshi, hash: PaymentHash, cltvExpiry: CLTVExpiry, onion: [UInt8], over raw: inout RawChannel
    ) throws(InvariantViolation) {
        let offer = HTLCOffer(amount: amount, paymentHash: hash, cltvExpiry: cltvExpiry, onion: onion)
        let effects = raw.channel.handle(.offer(offer), raw.environment(height: ledger.height))
        if case .refused(let why)? = effects.first { throw violation("a raw peer cannot offer an HTLC: \(why)") }
        try send(effects, over: &raw)
        try talk(&raw)
    }

    /// Calls the node again, with `channel_reestablish` of either side.
    ///
    /// - Returns: whether the channel is established again.
    package mutating func reconnect(_ raw: inout RawChannel, as secret: borrowing SecretKey) throws(InvariantViolation) -> Bool {
        try hangUp(raw.connection)
        _ = raw.channel.handle(.disconnected, raw.environment(height: ledger.height))
        guard let connection = try dial(raw.connection.node, as: secret) else { return false }
        raw.connection = connection
        try send(raw.channel.handle(.connected, raw.environment(height: ledger.height)), over: &raw)
        try talk(&raw)
        return isOpen(raw.connection) && raw.channel.connection == .established
    }
}
