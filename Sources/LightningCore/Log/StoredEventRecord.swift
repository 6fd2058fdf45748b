package import BitcoinPrimitives
import CryptoPrimitives
import LightningEnforcement
package import LightningRecords
import LightningWire

// The record on disk. Nothing of the node depends on it.
extension StoredEvent {
    private static let version: UInt8 = 1

    /// What each kind begins with. A number is never used for anything else again.
    private enum Tag: UInt8 {
        case paymentReceived = 1
        case paymentHeld = 2
        case paymentSucceeded = 3
        case paymentFailed = 4
        case forwarded = 5
        case channelUsable = 6
        case channelAnnounced = 7
        case channelClosing = 8
        case channelClosed = 9
        case channelsRestored = 10
        case publicationRefused = 11
        case streamOver = 12
        case alert = 13
    }

    /// Its place among the events.
    package var position: HistoryPosition { HistoryPosition(order: number, id: []) }

    package func encoded() -> [UInt8] {
        ByteWriter.bytes { writer in
            writer.uint8(Self.version)
            writer.uint64(number)
            writer.uint64(time.milliseconds)
            writer.blockHeight(height)
            func tag(_ tag: Tag) { writer.uint8(tag.rawValue) }
            switch kind {
            case .paymentReceived(let hash, let amount, let isKeysend):
                tag(.paymentReceived)
                writer.write(hash)
                writer.milliSatoshi(amount)
                writer.uint8(isKeysend ? 1 : 0)
            case .paymentHeld(let hash, let amount):
                tag(.paymentHeld)
                writer.write(hash)
                writer.milliSatoshi(amount)
            case .paymentSucceeded(let hash, let amount, let fee):
                tag(.paymentSucceeded)
                writer.write(hash)
                writer.milliSatoshi(amount)
                writer.milliSatoshi(fee)
            case .paymentFailed(let hash, let amount):
                tag(.paymentFailed)
                writer.write(hash)
                writer.milliSatoshi(amount)
            case .forwarded(let from, let to, let incoming, let outgoing):
                tag(.forwarded)
                writer.write(from)
                writer.write(to)
                writer.milliSatoshi(incoming)
                writer.milliSatoshi(outgoing)
            case .channelUsable(let id):
                tag(.channelUsable)
                writer.write(id)
            case .channelAnnounced(let id, let name):
                tag(.channelAnnounced)
                writer.write(id)
                writer.shortChannelID(name)
            case .channelClosing(let id, let kind):
                tag(.channelClosing)
                writer.write(id)
                writer.uint8(kind.rawValue)
            case .channelClosed(let id):
                tag(.channelClosed)
                writer.write(id)
            case .channelsRestored(let ids):
                tag(.channelsRestored)
                writer.compactSize(ids.count)
                for id in ids { writer.write(id) }
            case .publicationRefused(let id, let why):
                tag(.publicationRefused)
                writer.write(id)
                writer.variableBytes(Array(why.utf8))
            case .streamOver(let id, let paid, let fees, let payments):
                tag(.streamOver)
                writer.uint64(id)
                writer.milliSatoshi(paid)
                writer.milliSatoshi(fees)
                writer.uint64(payments)
            case .alert(let text):
                tag(.alert)
                writer.variableBytes(Array(text.utf8))
            }
        }
    }

    package init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        guard try reader.uint8() == Self.version else { throw .invalid("version of an event") }
        number = try reader.uint64()
        time = Timestamp(milliseconds: try reader.uint64())
        height = try reader.blockHeight()
        guard let tag = Tag(rawValue: try reader.uint8()) else { throw .invalid("kind of an event") }
        switch tag {
        case .paymentReceived:
            let (hash, amount) = (PaymentHash(try reader.bytes32()), try reader.milliSatoshi())
            let flag = try reader.uint8()
            guard flag < 2 else { throw .invalid("flag of an event") }
            kind = .paymentReceived(hash, amount, isKeysend: flag == 1)
        case .paymentHeld: kind = .paymentHeld(PaymentHash(try reader.bytes32()), try reader.milliSatoshi())
        case .paymentSucceeded:
            kind = .paymentSucceeded(PaymentHash(try reader.bytes32()), try reader.milliSatoshi(), fee: try reader.milliSatoshi())
        case .paymentFailed: kind = .paymentFailed(PaymentHash(try reader.bytes32()), try reader.milliSatoshi())
        case .forwarded:
            kind = .forwarded(
                from: try reader.channelID(), to: try reader.channelID(), incoming: try reader.milliSatoshi(),
                outgoing: try reader.milliSatoshi())
        case .channelUsable: kind = .channelUsable(try reader.channelID())
        case .channelAnnounced: kind = .channelAnnounced(try reader.channelID(), try reader.shortChannelID())
        case .channelClosing:
            let id = try reader.channelID()
            guard let how = CloseKind(rawValue: try reader.uint8()) else { throw .invalid("kind of a close in an event") }
            kind = .channelClosing(id, how)
        case .channelClosed: kind = .channelClosed(try reader.channelID())
        case .channelsRestored:
            var ids: [ChannelID] = []
            for _ in 0..<(try reader.count(minimum: 32)) { ids.append(try reader.channelID()) }
            kind = .channelsRestored(ids)
        case .publicationRefused:
            kind = .publicationRefused(
                TransactionID(try reader.bytes32()), String(decoding: try reader.variableBytes(), as: UTF8.self))
        case .streamOver:
            kind = .streamOver(
                try reader.uint64(), paid: try reader.milliSatoshi(), fees: try reader.milliSatoshi(), payments: try reader.uint64())
        case .alert: kind = .alert(String(decoding: try reader.variableBytes(), as: UTF8.self))
        }
        try reader.expectEnd()
    }
}
