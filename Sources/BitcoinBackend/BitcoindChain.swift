public import BitcoinPrimitives
import CryptoPrimitives
import Foundation
internal import NIOCore
internal import NIOFoundationCompat
internal import NIOHTTP1
internal import NIOPosix

/// A bitcoind, or the embedded layer 1 of another process, over JSON-RPC.
public final class BitcoindChain: ChainBackend {
    private let host: String
    private let port: Int
    private let authorization: String
    private let group = MultiThreadedEventLoopGroup.singleton

    /// - Parameter url: `http://user:password@host:port`.
    public init(url: String) throws(ChainFailure) {
        guard let parts = URLComponents(string: url), parts.scheme == "http", let host = parts.host else {
            throw .unexpected("not a URL like http://user:password@127.0.0.1:18443")
        }
        self.host = host
        port = parts.port ?? 18443
        let credentials = "\(parts.user ?? ""):\(parts.password ?? "")"
        authorization = "Basic " + Data(credentials.utf8).base64EncodedString()
    }

    /// Refuses a chain that is not the expected one.
    public func check(network: Network) async throws(ChainFailure) {
        let genesis = try await call("getblockhash", [0]) as? String
        guard genesis == network.chainHash.description else {
            throw .unexpected("it is not on \(network.rawValue)")
        }
    }

    public func tip() async throws(ChainFailure) -> (height: Int, hash: BlockHash) {
        guard let height = try await call("getblockcount", []) as? Int, let hash = try await blockHash(height: height)
        else { throw .unexpected("getblockcount") }
        return (height, hash)
    }

    public func blockHash(height: Int) async throws(ChainFailure) -> BlockHash? {
        do {
            guard let text = try await call("getblockhash", [height]) as? String, let hash = BlockHash(display: text)
            else { throw ChainFailure.unexpected("getblockhash") }
            return hash
        } catch ChainFailure.refused(let reason) where reason.contains("out of range") {
            return nil
        } catch let failure as ChainFailure {
            throw failure
        } catch { throw .unreachable("\(error)") }
    }

    public func block(_ hash: BlockHash) async throws(ChainFailure) -> Block {
        guard let hex = try await call("getblock", [hash.description, 0]) as? String, let bytes = Hex.decode(hex),
            let block = try? Block(bytes), block.hash == hash
        else { throw .unexpected("getblock") }
        return block
    }

    public func publish(_ transaction: Transaction) async throws(ChainFailure) {
        do {
            _ = try await call("sendrawtransaction", [Hex.encode(transaction.serialized())])
        } catch .refused(let reason)
            where reason.contains("already in") || reason.contains("already-in") || reason.contains("already known")
        {
            return
        }
    }

    public func feeRate() async throws(ChainFailure) -> FeeRate {
        let answer = try await call("estimatesmartfee", [6]) as? [String: Any]
        // Bitcoin per 1000 virtual bytes.
        guard let rate = (answer?["feerate"] as? NSNumber)?.doubleValue, rate > 0, rate < 0.1 else {
            return FeeRate(perKiloweight: 500)
        }
        return max(.floor, FeeRate(perVirtualByte: rate * 100_000))
    }

    public func waitForChange(from tip: BlockHash) async {
        for _ in 0..<20 {
            try? await Task.sleep(for: .milliseconds(250))
            if Task.isCancelled { return }
            if let now = try? await self.tip(), now.hash != tip { return }
        }
    }

    /// One call; bitcoind's own error becomes `.refused`.
    public func call(_ method: String, _ parameters: [Any]) async throws(ChainFailure) -> Any {
        let body: Data
        do {
            body = try JSONSerialization.data(withJSONObject: ["method": method, "params": parameters, "id": 1])
        } catch { throw .unexpected("\(error)") }
        let answer: (status: Int, body: Data)
        do {
            answer = try await post(body)
        } catch {
            let why = error is NIOConnectionError ? "nobody answers" : "\(error)"
            throw .unreachable("\(host):\(port): \(why)")
        }
        if answer.status == 401 { throw .unexpected("user or password is wrong") }
        guard let object = try? JSONSerialization.jsonObject(with: answer.body) as? [String: Any] else {
            throw .unexpected("HTTP status \(answer.status)")
        }
        if let error = object["error"] as? [String: Any] {
            throw .refused(error["message"] as? String ?? "unknown error")
        }
        return object["result"] ?? NSNull()
    }

    private func post(_ body: Data) async throws -> (status: Int, body: Data) {
        let promise = group.next().makePromise(of: (Int, Data).self)
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: group)
                .connectTimeout(.seconds(3))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHTTPClientHandlers()
                        try channel.pipeline.syncOperations.addHandler(ResponseHandler(promise: promise))
                    }
                }
                .connect(host: host, port: port).get()
        } catch {
            promise.fail(error)
            throw error
        }
        let timeout = channel.eventLoop.scheduleTask(in: .seconds(20)) { channel.close(promise: nil) }
        defer { timeout.cancel() }
        let headers = HTTPHeaders([
            ("host", host), ("authorization", authorization), ("content-type", "application/json"),
            ("content-length", "\(body.count)"), ("connection", "close"),
        ])
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/", headers: headers)
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(data: body))), promise: nil)
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
        let result = try await promise.futureResult.get()
        channel.close(promise: nil)
        return result
    }
}

private final class ResponseHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private var promise: EventLoopPromise<(Int, Data)>?
    private var status = 0
    private var body = Data()

    init(promise: EventLoopPromise<(Int, Data)>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): status = Int(head.status.code)
        case .body(let buffer): body.append(contentsOf: buffer.readableBytesView)
        case .end:
            promise?.succeed((status, body))
            promise = nil
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise?.fail(error)
        promise = nil
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise?.fail(ChannelError.eof)
        promise = nil
    }
}
