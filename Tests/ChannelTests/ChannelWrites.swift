import LightningChannel
import LightningRecords

/// What a channel asks the store to change, by table and without the channel's id.
struct ChannelWrites {
    var head: [UInt8]?
    var htlcs: [(key: [UInt8], record: [UInt8])] = []
    var removedHTLCs: [[UInt8]] = []
    var revokedHTLCs: [(key: [UInt8], record: [UInt8])] = []

    init(_ writes: [StoreWrite]) {
        head = writes.changes(of: .channels).last?.record
        for (key, record) in writes.changes(of: .htlcs) {
            let rest = Array(key.dropFirst(32))
            if let record { htlcs.append((rest, record)) } else { removedHTLCs.append(rest) }
        }
        revokedHTLCs = writes.changes(of: .revokedHTLCs).compactMap { change in change.record.map { (Array(change.key.dropFirst(32)), $0) }
        }
    }
}

extension PaymentChannel {
    mutating func takeWrites() -> ChannelWrites { ChannelWrites(drainWrites()) }
}
