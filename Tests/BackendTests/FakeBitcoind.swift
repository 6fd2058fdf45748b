import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP server that says what a test wants a bitcoind to say.
final class FakeBitcoind: Sendable {
    enum Reply: Sendable {
        /// The result of a call, as JSON.
        case result(String)
        case error(code: Int, message: String)
        case raw(status: Int, body: String)
        /// Nothing, ever.
        case silence
        /// The connection is closed.
        case hangUp
    }

    private let channel: any Channel
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let replies: Mutex<[String: Reply]>
    var port: Int { channel.localAddress!.port! }
    var url: String { "http://u:p@127.0.0.1:\(port)" }

    init(_ replies: [String: Reply]) async throws {
        self.replies = Mutex(replies)
        let box = Box()
        channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(box: box))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        box.server.withLock { $0 = self }
    }

    func stop() async {
        try? await channel.close()
        try? await group.shutdownGracefully()
    }

    final class Box: Sendable {
        let server = Mutex<FakeBitcoind?>(nil)
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart
        let box: Box
        private var body: [UInt8] = []

        init(box: Box) { self.box = box }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head: body = []
            case .body(let buffer): body += buffer.readableBytesView
            case .end:
                let request = try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]
                let method = request?["method"] as? String ?? ""
                let reply = box.server.withLock { $0?.replies.withLock { $0[method] } }
                switch reply ?? .error(code: -32601, message: "Method not found") {
                case .result(let json): respond(context, 200, "{\"result\":\(json),\"error\":null,\"id\":1}")
                case .error(let code, let message):
                    respond(context, 500, "{\"result\":null,\"error\":{\"code\":\(code),\"message\":\"\(message)\"},\"id\":1}")
                case .raw(let status, let body): respond(context, status, body)
                case .silence: break
                case .hangUp: context.close(promise: nil)
                }
            }
        }

        private func respond(_ context: ChannelHandlerContext, _ status: Int, _ text: String) {
            let headers = HTTPHeaders([("content-length", "\(text.utf8.count)")])
            context.write(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers))),
                promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
