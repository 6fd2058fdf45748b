import Foundation
package import LightningAPI
import LightningCore
internal import NIOCore
internal import NIOFoundationCompat
internal import NIOPosix

/// Answers calls: one JSON object a line in, one a line out, over a Unix socket that only its owner can use.
package final class ControlServer: Sendable {
    package typealias Handler = @Sendable (_ method: String, _ parameters: JSONValue) async throws -> JSONValue

    private let channel: any Channel
    private let path: String

    package init(path: String, handler: @escaping Handler) async throws {
        guard path.utf8.count < 104 else {
            throw CallFailure(.usage, "the path \(path) is too long for a Unix socket: choose a shorter LNW_HOME")
        }
        // The database's lock has made sure that no other daemon uses this wallet: an old socket is a dead one.
        try? FileManager.default.removeItem(atPath: path)
        let mask = umask(0o177)
        defer { umask(mask) }
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(LineDecoder(limit: 16_000_000)))
                    try channel.pipeline.syncOperations.addHandler(ControlHandler(handler: handler))
                }
            }
            .bind(unixDomainSocketPath: path).get()
        self.path = path
        chmod(path, 0o600)
    }

    package func stop() async {
        try? await channel.close()
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// Splits a stream at line feeds.
private struct LineDecoder: NIOSingleStepByteToMessageDecoder, ByteToMessageDecoder {
    typealias InboundOut = ByteBuffer
    /// Bytes of one line.
    let limit: Int
    /// Bytes that were looked at before, and have no line feed.
    private var scanned = 0

    init(limit: Int) { self.limit = limit }

    mutating func decode(buffer: inout ByteBuffer) throws -> ByteBuffer? {
        guard let end = buffer.readableBytesView.dropFirst(scanned).firstIndex(of: 0x0a) else {
            scanned = buffer.readableBytes
            if scanned > limit { throw CallFailure(.usage, "the line is too long") }
            return nil
        }
        scanned = 0
        let line = buffer.readSlice(length: end - buffer.readerIndex)
        buffer.moveReaderIndex(forwardBy: 1)
        return line
    }

    mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> ByteBuffer? {
        try decode(buffer: &buffer)
    }

    mutating func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        guard let line = try decode(buffer: &buffer) else { return .needMoreData }
        context.fireChannelRead(NIOAny(line))
        return .continue
    }

    mutating func decodeLast(
        context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool
    ) throws -> DecodingState { try decode(context: context, buffer: &buffer) }
}

private final class ControlHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let handler: ControlServer.Handler
    /// Calls are answered one after the other, in their order; meanwhile nothing more is read.
    private var waiting: [Data] = []
    private var isBusy = false

    init(handler: @escaping ControlServer.Handler) { self.handler = handler }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        waiting.append(Data(unwrapInboundIn(data).readableBytesView))
        next(context.channel)
    }

    private func next(_ channel: any Channel) {
        guard !isBusy, !waiting.isEmpty else { return }
        isBusy = true
        channel.setOption(.autoRead, value: false).whenFailure { _ in }
        let (line, handler) = (waiting.removeFirst(), handler)
        let answered = channel.eventLoop.makePromise(of: Void.self)
        answered.completeWithTask {
            let answer = await Self.answer(line, handler)
            try await channel.writeAndFlush(ByteBuffer(string: answer.line + "\n"))
        }
        let this = NIOLoopBound(self, eventLoop: channel.eventLoop)
        answered.futureResult.whenComplete { _ in
            this.value.isBusy = false
            if this.value.waiting.isEmpty { channel.setOption(.autoRead, value: true).whenFailure { _ in } }
            this.value.next(channel)
        }
    }

    private static func answer(_ line: Data, _ handler: ControlServer.Handler) async -> JSONValue {
        do {
            let request = try JSONValue(parsing: line, values: 500_000)
            guard let method = request["method"].text else { throw CallFailure(.usage, "no method") }
            return ["result": try await handler(method, request["params"])]
        } catch let failure as CallFailure {
            return [
                "error": [
                    "kind": .string(failure.kind.rawValue), "message": .string(failure.message), "data": failure.data ?? .null,
                ]
            ]
        } catch is DecodingError {
            return ["error": ["kind": "usage", "message": "not a JSON object"]]
        } catch {
            return ["error": ["kind": "internal", "message": .string("\(error)")]]
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// Calls a control socket.
package struct ControlClient: Sendable {
    private let path: String

    package init(path: String) { self.path = path }

    /// Whether somebody answers there.
    package var isReachable: Bool {
        get async { (try? await call("ping", [:])) != nil }
    }

    package func call(_ method: String, _ parameters: JSONValue) async throws(CallFailure) -> JSONValue {
        let answer: JSONValue
        do {
            answer = try await exchange(["method": .string(method), "params": parameters])
        } catch let failure as CallFailure {
            throw failure
        } catch {
            throw CallFailure(.notRunning, "nobody answers at \(path)")
        }
        if case .object = answer["error"] {
            let kind = CallFailure.Kind(rawValue: answer["error"]["kind"].text ?? "") ?? .internal
            let data = answer["error"]["data"]
            throw CallFailure(kind, answer["error"]["message"].text ?? "unknown error", data == .null ? nil : data)
        }
        return answer["result"]
    }

    private func exchange(_ request: JSONValue) async throws -> JSONValue {
        let group = MultiThreadedEventLoopGroup.singleton
        let promise = group.next().makePromise(of: Data.self)
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: group)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(LineDecoder(limit: 1 << 30)))
                        try channel.pipeline.syncOperations.addHandler(AnswerHandler(promise: promise))
                    }
                }
                .connect(unixDomainSocketPath: path).get()
        } catch {
            promise.fail(error)
            throw error
        }
        defer { channel.close(promise: nil) }
        channel.writeAndFlush(ByteBuffer(string: request.line + "\n"), promise: nil)
        return try JSONValue(parsing: try await promise.futureResult.get())
    }
}

private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private var promise: EventLoopPromise<Data>?
    init(promise: EventLoopPromise<Data>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        promise?.succeed(Data(unwrapInboundIn(data).readableBytesView))
        promise = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        // What was asked may have been done, or go on after a restart.
        promise?.fail(
            CallFailure(
                .unreachable, NodeRefusal.stopped.description))
        promise = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise?.fail(error)
        promise = nil
        context.close(promise: nil)
    }
}
