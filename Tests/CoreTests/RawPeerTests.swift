import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningRecords
import LightningTransactions
import LightningTransport
import LightningWire
import TestSupport
import Testing

/// A node, and a peer that speaks BOLT 8 correctly and above it whatever a test wants, in virtual time.
struct RawPeer {
    var node: NodeCore
    var store = StoreContents()
    var transport: NoiseTransport
    let connection = ConnectionID(1)
    var now: Timestamp = Timestamp(milliseconds: 1_700_000_000_000)
    var isClosed = false
    var received: [LightningMessage] = []
    var events: [NodeEvent] = []

    init(handshake: Bool = true, initialize: Bool = true, entropy: UInt8 = 1) throws {
        let keys = NodeKeys(seed: [UInt8](repeating: 5, count: 64), network: .regtest)
        node = try NodeCore(
            configuration: NodeConfiguration(), keys: keys, entropy: Entropy(seed: Hash.sha256([entropy])), store: StoreContents())
        transport = NoiseTransport(
            localSecret: SecretKey(Hash.sha256([6]))!, ephemeral: SecretKey(Hash.sha256([7]))!, remoteNodeID: keys.nodeID)
        step([.connected(connection, to: nil), .caughtUp])
        guard handshake else { return }
        send(raw: transport.start())
        guard initialize else { return }
        send(.initialize(Init(features: NodeConfiguration().features, chains: [Network.regtest.chainHash])))
        received = []
    }

    mutating func step(_ inputs: [NodeInput]) {
        let effects = node.handle(inputs, now: now)
        store.apply(effects.writes)
        events += effects.events
        for (id, bytes) in effects.transmissions where id == connection {
            guard let (reply, messages) = try? transport.receive(bytes) else { continue }
            for message in messages { if let parsed = try? LightningMessage(message) { received.append(parsed) } }
            if !reply.isEmpty { send(raw: reply) }
        }
        if effects.closes.contains(connection) { isClosed = true }
    }

    mutating func send(raw bytes: [UInt8]) { step([.received(connection, bytes)]) }

    mutating func send(bytes message: [UInt8]) {
        guard let sealed = try? transport.seal(message) else { return }
        send(raw: sealed)
    }

    mutating func send(_ message: LightningMessage) { send(bytes: message.encoded) }

    mutating func wait(_ milliseconds: UInt64) {
        for _ in 0..<milliseconds / 1000 {
            now += .milliseconds(1000)
            step([.tick])
        }
    }
}

@Suite("a peer that speaks, but not well", .ownThreads)
struct RawPeerTests {
    @Test("garbage instead of a handshake, and in the middle of the stream")
    func garbage() throws {
        var peer = try RawPeer(handshake: false)
        peer.send(raw: [UInt8](repeating: 0x47, count: 50))
        #expect(peer.isClosed)
        peer = try RawPeer()
        peer.send(raw: [UInt8](repeating: 0x47, count: 100))
        #expect(peer.isClosed)
        #expect(peer.node.difference(from: peer.store) == nil)
    }

    @Test("unknown even messages and unreadable ones end the connection, unknown odd ones do not")
    func unknownMessages() throws {
        var peer = try RawPeer()
        peer.send(bytes: [0x80, 0x01, 1, 2, 3])
        #expect(!peer.isClosed)
        peer.send(bytes: [0x80, 0x02])
        #expect(peer.isClosed)
        for bytes: [UInt8] in [[], [0], [0, 32, 1, 2], [0, 132] + [UInt8](repeating: 0, count: 32)] {
            var other = try RawPeer()
            other.send(bytes: bytes)
            #expect(other.isClosed, "\(bytes)")
        }
    }

    @Test("anything before init, a second chain only, unknown compulsory features")
    func initialization() throws {
        var peer = try RawPeer(initialize: false)
        peer.send(.ping(Ping(pongBytes: 1)))
        #expect(peer.isClosed)
        peer = try RawPeer(initialize: false)
        peer.send(.initialize(Init(features: FeatureBits(), chains: [Network.mainnet.chainHash])))
        #expect(peer.isClosed)
        var features = FeatureBits()
        features.set(200)
        peer = try RawPeer(initialize: false)
        peer.send(.initialize(Init(features: features, chains: [Network.regtest.chainHash])))
        #expect(peer.isClosed)
        features = FeatureBits()
        features.set(201)
        peer = try RawPeer(initialize: false)
        peer.send(.initialize(Init(features: features, chains: [Network.regtest.chainHash])))
        #expect(!peer.isClosed && peer.node.isConnected(SecretKey(Hash.sha256([6]))!.publicKey()))
    }

    @Test("pings are answered as asked, but not without end")
    func pings() throws {
        var peer = try RawPeer()
        peer.send(.ping(Ping(pongBytes: 5)))
        #expect(peer.received == [.pong(Pong(count: 5))])
        peer.send(.ping(Ping(pongBytes: 65532)))
        #expect(peer.received.count == 1)
        // A flood costs the peer its answers, not the connection and the channels in it; it is told so once.
        peer.received = []
        for _ in 0..<100 { peer.send(.ping(Ping(pongBytes: 65531))) }
        #expect(!peer.isClosed)
        #expect(peer.received.count { if case .pong = $0 { true } else { false } } <= 30)
        #expect(peer.received.count { if case .warning = $0 { true } else { false } } == 1)
        peer.wait(2000)
        peer.received = []
        peer.send(.ping(Ping(pongBytes: 7)))
        #expect(peer.received == [.pong(Pong(count: 7))])
    }

    @Test("a flood of errors and warnings, as long as they can be, is a few short lines for the owner")
    func problems() throws {
        var peer = try RawPeer()
        var long = ErrorMessage(channelID: ChannelID(Hash.sha256([8])), text: "")
        long.data = [UInt8](repeating: 0x41, count: 65_000)
        var warning = Warning(channelID: .all, text: "")
        warning.error.data = long.data
        for _ in 0..<200 {
            peer.send(.error(long))
            peer.send(.warning(warning))
        }
        #expect(!peer.isClosed)
        let notes = peer.events.compactMap { if case .note(let text) = $0 { text } else { nil } }
        #expect((1...20).contains(notes.count) && notes.allSatisfy { $0.count < 500 })
    }

    @Test("feature fields as long as a message: refused, or read at once; of init nothing but features is kept")
    func longFeatures() throws {
        var peer = try RawPeer(initialize: false)
        var body = Init(features: FeatureBits([UInt8](repeating: 0xff, count: 65_000)), chains: [])
        body.tlvs[1] = nil
        peer.send(.initialize(body))
        #expect(peer.isClosed)
        // As many as are taken, none of them compulsory, in both fields.
        peer = try RawPeer(initialize: false)
        body.features = FeatureBits([UInt8](repeating: 0xaa, count: 1024))
        body.globalFeatures = FeatureBits([0xaa])
        peer.send(.initialize(body))
        #expect(!peer.isClosed)
        let summary = try #require(peer.node.peerSummaries.first)
        #expect(summary.features.bits.count == 4096 && summary.features.description.count < 200)
        // The same with a compulsory one: its text is short.
        peer = try RawPeer(initialize: false)
        body.features = FeatureBits([UInt8](repeating: 0xff, count: 1024))
        peer.send(.initialize(body))
        #expect(peer.isClosed)
        let notes = peer.events.compactMap { if case .note(let text) = $0 { text } else { nil } }
        #expect(notes.allSatisfy { $0.count < 500 })
    }

    @Test(
        "features that have a name and are not implemented are not known", arguments: [Feature.splice, .dualFund, .simpleClose, .quiesce])
    func namedFeatures(feature: Feature) throws {
        for (bit, isClosed) in [(feature.rawValue, true), (feature.rawValue + 1, false)] {
            var features = NodeConfiguration().features
            features.set(bit)
            var peer = try RawPeer(initialize: false)
            peer.send(.initialize(Init(features: features, chains: [Network.regtest.chainHash])))
            #expect(peer.isClosed == isClosed)
        }
    }

    @Test("silence: before the handshake, after it, and while a channel is opened")
    func silence() throws {
        var peer = try RawPeer(handshake: false)
        peer.wait(20_000)
        #expect(peer.isClosed)
        peer = try RawPeer()
        peer.wait(40_000)
        #expect(peer.received == [.ping(Ping(pongBytes: 1))])
        #expect(!peer.isClosed)
        peer.wait(40_000)
        #expect(peer.isClosed)
        #expect(peer.node.peerSummaries.isEmpty)
    }

    @Test("channels with absurd terms are refused one by one, and nothing of them is kept")
    func absurdOpenings() throws {
        let keys = SecretKey(Hash.sha256([9]))!.publicKey()
        let basepoints = ChannelBasepoints(funding: keys, revocation: keys, payment: keys, delayedPayment: keys, htlc: keys)
        func open(_ change: (inout OpenChannel) -> Void) throws -> RawPeer {
            let terms = ChannelTerms(
                dustLimit: Satoshi(546), maxHTLCValueInFlight: MilliSatoshi(1_000_000_000), channelReserve: Satoshi(10_000),
                htlcMinimum: MilliSatoshi(1), toSelfDelay: 144, maxAcceptedHTLCs: 30, keys: basepoints, firstPerCommitmentPoint: keys,
                upfrontShutdownScript: nil)
            var message = OpenChannel(
                chainHash: Network.regtest.chainHash, temporaryChannelID: ChannelID(Hash.sha256([3])), fundingAmount: Satoshi(1_000_000),
                push: .zero, feeRate: FeeRate(perKiloweight: 1000), channelFlags: 0, terms: terms, channelType: .anchors)
            change(&message)
            var peer = try RawPeer()
            peer.send(.openChannel(message))
            return peer
        }
        func isRefused(_ change: (inout OpenChannel) -> Void) throws -> Bool {
            let peer = try open(change)
            guard case .error? = peer.received.first else { return false }
            return peer.node.channels.isEmpty && peer.node.difference(from: peer.store) == nil
        }
        guard case .acceptChannel? = try open({ _ in }).received.first else {
            Issue.record("a sensible channel is not accepted")
            return
        }
        #expect(try isRefused { $0.chainHash = Network.mainnet.chainHash })
        #expect(try isRefused { $0.fundingAmount = Satoshi(100) })
        #expect(try isRefused { $0.fundingAmount = Satoshi(.max) })
        #expect(try isRefused { $0.push = MilliSatoshi(1_000_000_001) })
        #expect(try isRefused { $0.push = MilliSatoshi(.max) })
        #expect(try isRefused { $0.push = MilliSatoshi(1_000_000_000) })
        #expect(try isRefused { $0.feeRate = FeeRate(perKiloweight: 1) })
        #expect(try isRefused { $0.feeRate = FeeRate(perKiloweight: .max) })
        #expect(try isRefused { $0.terms.toSelfDelay = 5000 })
        #expect(try isRefused { $0.terms.maxAcceptedHTLCs = 484 })
        #expect(try isRefused { $0.terms.maxAcceptedHTLCs = 0 })
        #expect(try isRefused { $0.terms.dustLimit = Satoshi(353) })
        // Three times the least that BOLT 3 has for the outputs of a commitment with anchors.
        #expect(try isRefused { $0.terms.dustLimit = Satoshi(1063) })
        #expect(try !isRefused { $0.terms.dustLimit = Satoshi(1062) })
        #expect(try isRefused { $0.tlvs[0] = [UInt8](repeating: 0x51, count: 65_000) })
        #expect(try isRefused { $0.tlvs[0] = [0x6a] })
        #expect(try !isRefused { $0.tlvs[0] = [] })
        #expect(try !isRefused { $0.tlvs[0] = Script.p2wpkh(keys).bytes })
        #expect(try isRefused { $0.terms.channelReserve = Satoshi(400_000) })
        #expect(try isRefused { $0.terms.channelReserve = Satoshi(.max) })
        #expect(try isRefused { $0.terms.htlcMinimum = MilliSatoshi(.max) })
        #expect(try isRefused { $0.terms.maxHTLCValueInFlight = .zero })
        #expect(try isRefused { $0.tlvs[1] = nil })
        #expect(try isRefused { $0.tlvs[1] = [0xff, 0xff] })
        #expect(try isRefused { $0.tlvs[1] = [UInt8](repeating: 0, count: 60_000) + ChannelType.anchors.features.bytes })
        #expect(try isRefused { $0.tlvs[1] = [UInt8](repeating: 0xff, count: 60_000) })
        // A few zeros before it mean nothing, and do not come back.
        let padded = try open { $0.tlvs[1] = [0, 0] + ChannelType.anchors.features.bytes }
        guard case .acceptChannel(let accept)? = padded.received.first else {
            Issue.record("a padded channel_type is not accepted")
            return
        }
        #expect(accept.tlvs[1] == ChannelType.anchors.features.bytes)
        // Who asks for trust hears that.
        var features = ChannelType.anchors.features
        features.set(Feature.zeroconf.rawValue)
        features.set(Feature.scidAlias.rawValue)
        let zeroconf = try open { $0.tlvs[1] = features.bytes }
        guard case .error(let error)? = zeroconf.received.first else {
            Issue.record("a channel without confirmations is accepted")
            return
        }
        #expect(error.text.contains("zeroconf"))
    }

    @Test("an opening filled with what nobody knows keeps nothing of it")
    func filledOpening() throws {
        var peer = try RawPeer()
        var wire = try Self.openChannel().encoded
        // Odd types above those of open_channel, one byte each.
        for type in stride(from: UInt64(1001), to: 20_001, by: 2) {
            var writer = ByteWriter()
            writer.bigSize(type)
            writer.bigSize(1)
            writer.uint8(7)
            if wire.count + writer.count > 65_535 { break }
            wire += writer.bytes
        }
        peer.send(bytes: wire)
        guard case .acceptChannel(let accept)? = peer.received.first else {
            Issue.record("\(peer.received)")
            return
        }
        #expect(LightningMessage.acceptChannel(accept).encoded.count < 400)
    }

    static func openChannel() throws -> LightningMessage {
        let (_, open) = try ChannelOpening.open(
            amount: Satoshi(1_000_000), push: .zero, feeRate: .floor, announce: false, policy: ChannelPolicy(),
            keys: ChannelKeys(seed: Hash.sha256([9])), keyOrigin: ChannelKeyOrigin(index: 0, salt: nil),
            remoteNodeID: RecoveryTests.keys.nodeID, temporaryID: Hash.sha256([4]), alias: ShortChannelID(1))
        return .openChannel(open)
    }

    @Test("messages about channels that do not exist, and openings out of turn")
    func outOfTurn() throws {
        var peer = try RawPeer()
        let id = ChannelID(Hash.sha256([8]))
        let point = SecretKey(Hash.sha256([9]))!.publicKey()
        peer.send(.channelReady(ChannelReady(channelID: id, secondPerCommitmentPoint: point, alias: ShortChannelID(1))))
        peer.send(.shutdown(Shutdown(channelID: id, script: .p2wpkh(point))))
        let signature = SecretKey(Hash.sha256([9]))!.sign(.zero)
        peer.send(.fundingSigned(FundingSigned(channelID: id, signature: signature)))
        peer.send(
            .fundingCreated(FundingCreated(temporaryChannelID: id, funding: OutPoint(TransactionID(.zero), 0), signature: signature)))
        peer.send(.commitmentSigned(CommitmentSigned(channelID: id, signature: signature, htlcSignatures: [])))
        peer.send(.error(ErrorMessage(channelID: .all, text: "all of them")))
        #expect(!peer.isClosed)
        peer.send(
            .channelReestablish(
                ChannelReestablish(
                    channelID: id, nextCommitmentNumber: 1, nextRevocationNumber: 0, yourLastPerCommitmentSecret: .zero,
                    myCurrentPerCommitmentPoint: point)))
        guard case .error(let error)? = peer.received.last else {
            Issue.record("an unknown channel is not answered with an error")
            return
        }
        #expect(error.channelID == id)
        #expect(peer.node.channels.isEmpty)
    }
}
