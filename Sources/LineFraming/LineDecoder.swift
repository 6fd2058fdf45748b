package import NIOCore

/// A line is longer than was agreed: the connection is of no more use.
package struct LineTooLong: Error, CustomStringConvertible {
    package let description = "the line is too long"
}

/// Splits a stream at line feeds.
package struct LineDecoder: NIOSingleStepByteToMessageDecoder, ByteToMessageDecoder {
    package typealias InboundOut = ByteBuffer
    /// Bytes of one line.
    let limit: Int
    /// Bytes that were looked at before, and have no line feed.
    private var scanned = 0

    package init(limit: Int) { self.limit = limit }

    package mutating func decode(buffer: inout ByteBuffer) throws -> ByteBuffer? {
        guard let end = buffer.readableBytesView.dropFirst(scanned).firstIndex(of: 0x0a) else {
            scanned = buffer.readableBytes
            if scanned > limit { throw LineTooLong() }
            return nil
        }
        scanned = 0
        let line = buffer.readSlice(length: end - buffer.readerIndex)
        buffer.moveReaderIndex(forwardBy: 1)
        return line
    }

    package mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> ByteBuffer? {
        try decode(buffer: &buffer)
    }

    package mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        guard let line = try decode(buffer: &buffer) else { return .needMoreData }
        context.fireChannelRead(NIOAny(line))
        return .continue
    }

    package mutating func decodeLast(
        context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
    ) throws -> DecodingState { try decode(context: context, buffer: &buffer) }
}
