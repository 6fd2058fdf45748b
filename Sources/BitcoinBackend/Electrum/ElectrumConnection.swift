import Foundation
import LineFraming
internal import NIOCore
internal import NIOFoundationCompat
internal import NIOPosix
internal import NIOSSL

/// A connection to an Electrum server: JSON-RPC, a line each way, many questions at a time, and what the server tells of its own accord.
final class ElectrumConnection: Sendable {
    /// What is said without being asked.
    struct Notification: Sendable {
        var method: String
        var parameters: [RPCValue]
    }

    /// Bytes of one line: two thousand headers have 650 kB, the longest history that servers tell two megabytes, the largest transaction eight.
    static let longestLine = 16 << 20
    /// Notifications that wait to be read: all that they say can be asked for.
    private static let mostNotifications = 10_000

    private let channel: any Channel
    private let exchange: NIOLoopBound<ElectrumExchange>
    private let place: String
    let notifications: AsyncStream<Notification>

    private init(
        channel: any Channel, exchange: NIOLoopBound<ElectrumExchange>, place: String, notifications: AsyncStream<Notification>
    ) {
        self.channel = channel
        self.exchange = exchange
        self.place = place
        self.notifications = notifications
    }

    deinit { channel.close(promise: nil) }

    /// - Parameter timeout: how long is waited for the connection, and for each answer.
    static func open(
        _ address: ElectrumAddress, certificate: String?, timeout: TimeAmount
    ) async throws(ChainFailure) -> ElectrumConnection {
        let tls = try address.tls(certificate: certificate)
        let (stream, notes) = AsyncStream<Notification>.makeStream(bufferingPolicy: .bufferingNewest(mostNotifications))
        let host = address.host
        // A server's name is told to it only where it is one.
        let isName = (try? SocketAddress(ipAddress: host, port: 0)) == nil
        do {
            let (channel, exchange) = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connectTimeout(min(timeout, .seconds(10)))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        if let tls {
                            try channel.pipeline.syncOperations.addHandler(
                                NIOSSLClientHandler(context: tls, serverHostname: isName ? host : nil))
                        }
                        try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(LineDecoder(limit: longestLine)))
                        try channel.pipeline.syncOperations.addHandler(ElectrumExchange(timeout: timeout, notes: notes))
                    }
                }
                .connect(host: host, port: address.port)
                .flatMapThrowing { channel in
                    let exchange = try channel.pipeline.syncOperations.handler(type: ElectrumExchange.self)
                    return (channel, NIOLoopBound(exchange, eventLoop: channel.eventLoop))
                }.get()
            return ElectrumConnection(channel: channel, exchange: exchange, place: address.place, notifications: stream)
        } catch {
            notes.finish()
            throw .unreachable("\(address.place): nobody answers as an Electrum server does")
        }
    }

    var isOpen: Bool { channel.isActive }

    /// One question and its answer. What the server refuses becomes `.refused`, with its reason.
    func call(_ method: String, _ parameters: [RPCValue] = []) async throws(ChainFailure) -> RPCValue {
        let exchange = exchange
        let channel = channel
        do {
            return try await channel.eventLoop.flatSubmit { exchange.value.ask(method, parameters, channel) }.get()
        } catch let failure as ChainFailure {
            switch failure {
            case .unreachable(let why): throw .unreachable("\(place): \(why)")
            case .unexpected(let what): throw .unexpected("\(place): \(what)")
            default: throw failure
            }
        } catch {
            throw .unreachable("\(place): it hung up")
        }
    }

    func close() { channel.close(promise: nil) }
}

/// The questions of one connection that are under way.
private final class ElectrumExchange: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let timeout: TimeAmount
    private let notes: AsyncStream<ElectrumConnection.Notification>.Continuation
    private var waiting: [Int64: (promise: EventLoopPromise<RPCValue>, timer: Scheduled<Void>)] = [:]
    private var next: Int64 = 0
    /// Why the connection is of no more use.
    private var ended: ChainFailure?

    init(timeout: TimeAmount, notes: AsyncStream<ElectrumConnection.Notification>.Continuation) {
        self.timeout = timeout
        self.notes = notes
    }

    func ask(_ method: String, _ parameters: [RPCValue], _ channel: any Channel) -> EventLoopFuture<RPCValue> {
        let promise = channel.eventLoop.makePromise(of: RPCValue.self)
        guard ended == nil, channel.isActive else {
            promise.fail(ended ?? ChainFailure.unreachable("it hung up"))
            return promise.futureResult
        }
        let number = next
        next += 1
        let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        let timer = channel.eventLoop.scheduleTask(in: timeout) { bound.value.end(.unreachable("no answer in time"), channel) }
        waiting[number] = (promise, timer)
        let request = ["jsonrpc": "2.0", "id": .integer(number), "method": .string(method), "params": .array(parameters)] as RPCValue
        channel.writeAndFlush(ByteBuffer(string: request.json + "\n"), promise: nil)
        return promise.futureResult
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let value = RPCValue.parse(Data(buffer: unwrapInboundIn(data))) else {
            return end(.unexpected("what it says is no JSON"), context.channel)
        }
        guard let number = value["id"]?.integer else {
            if let method = value["method"]?.string { notes.yield(.init(method: method, parameters: value["params"]?.array ?? [])) }
            return
        }
        guard let (promise, timer) = waiting.removeValue(forKey: number) else { return }
        timer.cancel()
        if let error = value["error"], error != .null {
            promise.fail(ChainFailure.refused(error["message"]?.string ?? error.string ?? "unknown error"))
        } else if let result = value["result"] {
            promise.succeed(result)
        } else {
            promise.fail(ChainFailure.unexpected("an answer without a result"))
        }
    }

    /// All that was asked fails: nothing is known of the order in which a server answers.
    private func end(_ failure: ChainFailure, _ channel: any Channel) {
        if ended == nil { ended = failure }
        let lost = waiting
        waiting = [:]
        for (promise, timer) in lost.values {
            timer.cancel()
            promise.fail(failure)
        }
        notes.finish()
        channel.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(.unreachable("it hung up"), context.channel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case is LineTooLong: end(.unexpected("it says more than \(ElectrumConnection.longestLine) bytes at once"), context.channel)
        case is NIOSSLError, is NIOSSLExtraError:
            end(
                .unexpected(
                    "it does not speak TLS, as on a port for tcp://, or its certificate is not believed: one that it signed itself is named with --chain-certificate"
                ), context.channel)
        default: end(.unreachable("it hung up"), context.channel)
        }
    }
}
