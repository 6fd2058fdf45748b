import BitcoinPrimitives
import CryptoPrimitives
internal import Foundation
internal import NIOCore
internal import NIOFoundationCompat
internal import NIOHTTP1
internal import NIOPosix
import Synchronization

/// A bitcoind's face for the embedded layer 1: JSON-RPC over HTTP, with the calls that wallets and other nodes make.
package final class RPCServer: Sendable {
    /// Who may call, and from where.
    package struct Options: Sendable {
        /// 0 takes any free one.
        package var port = 18443
        /// Loopback only, unless told otherwise.
        package var host = "127.0.0.1"
        /// A user and a password, besides the cookie.
        package var user: String?
        package var password: String?
        /// Where a new cookie is put, for this user alone to read.
        package var cookieFile: String?
        /// What the call `stop` does; without it the call is refused.
        package var stop: (@Sendable () -> Void)?

        package init() {}
    }

    private let channel: any Channel
    private let group: MultiThreadedEventLoopGroup
    private let cookieFile: String?
    private let cookie: String?
    package let port: Int
    private static let maximumConnections = 2000

    /// - Throws: a `ListenFailure`, or a `ChainFailure` where the cookie cannot be written.
    package init(chain: EmbeddedChain, options: Options) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.group = group
        var credentials: [String] = []
        if let user = options.user, let password = options.password { credentials.append("\(user):\(password)") }
        var cookie: String?
        if options.cookieFile != nil {
            var entropy = Entropy.system()
            let secret = "__cookie__:\(entropy.bytes32().hex)"
            credentials.append(secret)
            cookie = secret
        }
        // Compared as digests, so that the time tells nothing of the password.
        let accepted = credentials.map { Hash.sha256(Array("Basic \(Data($0.utf8).base64EncodedString())".utf8)) }
        let context = RPCContext(chain: chain, started: await chain.now, stop: options.stop)
        let connections = ConnectionCount()
        let limit = max(16, min(Self.maximumConnections, OpenFiles.raiseLimit() - 64))
        do {
            channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .serverChannelOption(.backlog, value: 1024)
                // Who has said all may close that half, and still gets the answer.
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        guard connections.admit(limit: limit) else {
                            channel.close(promise: nil)
                            return
                        }
                        channel.closeFuture.whenComplete { _ in connections.leave() }
                        try channel.pipeline.syncOperations.addHandler(HalfCloseHandler())
                        try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                        try channel.pipeline.syncOperations.addHandler(RPCHandler(context: context, accepted: accepted))
                    }
                }
                .bind(host: options.host, port: options.port).get()
            // Only now: a second server on the same port must not spoil the first one's cookie.
            if let path = options.cookieFile, let cookie {
                guard writePrivately(cookie, to: path) else {
                    throw ChainFailure.store("the cookie cannot be written to \(path)")
                }
            }
        } catch {
            try? await group.shutdownGracefully()
            if error is ChainFailure { throw error }
            throw ListenFailure(error, host: options.host, port: options.port)
        }
        cookieFile = options.cookieFile
        self.cookie = cookie
        port = channel.localAddress?.port ?? options.port
    }

    package func stop() async {
        try? await channel.close()
        try? await group.shutdownGracefully()
        // Another server may have put its own there since.
        guard let cookieFile, (try? String(contentsOfFile: cookieFile, encoding: .utf8)) == cookie else { return }
        try? FileManager.default.removeItem(atPath: cookieFile)
    }
}

/// Connections that are open.
private final class ConnectionCount: Sendable {
    private let count = Atomic<Int>(0)

    /// Counts one more, unless there are too many.
    func admit(limit: Int) -> Bool {
        guard count.add(1, ordering: .relaxed).oldValue < limit else {
            leave()
            return false
        }
        return true
    }

    func leave() { count.subtract(1, ordering: .relaxed) }
}

/// Writes a file that nobody else can read at any moment.
private func writePrivately(_ text: String, to path: String) -> Bool {
    let temporary = path + ".new"
    unlink(temporary)
    let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0o600)
    guard file >= 0 else { return false }
    let bytes = Array(text.utf8)
    let isWritten = write(file, bytes, bytes.count) == bytes.count
    close(file)
    return isWritten && rename(temporary, path) == 0
}

/// Tells those behind that no more will come; the handler of HTTP pipelines keeps that for itself when a request is cut.
private final class HalfCloseHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    struct SaidAll: Sendable {}

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        if (event as? ChannelEvent) == .inputClosed { context.fireUserInboundEventTriggered(SaidAll()) }
    }
}

/// One HTTP connection: requests are gathered whole, up to a limit, and answered in order.
private final class RPCHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let context: RPCContext
    private let accepted: [Bytes32]
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var isTooLarge = false
    /// Requests whose answers are being made.
    private var answering = 0
    /// The client has closed its half: nothing will follow the answer.
    private var isOver = false
    private var deadline: Scheduled<Void>?
    /// What makes the answer; nobody waits for it once the client is gone.
    private var work: Task<Void, Never>?
    /// As bitcoind's -rpcservertimeout: for a request from its first byte to its last, and for the wait for the next.
    private static let requestTimeout = TimeAmount.seconds(30)
    /// A whole block as hexadecimal digits, with room.
    static let maximumBody = 32 << 20

    init(context: RPCContext, accepted: [Bytes32]) {
        self.context = context
        self.accepted = accepted
    }

    func handlerAdded(context: ChannelHandlerContext) { expect(context) }
    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
        work?.cancel()
    }

    /// From now on a whole request has to come in time, however it is dripped.
    private func expect(_ context: ChannelHandlerContext) {
        deadline?.cancel()
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: Self.requestTimeout) { channel.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            isOver = false
            // Some clients ask before they send a large body, and wait a second for the answer.
            if head.headers.first(name: "expect")?.lowercased() == "100-continue", isAuthorized(head) {
                let go = HTTPResponseHead(version: .http1_1, status: .continue)
                context.writeAndFlush(wrapOutboundOut(.head(go)), promise: nil)
            }
            body = []
            isTooLarge = false
        case .body(let buffer):
            isTooLarge = isTooLarge || body.count + buffer.readableBytes > Self.maximumBody
            // Who may not call may not fill our memory either.
            if isTooLarge || head.map(isAuthorized) != true {
                body = []
            } else {
                body.append(contentsOf: buffer.readableBytesView)
            }
        case .end:
            deadline?.cancel()
            guard let head else { return }
            self.head = nil
            answer(head, context: context)
        }
    }

    private func isAuthorized(_ head: HTTPRequestHead) -> Bool {
        let given = Hash.sha256(Array((head.headers.first(name: "authorization") ?? "").utf8)).array
        return accepted.contains { MAC.equal(given, $0.array) }
    }

    private func answer(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        guard head.method == .POST else {
            return respond(context, 405, text: "JSONRPC server handles only POST requests", keepAlive: false)
        }
        guard isAuthorized(head) else {
            let loop = context.eventLoop
            let bound = NIOLoopBound((self, context), eventLoop: loop)
            // A guess costs a quarter of a second.
            answering += 1
            loop.scheduleTask(in: .milliseconds(250)) {
                let (handler, context) = bound.value
                handler.answering -= 1
                handler.respond(context, 401, text: nil, keepAlive: false)
            }
            return
        }
        guard head.uri == "/" else { return respond(context, 404, text: nil, keepAlive: head.isKeepAlive) }
        guard !isTooLarge else { return respond(context, 413, text: nil, keepAlive: false) }
        let body = Data(body)
        let dispatcher = RPCDispatcher(context: self.context)
        let keepAlive = head.isKeepAlive
        let loop = context.eventLoop
        let bound = NIOLoopBound((self, context), eventLoop: loop)
        answering += 1
        work = Task {
            let (status, value) = await dispatcher.answer(body)
            let text = value.map { $0.json + "\n" }
            loop.execute {
                let (handler, context) = bound.value
                handler.answering -= 1
                handler.respond(context, status, text: text, keepAlive: keepAlive)
            }
        }
    }

    private func respond(_ context: ChannelHandlerContext, _ status: UInt, text: String?, keepAlive: Bool) {
        let keepAlive = keepAlive && !isOver
        var headers = HTTPHeaders()
        if status != 204 {
            headers.add(name: "content-type", value: status == 405 ? "text/plain" : "application/json")
            headers.add(name: "content-length", value: "\(text?.utf8.count ?? 0)")
        }
        if status == 401 { headers.add(name: "www-authenticate", value: "Basic realm=\"jsonrpc\"") }
        if !keepAlive { headers.add(name: "connection", value: "close") }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: Int(status)), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if let text, status != 204 {
            context.write(wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(string: text)))), promise: nil)
        }
        let channel = context.channel
        if keepAlive { expect(context) }
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            if !keepAlive { channel.close(promise: nil) }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is HalfCloseHandler.SaidAll {
            isOver = true
            // What waits for a block answers at once.
            work?.cancel()
            if answering == 0 { context.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
