package import BitcoinPrimitives
package import LightningOnion
import LightningRouting
public import LightningWire

/// The terms on which this node forwards into a channel: what its `channel_update` says.
public struct ForwardingPolicy: Hashable, Sendable {
    /// In msat.
    public var feeBase: UInt32 = 100
    /// In millionths of what is forwarded.
    public var feeProportionalMillionths: UInt32 = 100
    /// BOLT 2 "cltv_expiry_delta Selection": enough blocks to learn of what happens downstream on chain, and act upstream.
    public var cltvExpiryDelta: UInt16 = 80
    /// `htlc_minimum_msat`: less is not forwarded.
    public var htlcMinimum = MilliSatoshi(1)
    /// `nil`: as much as the channel holds.
    public var htlcMaximum: MilliSatoshi?

    /// BOLT 2, "cltv_expiry_delta Selection": three times the blocks after which nothing is undone any more (six), twice the patience
    /// with a peer (two) and twice what a transaction waits for a block (twelve). The close downstream, its confirmation, that of a claim, and
    /// the depth at which it is told upstream have to fit.
    public static let minimumDelta: UInt16 = 46

    /// The terms of a node that is not told otherwise.
    public init() {}

    /// BOLT 7: `fee_base_msat + ( amount_to_forward * fee_proportional_millionths / 1000000 )`; `nil` beyond 64 bits.
    public func fee(_ amount: MilliSatoshi) -> MilliSatoshi? {
        RoutingPolicy.fee(base: feeBase, proportionalMillionths: feeProportionalMillionths, forwarding: amount.value).map {
            MilliSatoshi($0)
        }
    }

    /// Why an HTLC does not meet these terms; `nil` where it does (BOLT 4 "Failure Messages", in the order of that list).
    func refusal(_ request: ForwardRequest) -> FailureMessage? {
        // The channel_update of a failure is left empty: "nodes are expected to transition away from including it".
        if let htlcMaximum, request.amount > htlcMaximum { return .temporaryChannelFailure(update: []) }
        guard request.amount >= htlcMinimum, request.amount > .zero else { return .amountBelowMinimum(request.amount, update: []) }
        // "incoming amount_msat - fee < amt_to_forward".
        // What the recipient of a blinded path has us compute is rounded up: by that msat the fee may fall short.
        let rounding = MilliSatoshi(request.pathKey == nil ? 0 : 1)
        guard let fee = fee(request.amount), let needed = request.amount.adding(fee), let paid = request.incoming.amount.adding(rounding),
            paid >= needed, request.incoming.amount >= request.amount
        else {
            return .feeInsufficient(request.incoming.amount, update: [])
        }
        // "cltv_expiry - cltv_expiry_delta < outgoing_cltv_value".
        guard UInt64(request.incoming.cltvExpiry.value) >= UInt64(request.cltvExpiry.value) + UInt64(cltvExpiryDelta) else {
            return .incorrectCLTVExpiry(request.cltvExpiry, update: [])
        }
        return nil
    }
}

/// A channel's forwarding policy with the one before, which payers may still believe in.
package struct ForwardingTerms: Hashable, Sendable {
    package private(set) var current: ForwardingPolicy
    package private(set) var previous: ForwardingPolicy?
    /// When `previous` was replaced, to the second.
    package private(set) var changedAt: Timestamp = .zero
    /// Of the last `channel_update`: "MUST set timestamp to … greater than any previously-sent".
    package var updateTimestamp: UInt32 = 0
    /// Whether the last `channel_update` said that the channel cannot be used.
    package var isDisabled = false

    package init(_ policy: ForwardingPolicy) { current = policy }

    /// "SHOULD keep accepting the previous channel parameters for 10 minutes".
    static let grace = Duration.seconds(600)

    package mutating func change(_ policy: ForwardingPolicy, now: Timestamp) {
        previous = current
        current = policy
        changedAt = now.wholeSecond
    }

    /// Blocks that an HTLC must have when it leaves us: less, and the next node would have no time to claim it.
    static let minimumOutgoingExpiry = 4

    /// BOLT 4's `max_htlc_cltv`: 2016 blocks.
    package static let maximumExpiry = 2016

    /// Why a payer's request is refused; `nil` where it may be forwarded.
    package func refusal(_ request: ForwardRequest, height: BlockHeight, now: Timestamp) -> FailureMessage? {
        if let refused = current.refusal(request) {
            let isRecent = now < changedAt + Self.grace
            guard isRecent, let previous, previous.refusal(request) == nil else { return refused }
        }
        guard request.cltvExpiry.height > height + Self.minimumOutgoingExpiry else { return .expiryTooSoon(update: []) }
        guard request.incoming.cltvExpiry.height <= height + Self.maximumExpiry + Int(current.cltvExpiryDelta) else {
            return .expiryTooFar
        }
        return nil
    }

    // MARK: Records

    static let version: UInt8 = 1

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.uint8(Self.version)
        func write(_ policy: ForwardingPolicy) {
            writer.uint32(policy.feeBase)
            writer.uint32(policy.feeProportionalMillionths)
            writer.uint16(policy.cltvExpiryDelta)
            writer.milliSatoshi(policy.htlcMinimum)
            writer.uint8(policy.htlcMaximum == nil ? 0 : 1)
            writer.milliSatoshi(policy.htlcMaximum ?? .zero)
        }
        write(current)
        writer.uint8(previous == nil ? 0 : 1)
        if let previous { write(previous) }
        writer.uint64(changedAt.seconds)
        writer.uint32(updateTimestamp)
        writer.uint8(isDisabled ? 1 : 0)
        return writer.bytes
    }

    package init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        guard try reader.uint8() == Self.version else { throw .invalid("version of a forwarding policy") }
        func read() throws(DecodingFailure) -> ForwardingPolicy {
            var policy = ForwardingPolicy()
            policy.feeBase = try reader.uint32()
            policy.feeProportionalMillionths = try reader.uint32()
            // A version before could have set less.
            policy.cltvExpiryDelta = max(try reader.uint16(), ForwardingPolicy.minimumDelta)
            policy.htlcMinimum = try reader.milliSatoshi()
            let hasMaximum = try reader.uint8() == 1
            let maximum = try reader.milliSatoshi()
            policy.htlcMaximum = hasMaximum ? maximum : nil
            return policy
        }
        current = try read()
        previous = try reader.uint8() == 1 ? try read() : nil
        changedAt = Timestamp(seconds: try reader.uint64())
        updateTimestamp = try reader.uint32()
        isDisabled = try reader.uint8() == 1
        try reader.expectEnd()
        guard changedAt.seconds <= UInt64(UInt32.max) else { throw .invalid("time of a forwarding policy") }
    }
}
