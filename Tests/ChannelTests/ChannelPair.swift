import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningTransactions
import LightningWire

/// Two ends of one channel without a network between: tests carry, change or lose every message.
struct ChannelPair {
    enum Side { case alice, bob }

    var alice: PaymentChannel
    var bob: PaymentChannel
    var environments: (alice: ChannelEnvironment, bob: ChannelEnvironment)
    /// Everything either side wanted besides sending.
    var effects: [ChannelEffect] = []

    static func node(_ name: String) -> NodeID { SecretKey(Hash.sha256(Array(name.utf8)))!.publicKey() }

    /// A funded, confirmed channel of 1,000,000 sat that alice opened, with 300,000 of them bob's.
    init(type: ChannelType = .anchors, push: UInt64 = 300_000, policy change: (inout ChannelPolicy) -> Void = { _ in }) throws {
        var policy = ChannelPolicy()
        policy.channelType = type
        change(&policy)
        let keys = (
            alice: ChannelKeys(seed: Hash.sha256(Array("alice".utf8))), bob: ChannelKeys(seed: Hash.sha256(Array("bob".utf8)))
        )
        func environment(_ keys: ChannelKeys, _ name: String) -> ChannelEnvironment {
            ChannelEnvironment(
                keys: keys, height: 200, feeRate: FeeRate(perKiloweight: 1000), sweepScript: .p2wpkh(Self.node(name)),
                anySegwit: true)
        }
        environments = (environment(keys.alice, "alice"), environment(keys.bob, "bob"))
        var (opening, open) = try ChannelOpening.open(
            amount: Satoshi(1_000_000), push: MilliSatoshi(Satoshi(push)), feeRate: FeeRate(perKiloweight: 1000), announce: false,
            policy: policy, keys: keys.alice, keyOrigin: ChannelKeyOrigin(index: 0, salt: Hash.sha256([9])), remoteNodeID: Self.node("bob"),
            temporaryID: Hash.sha256([1]),
            alias: ShortChannelID(1))
        let (accepting, accept) = try ChannelOpening.accept(
            open, policy: policy, keys: keys.bob, keyOrigin: ChannelKeyOrigin(index: 0, salt: nil), remoteNodeID: Self.node("alice"),
            alias: ShortChannelID(2),
            feeRate: FeeRate(perKiloweight: 1000))
        let output = try opening.receive(accept, policy: policy)
        let funding = Transaction(
            inputs: [TransactionInput(OutPoint(TransactionID(Hash.sha256([2])), 0))], outputs: [output])
        let created = opening.fund(funding, outputIndex: 0)
        let (bobs, signed) = try accepting.receive(created, height: 190)
        alice = try opening.receive(signed, height: 190)
        bob = bobs
        let ready = alice.fundingConfirmed(height: 195, transactionIndex: 1, spending: [], environments.alice)
        let other = bob.fundingConfirmed(height: 195, transactionIndex: 1, spending: [], environments.bob)
        try deliver(Self.messages(ready), to: .bob)
        try deliver(Self.messages(other), to: .alice)
        precondition(alice.isUsable && bob.isUsable)
    }

    static func messages(_ effects: [ChannelEffect]) -> [LightningMessage] {
        effects.compactMap { effect in
            if case .send(let message) = effect { return message }
            return nil
        }
    }

    /// Delivers messages to one side; what it answers, not delivered.
    @discardableResult
    mutating func deliver(_ messages: [LightningMessage], to side: Side) throws -> [LightningMessage] {
        var answers: [LightningMessage] = []
        for message in messages {
            let result: [ChannelEffect]
            switch side {
            case .alice: result = try alice.handle(message, environments.alice)
            case .bob: result = try bob.handle(message, environments.bob)
            }
            effects += result
            answers += Self.messages(result)
        }
        return answers
    }

    mutating func flush(_ side: Side) -> [LightningMessage] {
        let result = side == .alice ? alice.flush(environments.alice) : bob.flush(environments.bob)
        effects += result
        return Self.messages(result)
    }

    /// Lets both sides talk until nothing is left to say.
    mutating func settle(toBob: [LightningMessage] = [], toAlice: [LightningMessage] = []) throws {
        var queues = (bob: toBob, alice: toAlice)
        for _ in 0..<100 {
            let fromBob = try deliver(queues.bob, to: .bob) + flush(.bob)
            let fromAlice = try deliver(queues.alice, to: .alice) + flush(.alice)
            queues = (fromAlice, fromBob)
            if queues.bob.isEmpty && queues.alice.isEmpty { return }
        }
        preconditionFailure("the channel never comes to rest")
    }

    static let preimage = PaymentPreimage(Hash.sha256([7]))

    /// Alice offers an HTLC to bob; the messages, not delivered.
    mutating func offer(_ sat: UInt64 = 50_000) throws -> [LightningMessage] {
        let (_, effects) = try alice.offer(
            amount: MilliSatoshi(Satoshi(sat)), paymentHash: Self.preimage.paymentHash, cltvExpiry: 500,
            onion: [UInt8](repeating: 0, count: 1366))
        return Self.messages(effects)
    }
}
