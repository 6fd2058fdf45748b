import Foundation
package import LightningAPI
import LightningCore
import LineFraming
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
                    "code": .string(failure.kind.code), "message": .string(failure.message), "data": failure.data ?? .null,
                ]
            ]
        } catch is CancellationError {
            return ["error": ["code": "unreachable", "message": .string(NodeRefusal.stopped.description)]]
        } catch is DecodingError {
            return ["error": ["code": "usage", "message": "not a JSON object"]]
        } catch {
            return ["error": ["code": "internal", "message": .string("\(error)")]]
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
