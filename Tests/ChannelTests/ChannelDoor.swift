import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningEnforcement
import LightningTransactions
import LightningWire

// The channel's one door in the words of the tests: what it refuses, and what the peer did wrong, is thrown.
extension PaymentChannel {
    private mutating func ask(_ event: ChannelEvent, _ environment: ChannelEnvironment) throws(ChannelRefusal) -> [ChannelEffect] {
        let effects = handle(event, environment)
        if case .refused(let refusal)? = effects.first { throw refusal }
        return effects
    }

    mutating func handle(_ message: LightningMessage, _ environment: ChannelEnvironment) throws(ProtocolViolation) -> [ChannelEffect] {
        let effects = handle(.message(message), environment)
        if case .violated(let violation)? = effects.first { throw violation }
        return effects
    }

    mutating func offer(
        amount: MilliSatoshi, paymentHash: PaymentHash, cltvExpiry: CLTVExpiry, onion: [UInt8], pathKey: PublicKey? = nil,
        origin: HTLCOrigin? = nil, estimate: FeeRate = .floor
    ) throws(ChannelRefusal) -> (id: UInt64, effects: [ChannelEffect]) {
        let offer = HTLCOffer(
            amount: amount, paymentHash: paymentHash, cltvExpiry: cltvExpiry, onion: onion, pathKey: pathKey, origin: origin)
        let effects = try ask(.offer(offer), .any(feeRate: estimate))
        guard case .offered(let id)? = effects.first else { preconditionFailure("an HTLC that is offered has an id") }
        return (id, Array(effects.dropFirst()))
    }

    mutating func resolve(_ id: UInt64, _ resolution: HTLC.Resolution, attribution: [UInt8] = []) throws(ChannelRefusal) -> [ChannelEffect]
    {
        try ask(.resolve(id, resolution, attribution: attribution), .any())
    }

    mutating func setFeeRate(_ rate: FeeRate, estimate: FeeRate) throws(ChannelRefusal) -> [ChannelEffect] {
        try ask(.setFeeRate(rate), .any(feeRate: estimate))
    }

    mutating func shutdown(to script: Script? = nil, _ environment: ChannelEnvironment) throws(ChannelRefusal) -> [ChannelEffect] {
        try ask(.shutdown(to: script), environment)
    }

    mutating func fail(_ why: String, _ environment: ChannelEnvironment) -> [ChannelEffect] { handle(.giveUp(why), environment) }
    mutating func receiveError(_ text: String, _ environment: ChannelEnvironment) -> [ChannelEffect] { handle(.error(text), environment) }
    mutating func connect(_ environment: ChannelEnvironment) -> [ChannelEffect] { handle(.connected, environment) }
    mutating func disconnect() -> [ChannelEffect] { handle(.disconnected, .any()) }
    mutating func flush(_ environment: ChannelEnvironment) -> [ChannelEffect] { handle(.sign, environment) }
    mutating func newBlock(_ environment: ChannelEnvironment) -> [ChannelEffect] { handle(.block, environment) }
    mutating func disconnectedBlock(height: BlockHeight) { _ = handle(.blockDisconnected(height: height), .any()) }

    mutating func fundingConfirmed(
        height: BlockHeight, transactionIndex: Int, spending inputs: [OutPoint], _ environment: ChannelEnvironment
    ) -> [ChannelEffect] {
        handle(.fundingConfirmed(height: height, transactionIndex: transactionIndex, inputs: inputs), environment)
    }

    mutating func spent(
        _ outPoint: OutPoint, by transaction: Transaction, height: BlockHeight, _ environment: ChannelEnvironment
    ) -> [ChannelEffect] { handle(.spent(outPoint, by: transaction, height: height), environment) }

    mutating func wantRevoked() -> [ChannelEffect] { handle(.restarted(), .any()) }

    mutating func takeRevoked(
        _ query: RevokedHTLCQuery, _ records: [(key: [UInt8], record: [UInt8])], _ environment: ChannelEnvironment
    ) -> [ChannelEffect] { handle(.revokedHTLCs(query, records), environment) }
}

extension ChannelEnvironment {
    /// For events that ask nothing of the world but a fee rate.
    static func any(feeRate: FeeRate = .floor) -> ChannelEnvironment {
        ChannelEnvironment(
            keys: ChannelKeys(seed: Hash.sha256([0])), height: 200, feeRate: feeRate, sweepScript: Script(), anySegwit: true)
    }
}
