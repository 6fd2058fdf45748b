import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningInvoice
import LightningPayment
import LightningRouting
import LightningTransactions
import LightningWire

// What adversaries do.
extension HostileHistory {
    private enum Attack: String, CaseIterable {
        case openings, sockets, lies, noise, noiseOfChannel, pings, answer, offer, replay, reconnect, reestablish, vanish
    }

    private var aNode: Int { mutating get { world.draw(0...nodes - 1) } }
    private var aRaw: Int { mutating get { world.draw(0...raws.count - 1) } }

    mutating func attack() throws(InvariantViolation) {
        // Channels that still work are what most can be done with.
        let kinds = Attack.allCases + [.answer, .answer, .answer, .offer, .offer, .offer, .reconnect]
        let kind = kinds[world.draw(0...kinds.count - 1)]
        switch kind {
        case .openings: try openMany()
        case .sockets:
            did(.sockets)
            for number in 0..<world.draw(1...40) { try world.openSocket(to: aNode, from: address(number)) }
        case .lies:
            did(.lies)
            try world.lie(to: aNode, times: 3)
        case .noise: try makeNoise()
        case .noiseOfChannel: try spoil(aRaw)
        case .pings: try ping()
        case .answer: try answer(aRaw)
        case .offer: try offer(aRaw)
        case .replay: try replay(aRaw)
        case .reconnect: try reconnect(aRaw)
        case .reestablish: try reestablishFalsely(aRaw)
        case .vanish:
            did(.vanish)
            try world.hangUp(raws[aRaw].raw.connection)
        }
    }

    private mutating func did(_ attack: Attack) { report.attacks[attack.rawValue, default: 0] += 1 }

    private func address(_ number: Int) -> AddressGroup { AddressGroup([10, 0, 0, UInt8(number % 4)]) }

    private mutating func stranger() -> SecretKey {
        SecretKey(Hash.tagged("stranger", Array("\(world.seed)/\(world.draw(0...20))".utf8)))!
    }

    /// Openings that name outputs of others and of nobody, again and again, with terms that nobody would accept.
    private mutating func openMany() throws(InvariantViolation) {
        let node = aNode
        guard var connection = try world.dial(node, as: stranger(), from: address(0)) else { return }
        did(.openings)
        let living = (world.nodes[node].core?.channels.values.map(\.parameters.funding) ?? []).sorted { $0.transaction < $1.transaction }
        for number in 0..<world.draw(1...6) {
            var funding: OutPoint? = OutPoint(TransactionID(Hash.sha256([UInt8(number)])), world.draw(0...65_535))
            if world.draw(0...2) == 0 { funding = living.isEmpty ? nil : living[world.draw(0...living.count - 1)] }
            let value = HostileMessages.number(using: &world.random)
            let spoiled = world.draw(0...12)
            let keys = ChannelKeys(seed: Hash.tagged("false", Array("\(world.draw(UInt64(0)...UInt64.max))".utf8)))
            let id = world.draw(0...3) == 0 ? words.channels[0].bytes : Hash.sha256([UInt8(world.draw(0...3))])
            _ = try world.openFalsely(over: &connection, keys: keys, temporaryID: id, funding: funding) { open in
                switch spoiled {
                case 0: open.fundingAmount = Satoshi(value)
                case 1: open.push = MilliSatoshi(value)
                case 2: open.feeRate = FeeRate(perKiloweight: UInt32(truncatingIfNeeded: value))
                case 3: open.terms.dustLimit = Satoshi(value)
                case 4: open.terms.channelReserve = Satoshi(value)
                case 5: open.terms.maxHTLCValueInFlight = MilliSatoshi(value)
                case 6: open.terms.htlcMinimum = MilliSatoshi(value)
                case 7: open.terms.toSelfDelay = UInt16(truncatingIfNeeded: value)
                case 8: open.terms.maxAcceptedHTLCs = UInt16(truncatingIfNeeded: value)
                case 9: open.channelFlags = UInt8(truncatingIfNeeded: value)
                case 10: open.terms.upfrontShutdownScript = Script([UInt8](repeating: 0x51, count: Int(value % 20_000)))
                default: break
                }
            }
        }
        try leave(connection)
    }

    /// The stranger goes, or stays until the end.
    private mutating func leave(_ connection: RawConnection) throws(InvariantViolation) {
        if world.draw(0...1) == 0 { try world.hangUp(connection) } else { guests.append(connection) }
    }

    /// A stranger says all sorts of things, of channels that are not its own.
    private mutating func makeNoise() throws(InvariantViolation) {
        let initializes = world.draw(0...4) > 0
        guard var connection = try world.dial(aNode, as: stranger(), initializes: initializes, from: address(1)) else { return }
        did(.noise)
        for _ in 0..<world.draw(1...30) { try world.say(wire: words.message(using: &world.random), over: &connection) }
        try leave(connection)
    }

    /// More than anybody would ask for.
    private mutating func ping() throws(InvariantViolation) {
        guard var connection = try world.dial(aNode, as: stranger(), from: address(2)) else { return }
        did(.pings)
        let chain = Network.regtest.chainHash
        for _ in 0..<world.draw(1...60) {
            switch world.draw(0...3) {
            case 0:
                try world.say(.ping(Ping(pongBytes: [0, 65_531, 65_532, .max].randomElement(using: &world.random)!)), over: &connection)
            case 1:
                let all = QueryChannelRange(chainHash: chain, firstBlock: world.draw(0...2), blockCount: .max)
                try world.say(.queryChannelRange(all), over: &connection)
            case 2:
                let all = GossipTimestampFilter(chainHash: chain, firstTimestamp: 0, timestampRange: .max)
                try world.say(.gossipTimestampFilter(all), over: &connection)
            default: try world.say(.warning(Warning(channelID: .all, text: String(repeating: "\u{1b}[2J", count: 8000))), over: &connection)
            }
        }
        try leave(connection)
    }

    // MARK: Over channels

    /// A raw peer with a channel takes up what its node said.
    mutating func listen(_ index: Int) throws(InvariantViolation) {
        guard world.isOpen(raws[index].raw.connection), raws[index].raw.channel.connection == .established else { return }
        try world.talk(&raws[index].raw)
    }

    private func works(_ index: Int) -> Bool {
        let raw = raws[index].raw
        return world.isOpen(raw.connection) && !raw.isSilent && raw.channel.connection == .established && raw.channel.isOpen
    }

    private mutating func reconnect(_ index: Int) throws(InvariantViolation) {
        guard !raws[index].raw.channel.isClosed else { return }
        did(.reconnect)
        raws[index].raw.isSilent = false
        let secret = raws[index].secret
        _ = try world.reconnect(&raws[index].raw, as: secret)
    }

    /// Something is said of the own channel that cannot be right.
    private mutating func spoil(_ index: Int) throws(InvariantViolation) {
        guard works(index), world.draw(0...3) == 0 else { return }
        did(.noiseOfChannel)
        let id = raws[index].raw.channel.id
        raws[index].raw.isIrregular = true
        for _ in 0..<world.draw(1...4) {
            try world.say(wire: words.message(of: id, using: &world.random), over: &raws[index].raw.connection)
        }
        try listen(index)
    }

    /// What the peer knows of the channel is made up.
    private mutating func reestablishFalsely(_ index: Int) throws(InvariantViolation) {
        guard world.draw(0...5) == 0, !raws[index].raw.channel.isClosed else { return }
        did(.reestablish)
        raws[index].raw.isIrregular = true
        try world.hangUp(raws[index].raw.connection)
        _ = raws[index].raw.channel.handle(.disconnected, raws[index].raw.environment(height: world.ledger.height))
        guard let connection = try world.dial(raws[index].raw.connection.node, as: raws[index].secret) else { return }
        raws[index].raw.connection = connection
        let environment = raws[index].raw.environment(height: world.ledger.height)
        for case .send(.channelReestablish(var body)) in raws[index].raw.channel.handle(.connected, environment) {
            switch world.draw(0...3) {
            case 0: body.nextCommitmentNumber = HostileMessages.number(using: &world.random)
            case 1: body.nextRevocationNumber = HostileMessages.number(using: &world.random)
            case 2: body.yourLastPerCommitmentSecret = Hash.sha256([1])
            default: body.nextCommitmentNumber &+= 1
            }
            try world.say(.channelReestablish(body), over: &raws[index].raw.connection)
        }
    }

    /// One of the HTLCs that the raw peer holds is answered, in one of many ways.
    private mutating func answer(_ index: Int) throws(InvariantViolation) {
        guard works(index), let htlc = raws[index].raw.received.first, htlc.resolution == nil else { return }
        did(.answer)
        let preimage = preimages[htlc.paymentHash]
        let kind = world.draw(0...9)
        switch kind {
        case 0...2:
            if let preimage { return try world.answer(htlc, .fulfilled(preimage), over: &raws[index].raw) }
            try fail(htlc, index)
        case 3...7: try fail(htlc, index)
        case 8:
            let code = world.draw(0...3) == 0 ? world.draw(UInt16(0)...UInt16.max) : 0x8000 | 0x4000 | world.draw(UInt16(4)...6)
            if code & 0x8000 == 0 { raws[index].raw.isIrregular = true }
            try world.answer(htlc, .malformed(onionHash: Hash.sha256(htlc.onion), code: code | 0x8000), over: &raws[index].raw) { message in
                guard case .updateFailMalformedHTLC(var body) = message else { return message }
                body.failureCode = code
                return .updateFailMalformedHTLC(body)
            }
        default:
            guard let preimage else { return }
            // A proof for another payment, or one for an HTLC that is not there.
            raws[index].raw.isIrregular = true
            let isOther = world.draw(0...1) == 0
            try world.answer(htlc, .fulfilled(preimage), over: &raws[index].raw) { message in
                guard case .updateFulfillHTLC(var body) = message else { return message }
                if isOther { body.paymentPreimage = PaymentPreimage(Hash.sha256([2])) } else { body.id &+= 1 }
                return .updateFulfillHTLC(body)
            }
        }
    }

    /// A failure as short or as long as it can be, with attribution data or without.
    private mutating func fail(_ htlc: HTLC, _ index: Int) throws(InvariantViolation) {
        let length = [0, 1, 32, 292, world.draw(0...65_000), ChannelLimits.maxFailureLength, ChannelLimits.maxFailureLength + 1, 65_400]
            .randomElement(using: &world.random)!
        let attribution = length < 64_000 && world.draw(0...1) == 0 ? [UInt8](repeating: 3, count: 920) : []
        try world.answer(htlc, .failed(reason: []), attribution: attribution, over: &raws[index].raw) { message in
            guard case .updateFailHTLC(var body) = message else { return message }
            body.reason = [UInt8](repeating: 0xaa, count: length)
            return .updateFailHTLC(body)
        }
    }

    /// The raw peer pays, over its node to somebody: honestly, or with something that is wrong.
    private mutating func offer(_ index: Int) throws(InvariantViolation) {
        guard works(index), raws[index].raw.channel.spendable.value > 20_000_000 else { return }
        let node = raws[index].raw.connection.node
        guard let core = world.nodes[node].core else { return }
        let amount = MilliSatoshi(world.draw(1...10_000_000))
        var route: [(node: NodeID, over: ShortChannelID?)] = [(core.nodeID, nil)]
        var payee = node
        let ways = core.channels.values.sorted { $0.id < $1.id }
        if world.draw(0...1) == 0, let way = ways.randomElement(using: &world.random) {
            // To a neighbour, to the other adversary, or back to itself.
            route = [(core.nodeID, world.draw(0...1) == 0 ? way.parameters.localAlias : way.displayID), (way.parameters.remoteNodeID, nil)]
            payee = world.nodes.firstIndex { $0.nodeID == way.parameters.remoteNodeID } ?? -1
        }
        var hash = PaymentHash(Hash.tagged("raw payment", Array("\(world.draw(UInt64(0)...UInt64.max))".utf8)))
        var secret = Hash.sha256([1])
        if payee >= 0, world.draw(0...3) > 0 {
            let request = NodeCommand.createInvoice(amount: amount, .text("raw"), expiry: .seconds(86_400))
            guard case .invoice(let record)? = try world.ask(payee, request) else { return }
            hash = record.invoice.paymentHash
            secret = record.invoice.paymentSecret ?? secret
        } else if world.draw(0...1) == 0, let known = words.hashes.randomElement(using: &world.random) {
            // Somebody else's payment.
            hash = known
        }
        let isHonest = world.draw(0...1) == 0
        guard let payment = world.rawPayment(of: amount, to: route, hash: hash, secret: secret, isHonest: isHonest) else { return }
        offered.append(payment)
        did(.offer)
        try send(payment, index)
    }

    /// An onion that was offered before, over this channel or another.
    private mutating func replay(_ index: Int) throws(InvariantViolation) {
        guard works(index), let payment = offered.randomElement(using: &world.random) else { return }
        did(.replay)
        try send(payment, index)
    }

    private mutating func send(_ payment: RawPayment, _ index: Int) throws(InvariantViolation) {
        guard works(index) else { return }
        let offer = HTLCOffer(
            amount: payment.amount, paymentHash: payment.hash, cltvExpiry: payment.cltvExpiry, onion: payment.onion)
        let effects = raws[index].raw.channel.handle(.offer(offer), raws[index].raw.environment(height: world.ledger.height))
        if case .refused? = effects.first { return }
        // BOLT 2 has a receiver fail the channel over an expiry that is no block height.
        if !payment.cltvExpiry.isBlock { raws[index].raw.isIrregular = true }
        try world.send(effects, over: &raws[index].raw)
        try world.talk(&raws[index].raw)
    }

    /// A raw peer answers what it holds, as far as its channel still works.
    mutating func giveBack(_ index: Int) throws(InvariantViolation) {
        if !works(index) { try reconnect(index) }
        while works(index), let htlc = raws[index].raw.received.first {
            if let preimage = preimages[htlc.paymentHash] {
                try world.answer(htlc, .fulfilled(preimage), over: &raws[index].raw)
            } else {
                try world.answer(htlc, .failed(reason: []), over: &raws[index].raw)
            }
        }
        try listen(index)
    }
}
