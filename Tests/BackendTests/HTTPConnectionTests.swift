import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import BitcoinBackend

/// What a server, or what sits between it and us, can do with a connection.
@Suite("HTTP connections to a layer 1")
struct HTTPConnectionTests {
    /// A server that answers each request on a connection with the next of its bytes, whatever was asked.
    private final class Server: Sendable {
        enum Act: Sendable {
            case bytes(String)
            /// The bytes, and then nothing more.
            case bytesAndHangUp(String)
            case nothing
        }

        final class Handler: ChannelInboundHandler, @unchecked Sendable {
            typealias InboundIn = ByteBuffer
            typealias OutboundOut = ByteBuffer
            let server: Server
            init(_ server: Server) { self.server = server }
            func channelActive(context: ChannelHandlerContext) { server.connections.withLock { $0 += 1 } }
            func channelRead(context: ChannelHandlerContext, data: NIOAny) {
                let act = server.acts.withLock { $0.isEmpty ? Act.nothing : $0.removeFirst() }
                switch act {
                case .bytes(let text): context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
                case .bytesAndHangUp(let text):
                    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text))).assumeIsolated().whenComplete { _ in
                        context.close(promise: nil)
                    }
                case .nothing: break
                }
            }
        }

        let acts: Mutex<[Act]>
        let connections = Mutex(0)
        private let channel = Mutex<(any Channel)?>(nil)

        init(_ acts: [Act]) async throws {
            self.acts = Mutex(acts)
            let bound = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Handler(self)) }
                }
                .bind(host: "127.0.0.1", port: 0).get()
            channel.withLock { $0 = bound }
        }

        var port: Int { channel.withLock { $0!.localAddress!.port! } }
        func stop() async throws { try await channel.withLock { $0 }?.close() }
    }

    static func answer(_ body: String, _ headers: String = "") -> String {
        "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\(headers)\r\n\(body)"
    }

    private static func post(_ client: HTTPConnections) async -> Result<String, HTTPFailure> {
        do { return .success(String(buffer: try await client.post("{}", headers: []).body)) } catch {
            return .failure(error as? HTTPFailure ?? .unreachable)
        }
    }

    @Test("a connection is used again, and given up when the server says so")
    func keepAlive() async throws {
        let server = try await Server([
            .bytes(Self.answer("one")), .bytes(Self.answer("two")), .bytes(Self.answer("three", "Connection: close\r\n")),
            .bytes(Self.answer("four")),
        ])
        let client = HTTPConnections(host: "127.0.0.1", port: server.port)
        for expected in ["one", "two", "three", "four"] { #expect(await Self.post(client) == .success(expected)) }
        #expect(server.connections.withLock { $0 } == 2)
        try await server.stop()
    }

    @Test("a connection that died while it was idle costs nothing; one that dies on its first request is a failure")
    func died() async throws {
        let server = try await Server([
            .bytes(Self.answer("one")), .bytesAndHangUp(""), .bytes(Self.answer("two")), .bytesAndHangUp(""), .bytesAndHangUp(""),
        ])
        let client = HTTPConnections(host: "127.0.0.1", port: server.port)
        #expect(await Self.post(client) == .success("one"))
        // The kept connection hangs up instead of answering: asked again over a new one.
        #expect(await Self.post(client) == .success("two"))
        #expect(await Self.post(client) == .failure(.closed))
        try await server.stop()
        #expect(await Self.post(client) == .failure(.unreachable))
    }

    @Test("silence before the head and within the body ends in time")
    func silence() async throws {
        var limits = HTTPConnections.Limits()
        (limits.head, limits.read) = (.milliseconds(50), .milliseconds(50))
        let server = try await Server([.nothing, .bytes("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")])
        let client = HTTPConnections(host: "127.0.0.1", port: server.port, limits: limits)
        #expect(await Self.post(client) == .failure(.noAnswerInTime))
        #expect(await Self.post(client) == .failure(.noAnswerInTime))
        try await server.stop()
    }

    @Test("a body without end, half an answer and what is not HTTP are failures")
    func strange() async throws {
        var limits = HTTPConnections.Limits()
        limits.body = 1000
        let long = String(repeating: "x", count: 1001)
        let server = try await Server([
            .bytes(Self.answer(long)), .bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n\(long)\r\n"),
            .bytesAndHangUp("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), .bytes("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
            .bytes(Self.answer(String(repeating: "y", count: 1000))),
        ])
        let client = HTTPConnections(host: "127.0.0.1", port: server.port, limits: limits)
        #expect(await Self.post(client) == .failure(.tooLong(1000)))
        #expect(await Self.post(client) == .failure(.tooLong(1000)))
        #expect(await Self.post(client) == .failure(.unreadable))
        #expect(await Self.post(client) == .failure(.unreadable))
        #expect(await Self.post(client) == .success(String(repeating: "y", count: 1000)))
        try await server.stop()
    }

    @Test("a cancelled request ends at once, and its connection with it")
    func cancelled() async throws {
        let server = try await Server([.nothing])
        let client = HTTPConnections(host: "127.0.0.1", port: server.port)
        let task = Task { await Self.post(client) }
        while server.acts.withLock({ !$0.isEmpty }) { await Task.yield() }
        task.cancel()
        #expect(await task.value == .failure(.closed))
        try await server.stop()
    }
}
