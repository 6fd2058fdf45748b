public import BitcoinPrimitives
public import CryptoPrimitives

/// BOLT 2: no more HTLCs; where this side wants its money.
public struct Shutdown: MessageBody {
    public static let type: UInt16 = 38
    public var channelID: ChannelID
    public var script: Script

    public init(channelID: ChannelID, script: Script) {
        self.channelID = channelID
        self.script = script
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        script = Script(try reader.sized16())
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.sized16(script.bytes)
    }
}

/// BOLT 2: a proposed fee and the signature of the closing transaction that pays it.
public struct ClosingSigned: MessageBody {
    public static let type: UInt16 = 39
    public var channelID: ChannelID
    public var fee: Satoshi
    public var signature: WireSignature
    public var tlvs = TLVStream()

    public init(channelID: ChannelID, fee: Satoshi, signature: ECDSASignature, feeRange: ClosedRange<Satoshi>) {
        self.channelID = channelID
        self.fee = fee
        self.signature = WireSignature(signature)
        var writer = ByteWriter()
        writer.satoshi(feeRange.lowerBound)
        writer.satoshi(feeRange.upperBound)
        tlvs[1] = writer.bytes
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        fee = try reader.satoshi()
        signature = try reader.signature()
        tlvs = try TLVStream(from: &reader, known: [1: TLVStream.exactly(16)])
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.satoshi(fee)
        writer.signature(signature)
        tlvs.encode(to: &writer)
    }

    /// The fees the sender would accept; `nil` too where the range is upside down.
    public var feeRange: ClosedRange<Satoshi>? {
        guard let value = tlvs[1] else { return nil }
        var reader = ByteReader(value)
        guard let low = try? reader.satoshi(), let high = try? reader.satoshi(), low <= high else { return nil }
        return low...high
    }
}

/// The fields that `closing_complete` and `closing_sig` share (BOLT 2, `option_simple_close`).
public struct SimpleClose: Hashable, Sendable {
    public var channelID: ChannelID
    public var closerScript: Script
    public var closeeScript: Script
    public var fee: Satoshi
    public var lockTime: UInt32
    public var tlvs: TLVStream

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

public struct ClosingComplete: MessageBody {
    public static let type: UInt16 = 40
    public var close: SimpleClose
    public init(from reader: inout ByteReader) throws(DecodingFailure) { close = try SimpleClose(from: &reader) }
    public func encode(to writer: inout ByteWriter) { close.encode(to: &writer) }
}

public struct ClosingSig: MessageBody {
    public static let type: UInt16 = 41
    public var close: SimpleClose
    public init(from reader: inout ByteReader) throws(DecodingFailure) { close = try SimpleClose(from: &reader) }
    public func encode(to writer: inout ByteWriter) { close.encode(to: &writer) }
}
