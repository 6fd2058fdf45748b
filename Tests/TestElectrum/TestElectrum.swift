package import BitcoinBackend
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LineFraming
import NIOCore
import NIOFoundationCompat
import NIOPosix
package import Synchronization

/// An Electrum server on an embedded layer 1, that lies where a test wants it to.
package final class TestElectrum: Sendable {
    /// What is answered in place of the truth; `nil` for the truth.
    package typealias Lie =
        @Sendable (_ method: String, _ parameters: [RPCValue], _ truth: Result<RPCValue, ChainFailure>) ->
        Result<RPCValue, ChainFailure>?

    private let channel: any Channel
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    fileprivate let index: ElectrumIndex
    private let lie = Mutex<Lie?>(nil)
    private let sessions = Mutex<[ObjectIdentifier: ElectrumSession]>([:])
    private let telling = Mutex<Task<Void, Never>?>(nil)
    /// The newest protocol that it speaks.
    private let version: String
    /// Whether it tells of changes before it is asked.
    private let tells = Mutex(true)
    /// How often each method was called.
    package let calls = Mutex<[String: Int]>([:])

    package var port: Int { channel.localAddress!.port! }
    package var url: String { "electrum:tcp://127.0.0.1:\(port)" }

    package init(_ chain: EmbeddedChain, version: String = "1.6", port: Int = 0) async throws {
        index = ElectrumIndex(chain)
        self.version = version
        let box = Box()
        channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(LineDecoder(limit: 1 << 24)))
                    try channel.pipeline.syncOperations.addHandler(Handler(box: box))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        box.server.withLock { $0 = self }
        let task = Task { [weak self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(20))
                guard let self else { return }
                if self.tells.withLock({ $0 }) { await self.tell() }
            }
        }
        telling.withLock { $0 = task }
    }

    package func set(_ lie: Lie?) { self.lie.withLock { $0 = lie } }
    package func setTells(_ tells: Bool) { self.tells.withLock { $0 = tells } }

    /// Ends every connection.
    package func hangUp() {
        for session in sessions.withLock({ $0.values.map(\.self) }) { session.channel.close(promise: nil) }
    }

    package func stop() async {
        telling.withLock { $0?.cancel() }
        try? await channel.close()
        hangUp()
        try? await group.shutdownGracefully()
    }

    /// Tells every session of what has changed since it was told last: the header first, as servers do.
    private func tell() async {
        guard let tip = try? await index.tip() else { return }
        for session in sessions.withLock({ $0.values.map(\.self) }) {
            if session.headers.withLock({ last in
                guard let told = last, told != tip else { return false }
                last = tip
                return true
            }) {
                if case .success(let value)? = answerLied("blockchain.headers.subscribe", [], .success(tip)) {
                    session.send(["jsonrpc": "2.0", "method": "blockchain.headers.subscribe", "params": [value]])
                }
            }
            for (hash, old) in session.scripts.withLock({ $0 }) {
                guard let now = try? await index.status(hash), now != old else { continue }
                session.scripts.withLock { $0[hash] = now }
                if case .success(let value)? = answerLied("blockchain.scripthash.subscribe", [.string(hash)], .success(now)) {
                    session.send([
                        "jsonrpc": "2.0", "method": "blockchain.scripthash.subscribe", "params": [.string(hash), value],
                    ])
                }
            }
        }
    }

    private func answerLied(
        _ method: String, _ parameters: [RPCValue], _ truth: Result<RPCValue, ChainFailure>
    ) -> Result<RPCValue, ChainFailure>? {
        lie.withLock { $0 }?(method, parameters, truth) ?? truth
    }

    fileprivate func answer(_ request: RPCValue, _ session: ElectrumSession) async {
        let method = request["method"]?.string ?? ""
        let parameters = request["params"]?.array ?? []
        calls.withLock { $0[method, default: 0] += 1 }
        var truth: Result<RPCValue, ChainFailure>
        do throws(ChainFailure) {
            switch method {
            case "server.version": truth = .success([.string("TestElectrum 1"), .string(version)])
            case "server.ping": truth = .success(.null)
            default: truth = .success(try await index.answer(method, parameters, version: version))
            }
        } catch { truth = .failure(error) }
        if case .success(let value) = truth {
            if method == "blockchain.headers.subscribe" { session.headers.withLock { $0 = value } }
            if method == "blockchain.scripthash.subscribe", let hash = parameters.first?.string {
                session.scripts.withLock { $0[hash] = value }
            }
        }
        let id = request["id"] ?? .null
        switch answerLied(method, parameters, truth) {
        case .success(let value)?: session.send(["jsonrpc": "2.0", "id": id, "result": value])
        case .failure(let failure)?:
            session.send(["jsonrpc": "2.0", "id": id, "error": ["code": 1, "message": .string(failure.reason)]])
        case nil: break
        }
    }

    private final class Box: Sendable {
        let server = Mutex<TestElectrum?>(nil)
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let box: Box
        private var session: ElectrumSession?

        init(box: Box) { self.box = box }

        func channelActive(context: ChannelHandlerContext) {
            let session = ElectrumSession(channel: context.channel)
            self.session = session
            box.server.withLock { server in server?.sessions.withLock { $0[ObjectIdentifier(session)] = session } }
        }

        func channelInactive(context: ChannelHandlerContext) {
            guard let session else { return }
            box.server.withLock { server in server?.sessions.withLock { $0[ObjectIdentifier(session)] = nil } }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard let session, let server = box.server.withLock({ $0 }),
                let request = RPCValue.parse(Data(buffer: unwrapInboundIn(data)))
            else { return context.close(promise: nil) }
            Task { await server.answer(request, session) }
        }
    }
}

/// One client.
private final class ElectrumSession: Sendable {
    let channel: any Channel
    /// What was told of the tip, where that is asked for.
    let headers = Mutex<RPCValue?>(nil)
    let scripts = Mutex<[String: RPCValue]>([:])

    init(channel: any Channel) { self.channel = channel }

    func send(_ value: RPCValue) { channel.writeAndFlush(ByteBuffer(string: value.json + "\n"), promise: nil) }
}
