internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
import Synchronization

/// Why an HTTP server gave no answer.
enum HTTPFailure: Error, Hashable {
    case unreachable
    case noAnswerInTime
    case closed
    /// The body is longer than the limit, in bytes.
    case tooLong(Int)
    /// What came is not HTTP.
    case unreadable
}

/// HTTP/1.1 to one server, over connections that are kept open between requests: each carries one request at a time.
final class HTTPConnections: Sendable {
    struct Response: Sendable {
        var status: UInt
        var body: ByteBuffer
    }

    /// How long is waited, and for how much.
    struct Limits: Sendable {
        var connect = TimeAmount.seconds(3)
        /// From a request to the head of its answer.
        var head = TimeAmount.seconds(30)
        /// Between two pieces of a body.
        var read = TimeAmount.seconds(60)
        /// Bytes of a body. A block as hexadecimal digits in JSON has 8 MB.
        var body = 64 << 20
        /// Connections that are kept while there is nothing to do.
        var idle = 8
    }

    private let host: String
    private let port: Int
    private let limits: Limits
    private let idle = Mutex<[any Channel]>([])

    /// - Parameter host: a name or an address; an IPv6 address also in brackets, as URLs have it.
    init(host: String, port: Int, limits: Limits = Limits()) {
        self.host = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        self.port = port
        self.limits = limits
    }

    deinit {
        for channel in idle.withLock({ $0 }) { channel.close(promise: nil) }
    }

    /// Sends a request that may be sent twice, and returns its answer.
    ///
    /// A connection that was kept open may have died with the server's last run: then a new one is tried.
    func post(_ body: String, headers: [(String, String)]) async throws -> Response {
        let request = request(body, headers)
        while let channel = idle.withLock({ $0.popLast() }) {
            guard channel.isActive else { continue }
            do { return try await exchange(request, over: channel.eventLoop.makeSucceededFuture(channel)) } catch HTTPFailure.closed {
                continue
            }
        }
        return try await exchange(request, over: connect())
    }

    private func request(_ body: String, _ headers: [(String, String)]) -> (head: HTTPRequestHead, body: ByteBuffer) {
        var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/")
        head.headers.add(name: "host", value: host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)")
        for (name, value) in headers { head.headers.add(name: name, value: value) }
        head.headers.add(name: "content-length", value: "\(body.utf8.count)")
        return (head, ByteBuffer(string: body))
    }

    private func connect() -> EventLoopFuture<any Channel> {
        let limits = limits
        return ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connectTimeout(limits.connect)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(HTTPExchange(limits: limits))
                }
            }
            .connect(host: host, port: port)
            .flatMapErrorThrowing { error in
                if let failure = error as? NIOConnectionError, failure.connectionErrors.contains(where: { $0.error is ChannelError }) {
                    throw HTTPFailure.noAnswerInTime
                }
                if case ChannelError.connectTimeout = error { throw HTTPFailure.noAnswerInTime }
                throw HTTPFailure.unreachable
            }
    }

    /// Sends as soon as there is a connection, on the thread that makes it: a server gives a connection up on which nothing comes, and the
    /// threads of our tasks can be busy for longer than that.
    private func exchange(
        _ request: (head: HTTPRequestHead, body: ByteBuffer), over connecting: EventLoopFuture<any Channel>
    ) async throws -> Response {
        let cancellation = Cancellation()
        return try await withTaskCancellationHandler {
            let (channel, response, isKept) = try await connecting.flatMap { channel in
                cancellation.began(over: channel)
                return channel.eventLoop.flatSubmit { () -> EventLoopFuture<(any Channel, Response, Bool)> in
                    do {
                        return try channel.pipeline.syncOperations.handler(type: HTTPExchange.self).send(
                            request.head, request.body, channel
                        )
                        .map { (channel, $0.response, $0.isKept) }
                    } catch { return channel.eventLoop.makeFailedFuture(HTTPFailure.closed) }
                }
            }.get()
            if isKept { keep(channel) } else { channel.close(promise: nil) }
            return response
        } onCancel: {
            cancellation.cancel()
        }
    }

    /// Closes the connection of a request whose caller has gone, also one that is still being made.
    private final class Cancellation: Sendable {
        private let state = Mutex<(channel: (any Channel)?, isCancelled: Bool)>((nil, false))

        func began(over channel: any Channel) {
            let isCancelled = state.withLock { state in
                state.channel = channel
                return state.isCancelled
            }
            if isCancelled { channel.close(promise: nil) }
        }

        func cancel() {
            let channel = state.withLock { state in
                state.isCancelled = true
                return state.channel
            }
            channel?.close(promise: nil)
        }
    }

    private func keep(_ channel: any Channel) {
        let isOneTooMany = idle.withLock { idle in
            idle.removeAll { !$0.isActive }
            guard idle.count < limits.idle else { return true }
            idle.append(channel)
            return false
        }
        if isOneTooMany { channel.close(promise: nil) }
    }
}

/// The request of one connection that is under way, and what has come of its answer.
private final class HTTPExchange: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart
    typealias Outcome = (response: HTTPConnections.Response, isKept: Bool)

    private let limits: HTTPConnections.Limits
    private var waiting: EventLoopPromise<Outcome>?
    private var head: HTTPResponseHead?
    private var body = ByteBuffer()
    private var timer: Scheduled<Void>?

    init(limits: HTTPConnections.Limits) { self.limits = limits }

    func send(_ head: HTTPRequestHead, _ body: ByteBuffer, _ channel: any Channel) -> EventLoopFuture<Outcome> {
        guard waiting == nil, channel.isActive else { return channel.eventLoop.makeFailedFuture(HTTPFailure.closed) }
        let promise = channel.eventLoop.makePromise(of: Outcome.self)
        waiting = promise
        (self.head, self.body) = (nil, ByteBuffer())
        wait(limits.head, channel)
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(body)), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        return promise.futureResult
    }

    private func wait(_ time: TimeAmount, _ channel: any Channel) {
        timer?.cancel()
        let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        timer = channel.eventLoop.scheduleTask(in: time) { bound.value.fail(.noAnswerInTime, channel) }
    }

    private func fail(_ failure: HTTPFailure, _ channel: any Channel) {
        timer?.cancel()
        timer = nil
        let promise = waiting
        waiting = nil
        promise?.fail(failure)
        channel.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard waiting != nil else { return context.close(promise: nil) }
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            wait(limits.read, context.channel)
        case .body(var piece):
            guard body.readableBytes + piece.readableBytes <= limits.body else { return fail(.tooLong(limits.body), context.channel) }
            body.writeBuffer(&piece)
            wait(limits.read, context.channel)
        case .end:
            guard let head else { return fail(.unreadable, context.channel) }
            // An answer to nothing, as "100 Continue": the real one follows.
            guard head.status.code >= 200 else { return }
            timer?.cancel()
            timer = nil
            let promise = waiting
            waiting = nil
            promise?.succeed((HTTPConnections.Response(status: head.status.code, body: body), head.isKeepAlive))
            body = ByteBuffer()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(head == nil ? .closed : .unreadable, context.channel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(error is HTTPParserError ? .unreadable : .closed, context.channel)
    }
}
