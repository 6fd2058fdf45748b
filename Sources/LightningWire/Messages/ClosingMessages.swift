package import BitcoinPrimitives
package import CryptoPrimitives

/// BOLT 2: no more HTLCs; where this side wants its money.
package struct Shutdown: MessageBody {
    package static let type: UInt16 = 38
    package var channelID: ChannelID
    package var script: Script

    package init(channelID: ChannelID, script: Script) {
        self.channelID = channelID
        self.script = script
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        script = Script(try reader.sized16())
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.sized16(script.bytes)
    }
}

/// BOLT 2: a proposed fee and the signature of the closing transaction that pays it.
package struct ClosingSigned: MessageBody {
    package static let type: UInt16 = 39
    package var channelID: ChannelID
    package var fee: Satoshi
    package var signature: WireSignature
    package var tlvs = TLVStream()

    package init(channelID: ChannelID, fee: Satoshi, signature: ECDSASignature, feeRange: ClosedRange<Satoshi>) {
        self.channelID = channelID
        self.fee = fee
        self.signature = WireSignature(signature)
        var writer = ByteWriter()
        writer.satoshi(feeRange.lowerBound)
        writer.satoshi(feeRange.upperBound)
        tlvs[1] = writer.bytes
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        fee = try reader.satoshi()
        signature = try reader.signature()
        tlvs = try TLVStream(from: &reader, known: [1: TLVStream.exactly(16)])
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.satoshi(fee)
        writer.signature(signature)
        tlvs.encode(to: &writer)
    }

    /// The fees the sender would accept; `nil` too where the range is upside down.
    package var feeRange: ClosedRange<Satoshi>? {
        guard let value = tlvs[1] else { return nil }
        var reader = ByteReader(value)
        guard let low = try? reader.satoshi(), let high = try? reader.satoshi(), low <= high else { return nil }
        return low...high
    }
}

/// The fields that `closing_complete` and `closing_sig` share (BOLT 2, `option_simple_close`).
package struct SimpleClose: Hashable, Sendable {
    package var channelID: ChannelID
    package var closerScript: Script
    package var closeeScript: Script
    package var fee: Satoshi
    package var lockTime: UInt32
    package var tlvs: TLVStream

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        closerScript = Script(try reader.sized16())
        closeeScript = Script(try reader.sized16())
        fee = try reader.satoshi()
        lockTime = try reader.uint32()
        let signature = TLVStream.exactly(64)
        tlvs = try TLVStream(from: &reader, known: [1: signature, 2: signature, 3: signature])
    }

    func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.sized16(closerScript.bytes)
        writer.sized16(closeeScript.bytes)
        writer.satoshi(fee)
        writer.uint32(lockTime)
        tlvs.encode(to: &writer)
    }
}

package struct ClosingComplete: MessageBody {
    package static let type: UInt16 = 40
    package var close: SimpleClose
    package init(from reader: inout ByteReader) throws(DecodingFailure) { close = try SimpleClose(from: &reader) }
    package func encode(to writer: inout ByteWriter) { close.encode(to: &writer) }
}

package struct ClosingSig: MessageBody {
    package static let type: UInt16 = 41
    package var close: SimpleClose
    package init(from reader: inout ByteReader) throws(DecodingFailure) { close = try SimpleClose(from: &reader) }
    package func encode(to writer: inout ByteWriter) { close.encode(to: &writer) }
}
