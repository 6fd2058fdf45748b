package import BitcoinPrimitives
import LightningWire

/// A transaction that claims outputs of a close, as it was published. It is stored: a restart goes on with it, and what replaces it has to
/// pay more.
package struct ClaimAttempt: Hashable, Sendable {
    package var outPoints: [OutPoint]
    package var transaction: Transaction
    package var fee: Satoshi
    /// The height at which it was made.
    package var height: BlockHeight
    /// How often layer 1 refused it, and those that it replaced, for their fee.
    package var refusals: UInt8 = 0
    /// Whether layer 1 refused it, and was not asked anew.
    package var isRefused = false

    /// What it pays for each 1000 weight units, rounded down.
    var feeRate: FeeRate {
        FeeRate(
            perKiloweight: UInt32(
                clamping: fee.value.multipliedReportingOverflow(by: 1000).partialValue / UInt64(max(1, transaction.weight))))
    }

    package func encode(to writer: inout ByteWriter) {
        writer.compactSize(outPoints.count)
        for outPoint in outPoints { outPoint.encode(to: &writer) }
        writer.variableBytes(transaction.serialized())
        writer.satoshi(fee)
        writer.blockHeight(height)
        writer.uint8(isRefused ? 1 : 0)
        writer.uint8(refusals)
    }

    package init(
        outPoints: [OutPoint], transaction: Transaction, fee: Satoshi, height: BlockHeight
    ) {
        self.outPoints = outPoints
        self.transaction = transaction
        self.fee = fee
        self.height = height
    }

    /// Whether the wallet paid for it.
    package var isFunded: Bool { transaction.inputs.count > outPoints.count }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        outPoints = []
        for _ in 0..<(try reader.count(minimum: 36)) { outPoints.append(try OutPoint(from: &reader)) }
        transaction = try Transaction(try reader.variableBytes())
        fee = try reader.satoshi()
        guard fee.isMoney else { throw .invalid("fee of a claim") }
        height = try reader.blockHeight()
        isRefused = try reader.uint8() == 1
        refusals = try reader.uint8()
    }
}

/// A claim that cannot pay its own fee, for which the wallet has to add coins: HTLC transactions of a channel with anchors, whose outputs
/// are signed for by both sides.
package struct ClaimFunding: Hashable, Sendable {
    /// The outputs that it claims.
    package var outPoints: [OutPoint]
    /// Inputs and outputs that may not be changed, with witnesses of their size. The wallet's come after them.
    package var transaction: Transaction
    package var feeRate: FeeRate
    /// The least that it has to pay to replace what was published before.
    package var leastFee: Satoshi
    /// What each coin of the wallet beyond the first adds to that.
    package var coinRate: FeeRate?
    /// What is at stake: it is never worth more.
    package var mostFee: Satoshi
    /// What its inputs bring beside its outputs.
    package var surplus = Satoshi.zero
    /// The claim that it is to replace.
    package var replacing: TransactionID?
}

/// What a close wants done.
package enum ClaimAction: Hashable, Sendable {
    case publish(Transaction)
    case fund(ClaimFunding)
}
