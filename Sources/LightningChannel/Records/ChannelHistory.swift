package import BitcoinPrimitives
import CryptoPrimitives
import LightningEnforcement
package import LightningRecords
import LightningWire

// A channel that is over, as one record: nothing of it changes any more.
extension PaymentChannel {
    private static let historyVersion: UInt8 = 1

    /// Its place in the history: the height at which it was closed. `nil` for one that is not closed.
    package var historyPosition: HistoryPosition? {
        guard isClosed, let close else { return nil }
        return HistoryPosition(order: UInt64(close.height.uint32), id: id.bytes.array)
    }

    /// All that is stored of it, in one.
    package var historyRecord: [UInt8] {
        var writer = ByteWriter(capacity: 2000)
        writer.uint8(Self.historyVersion)
        writer.variableBytes(encodeHead())
        let htlcs = commitments.orderedHTLCs.filter { $0.state != .receivedAddHTLC }
        writer.compactSize(htlcs.count)
        for htlc in htlcs { writer.variableBytes(Self.encode(htlc)) }
        return writer.bytes
    }

    /// - Throws: `DecodingFailure` for what is no channel that is closed.
    package init(historyRecord: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(historyRecord)
        guard try reader.uint8() == Self.historyVersion else { throw .invalid("version of a closed channel's record") }
        let head = try reader.variableBytes()
        var htlcs: [[UInt8]] = []
        for _ in 0..<(try reader.count()) { htlcs.append(try reader.variableBytes()) }
        try reader.expectEnd()
        try self.init(head: head, htlcs: htlcs)
        guard isClosed else { throw .invalid("phase of a closed channel's record") }
    }
}
