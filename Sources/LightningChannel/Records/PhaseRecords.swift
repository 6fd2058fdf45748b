import BitcoinPrimitives
import LightningEnforcement
import LightningTransactions

// The phase in a channel's record, and what of it stands in the numbered fields.
extension PaymentChannel.Phase {
    /// What the owner wants our commitment and its child to pay together.
    var commitmentFeeRate: FeeRate? {
        switch self {
        case .failed(let failed): failed.feeRate
        case .closing(let closing), .closed(let closing): closing.feeRate
        case .live, .dataLost: nil
        }
    }

    /// What pays for the commitment, ours or the peer's.
    var bump: ClaimAttempt? {
        switch self {
        case .failed(let failed): failed.bump
        case .closing(let closing), .closed(let closing): closing.bump
        case .live, .dataLost: nil
        }
    }

    /// What a record says of how the commitment was paid for.
    mutating func changePayment(_ change: (_ bump: inout ClaimAttempt?, _ feeRate: inout FeeRate?) -> Void) throws(DecodingFailure) {
        switch self {
        case .failed(var failed):
            change(&failed.bump, &failed.feeRate)
            self = .failed(failed)
        case .closing(var closing):
            change(&closing.bump, &closing.feeRate)
            self = .closing(closing)
        case .closed(var closing):
            change(&closing.bump, &closing.feeRate)
            self = .closed(closing)
        case .live, .dataLost: throw .invalid("what pays for a channel record's commitment")
        }
    }

    func encode(to writer: inout ByteWriter) {
        switch self {
        case .live(let live): writer.uint8(live.readiness.isComplete ? 1 : 0)
        case .failed(let failed):
            writer.uint8(2)
            writer.variableBytes(Array(failed.reason.utf8))
        case .dataLost: writer.uint8(3)
        case .closing(let closing):
            writer.uint8(4)
            closing.close.encode(to: &writer)
        case .closed(let closing):
            writer.uint8(5)
            closing.close.encode(to: &writer)
        }
    }

    /// - Parameter live: where the conversation is, or was, which stands before in the record.
    init(from reader: inout ByteReader, _ live: PaymentChannel.LivePhase) throws(DecodingFailure) {
        switch try reader.uint8() {
        case 0, 1: self = .live(live)
        case 2: self = .failed(.init(reason: String(decoding: try reader.variableBytes(), as: UTF8.self), before: live))
        case 3: self = .dataLost(.init(before: live))
        case 4: self = .closing(.init(close: try ChannelClose(from: &reader), before: live))
        case 5: self = .closed(.init(close: try ChannelClose(from: &reader), before: live))
        default: throw .invalid("channel phase")
        }
    }
}
