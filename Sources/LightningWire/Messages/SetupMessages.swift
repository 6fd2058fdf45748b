package import BitcoinPrimitives
import CryptoPrimitives

/// One BOLT message without its type number.
package protocol MessageBody: Hashable, Sendable {
    static var type: UInt16 { get }
    init(from reader: inout ByteReader) throws(DecodingFailure)
    func encode(to writer: inout ByteWriter)
}

/// BOLT 1: the first message on every connection.
package struct Init: MessageBody {
    package static let type: UInt16 = 16
    package var globalFeatures: FeatureBits
    package var features: FeatureBits
    package var tlvs = TLVStream()

    package init(features: FeatureBits, chains: [BlockHash]) {
        globalFeatures = FeatureBits()
        self.features = features
        tlvs[1] = chains.flatMap(\.bytes.array)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        globalFeatures = try Self.features(&reader)
        features = try Self.features(&reader)
        tlvs = try TLVStream(from: &reader, known: [1: TLVStream.multiple(of: 32), 3: TLVStream.anything])
    }

    /// Bytes of a feature field that are taken: thirty times as many as the highest bit of BOLT 9 needs.
    static let maximumFeatureLength = 1024

    private static func features(_ reader: inout ByteReader) throws(DecodingFailure) -> FeatureBits {
        let bytes = try reader.sized16()
        guard bytes.count <= maximumFeatureLength else { throw .tooLarge }
        return FeatureBits(bytes)
    }

    package func encode(to writer: inout ByteWriter) {
        writer.sized16(globalFeatures.bytes)
        writer.sized16(features.bytes)
        tlvs.encode(to: &writer)
    }

    /// The chains the sender is interested in, if it says.
    package var networks: [BlockHash]? {
        guard let value = tlvs[1] else { return nil }
        return stride(from: 0, to: value.count, by: 32).map { BlockHash(value[$0..<$0 + 32])! }
    }
}

/// BOLT 1: a fatal error of one channel, or of all.
package struct ErrorMessage: MessageBody {
    package static let type: UInt16 = 17
    package var channelID: ChannelID
    package var data: [UInt8]

    package init(channelID: ChannelID, text: String) {
        self.channelID = channelID
        data = Array(text.utf8.prefix(1000))
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        data = try reader.sized16()
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.sized16(data)
    }

    /// For people and logs, which a peer must not be able to fill.
    ///
    /// BOLT 1: "if `data` is not composed solely of printable ASCII characters …: SHOULD NOT print out `data` verbatim".
    package var text: String {
        let shown = data.prefix(Self.shownLength).map { (32...126).contains($0) ? $0 : 0x3f }
        return String(decoding: shown, as: UTF8.self) + (data.count > Self.shownLength ? "…" : "")
    }

    private static let shownLength = 300
}

/// BOLT 1: a problem after which the channel goes on.
package struct Warning: MessageBody {
    package static let type: UInt16 = 1
    package var error: ErrorMessage

    package init(channelID: ChannelID, text: String) { error = ErrorMessage(channelID: channelID, text: text) }
    package init(from reader: inout ByteReader) throws(DecodingFailure) { error = try ErrorMessage(from: &reader) }
    package func encode(to writer: inout ByteWriter) { error.encode(to: &writer) }
}

/// BOLT 1: asks whether the other side is alive.
package struct Ping: MessageBody {
    package static let type: UInt16 = 18
    package var pongBytes: UInt16
    package var ignored: [UInt8]

    package init(pongBytes: UInt16) {
        self.pongBytes = pongBytes
        ignored = []
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        pongBytes = try reader.uint16()
        ignored = try reader.sized16()
    }

    package func encode(to writer: inout ByteWriter) {
        writer.uint16(pongBytes)
        writer.sized16(ignored)
    }
}

package struct Pong: MessageBody {
    package static let type: UInt16 = 19
    package var ignored: [UInt8]

    package init(count: Int) { ignored = [UInt8](repeating: 0, count: count) }
    package init(from reader: inout ByteReader) throws(DecodingFailure) { ignored = try reader.sized16() }
    package func encode(to writer: inout ByteWriter) { writer.sized16(ignored) }
}

/// BOLT 1: a backup that a peer asks us to keep, or gives back.
package struct PeerStorage: MessageBody {
    package static let type: UInt16 = 7
    package var blob: [UInt8]
    package init(blob: [UInt8]) { self.blob = blob }
    package init(from reader: inout ByteReader) throws(DecodingFailure) { blob = try reader.sized16() }
    package func encode(to writer: inout ByteWriter) { writer.sized16(blob) }
}

package struct PeerStorageRetrieval: MessageBody {
    package static let type: UInt16 = 9
    package var blob: [UInt8]
    package init(blob: [UInt8]) { self.blob = blob }
    package init(from reader: inout ByteReader) throws(DecodingFailure) { blob = try reader.sized16() }
    package func encode(to writer: inout ByteWriter) { writer.sized16(blob) }
}

/// BOLT 4: a message that travels in an onion.
package struct OnionMessage: MessageBody {
    package static let type: UInt16 = 513
    package var pathKey: NodeID
    package var packet: [UInt8]

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        pathKey = try reader.point()
        packet = try reader.sized16()
    }

    package func encode(to writer: inout ByteWriter) {
        writer.point(pathKey)
        writer.sized16(packet)
    }
}
