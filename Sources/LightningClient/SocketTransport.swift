import Foundation
package import LightningAPI
import LineFraming
import NIOCore
import NIOFoundationCompat
import NIOPosix

/// Calls over a wallet's Unix socket: one JSON object a line in, one a line out.
package struct SocketTransport: ClientTransport {
    private let path: String

    package init(path: String) { self.path = path }

    /// Whether somebody answers there.
    package var isReachable: Bool {
        get async { (try? await call("ping", [:], as: JSONValue.self)) != nil }
    }

    private struct Answer<Result: Decodable>: Decodable {
        var result: Result?
        var error: WireFailure?
    }

    package func call<Result: Decodable & Sendable>(
        _ name: String, _ request: JSONValue, as type: Result.Type
    ) async throws(CallFailure) -> Result {
        let line: Data
        do {
            line = try await exchange(["method": .string(name), "params": request])
        } catch let failure as CallFailure {
            throw failure
        } catch {
            throw CallFailure(.unreachable, "the connection to \(path) broke (\(error)): what was asked for may have been done")
        }
        guard let answer = try? answerDecoder().decode(Answer<Result>.self, from: line) else {
            throw unreadable(name)
        }
        if let failure = answer.error { throw failure.failure }
        // An answer of `null` is one for whoever asks for JSON.
        guard let result = answer.result ?? (JSONValue.null as? Result) else {
            throw unreadable(name)
        }
        return result
    }

    private func exchange(_ request: JSONValue) async throws -> Data {
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
            let failure = CallFailure(.notRunning, "nobody answers at \(path)")
            promise.fail(failure)
            throw failure
        }
        defer { channel.close(promise: nil) }
        channel.writeAndFlush(ByteBuffer(string: request.line + "\n"), promise: nil)
        return try await withTaskCancellationHandler {
            try await promise.futureResult.get()
        } onCancel: {
            channel.close(promise: nil)
        }
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
            CallFailure(.unreachable, "the node stopped before it answered: what was asked for may be done, or go on when it is back"))
        promise = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise?.fail(error)
        promise = nil
        context.close(promise: nil)
    }
}
