import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
internal import NIOCore
internal import NIOFoundationCompat
internal import NIOHTTP1
internal import NIOPosix

/// A bitcoind's face for the embedded layer 1: the JSON-RPC calls that wallets and other nodes make.
///
/// Loopback only, with user and password.
public final class RPCServer: Sendable {
    private let channel: any Channel
    private let group: MultiThreadedEventLoopGroup
    public let port: Int

    /// - Parameter port: 0 takes any free one.
    public init(chain: EmbeddedChain, port: Int, user: String, password: String) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.group = group
        let expected = "Basic " + Data("\(user):\(password)".utf8).base64EncodedString()
        do {
            channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.configureHTTPServerPipeline(withErrorHandling: true)
                        try channel.pipeline.syncOperations.addHandler(
                            RPCHandler(chain: chain, authorization: Array(expected.utf8)))
                    }
                }
                .bind(host: "127.0.0.1", port: port).get()
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
        self.port = channel.localAddress?.port ?? port
    }

    public func stop() async {
        try? await channel.close()
        try? await group.shutdownGracefully()
    }
}

/// One HTTP connection: requests are gathered whole, up to a limit, and answered in order.
private final class RPCHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let chain: EmbeddedChain
    private let authorization: [UInt8]
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var isTooLarge = false
    static let maximumBody = 4_000_000

    init(chain: EmbeddedChain, authorization: [UInt8]) {
        self.chain = chain
        self.authorization = authorization
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
            isTooLarge = false
        case .body(let buffer):
            if body.count + buffer.readableBytes > Self.maximumBody {
                isTooLarge = true
            } else {
                body.append(contentsOf: buffer.readableBytesView)
            }
        case .end:
            guard let head else { return }
            self.head = nil
            answer(head, context: context)
        }
    }

    private func answer(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
        guard !isTooLarge else { return respond(context, .payloadTooLarge, nil, keepAlive: false) }
        let given = Array((head.headers.first(name: "authorization") ?? "").utf8)
        // Compared as digests, so that the time tells nothing of the password.
        guard MAC.equal(Hash.sha256(given).array, Hash.sha256(authorization).array) else {
            return respond(context, .unauthorized, nil, keepAlive: false)
        }
        guard head.method == .POST else { return respond(context, .methodNotAllowed, nil, keepAlive: false) }
        let body = body
        let chain = chain
        let keepAlive = head.isKeepAlive
        let loop = context.eventLoop
        let bound = NIOLoopBound((self, context), eventLoop: loop)
        Task {
            let (status, data) = await RPCDispatcher(chain: chain).answer(Data(body))
            loop.execute {
                let (handler, context) = bound.value
                handler.respond(context, status, data, keepAlive: keepAlive)
            }
        }
    }

    private func respond(
        _ context: ChannelHandlerContext, _ status: HTTPResponseStatus, _ data: Data?, keepAlive: Bool
    ) {
        var headers = HTTPHeaders([("content-type", "application/json"), ("content-length", "\(data?.count ?? 0)")])
        if status == .unauthorized { headers.add(name: "www-authenticate", value: "Basic realm=\"jsonrpc\"") }
        if !keepAlive { headers.add(name: "connection", value: "close") }
        context.write(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))), promise: nil)
        if let data {
            context.write(wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(data: data)))), promise: nil)
        }
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in
            if !keepAlive { channel.close(promise: nil) }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

/// Bitcoin Core's error codes.
private struct RPCFailure: Error {
    var code: Int
    var message: String
    static func parameter(_ message: String) -> RPCFailure { RPCFailure(code: -8, message: message) }
}

/// Finds the call and makes the answer.
private struct RPCDispatcher {
    let chain: EmbeddedChain

    func answer(_ body: Data) async -> (HTTPResponseStatus, Data) {
        guard let parsed = try? JSONSerialization.jsonObject(with: body, options: [.fragmentsAllowed]) else {
            return (.internalServerError, Self.encode(error: RPCFailure(code: -32700, message: "Parse error"), id: NSNull()))
        }
        if let batch = parsed as? [Any] {
            var parts: [Data] = []
            for item in batch.prefix(1000) { parts.append(await single(item).1) }
            return (.ok, Data("[".utf8) + Data(parts.joined(separator: Data(",".utf8))) + Data("]\n".utf8))
        }
        return await single(parsed)
    }

    private func single(_ request: Any) async -> (HTTPResponseStatus, Data) {
        guard let object = request as? [String: Any], let method = object["method"] as? String else {
            let failure = RPCFailure(code: -32600, message: "Invalid Request object")
            return (.badRequest, Self.encode(error: failure, id: NSNull()))
        }
        let id = object["id"] ?? NSNull()
        let parameters = object["params"] as? [Any] ?? []
        do {
            let result = try await call(method, parameters)
            return (.ok, Self.encode(["result": result, "error": NSNull(), "id": id]))
        } catch let failure as RPCFailure {
            return (failure.code == -32601 ? .notFound : .internalServerError, Self.encode(error: failure, id: id))
        } catch {
            return (.internalServerError, Self.encode(error: RPCFailure(code: -1, message: "\(error)"), id: id))
        }
    }

    private static func encode(error: RPCFailure, id: Any) -> Data {
        encode(["result": NSNull(), "error": ["code": error.code, "message": error.message], "id": id])
    }

    private static func encode(_ object: [String: Any]) -> Data {
        (try? JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])) ?? Data("{}".utf8)
    }

    private func call(_ method: String, _ parameters: [Any]) async throws -> Any {
        func string(_ index: Int, _ name: String) throws -> String {
            guard parameters.indices.contains(index), let value = parameters[index] as? String else {
                throw RPCFailure(code: -1, message: "\(name) is missing")
            }
            return value
        }
        func integer(_ index: Int) -> Int? {
            guard parameters.indices.contains(index) else { return nil }
            if let flag = parameters[index] as? Bool, !(parameters[index] is Int) { return flag ? 1 : 0 }
            return parameters[index] as? Int
        }
        let ledger = await chain.snapshot()
        switch method {
        case "getblockcount": return ledger.height
        case "getbestblockhash": return ledger.tip.description
        case "getblockhash":
            guard let height = integer(0) else { throw RPCFailure(code: -1, message: "height is missing") }
            guard let hash = ledger.blockHash(height: height) else {
                throw RPCFailure(code: -8, message: "Block height out of range")
            }
            return hash.description
        case "getblock":
            guard let hash = BlockHash(display: try string(0, "blockhash")), let block = ledger.block(hash) else {
                throw RPCFailure(code: -5, message: "Block not found")
            }
            guard (integer(1) ?? 1) == 0 else { return describe(block, hash, ledger) }
            return Hex.encode(block.serialized())
        case "getblockchaininfo":
            return [
                "chain": "regtest", "blocks": ledger.height, "headers": ledger.height,
                "bestblockhash": ledger.tip.description, "initialblockdownload": false, "verificationprogress": 1,
                "mediantime": Int(ledger.medianTimePast(height: ledger.height)), "pruned": false, "warnings": [],
            ] as [String: Any]
        case "getrawmempool": return ledger.mempool.ordered.map(\.id.description)
        case "getrawtransaction":
            guard let id = TransactionID(display: try string(0, "txid")), let found = ledger.transaction(id) else {
                throw RPCFailure(code: -5, message: "No such mempool or blockchain transaction")
            }
            let hex = Hex.encode(found.transaction.serialized())
            guard (integer(1) ?? 0) != 0 else { return hex }
            var result: [String: Any] = ["hex": hex, "txid": id.description]
            if let block = found.block, let position = ledger.position(of: block) {
                result["blockhash"] = block.description
                result["confirmations"] = ledger.height - position.height + 1
            }
            return result
        case "gettxout":
            guard let id = TransactionID(display: try string(0, "txid")), let index = integer(1), index >= 0,
                let coin = ledger.coin(OutPoint(id, UInt32(clamping: index)))
            else { return NSNull() }
            return [
                "bestblock": ledger.tip.description, "confirmations": ledger.height - coin.height + 1,
                "value": Double(coin.output.amount.value) / 100_000_000, "coinbase": coin.isCoinbase,
                "scriptPubKey": ["hex": coin.output.script.description],
            ] as [String: Any]
        case "sendrawtransaction":
            guard let bytes = Hex.decode(try string(0, "hexstring")), let transaction = try? Transaction(bytes) else {
                throw RPCFailure(code: -22, message: "TX decode failed. Make sure the tx has at least one input.")
            }
            do { try await chain.publish(transaction) } catch {
                if case .refused(let reason) = error {
                    throw RPCFailure(code: reason.contains("missingorspent") ? -25 : -26, message: reason)
                }
                throw error
            }
            return transaction.id.description
        case "generatetoaddress":
            guard let count = integer(0), (0...10_000).contains(count) else { throw RPCFailure.parameter("nblocks") }
            guard let address = Address(try string(1, "address"), network: .regtest) else {
                throw RPCFailure(code: -5, message: "Error: Invalid address")
            }
            return try await chain.mine(count, paying: address.script).map(\.description)
        case "submitblock":
            guard let bytes = Hex.decode(try string(0, "hexdata")), let block = try? Block(bytes) else {
                throw RPCFailure(code: -22, message: "Block decode failed")
            }
            do {
                try await chain.submit(block)
                return NSNull()
            } catch {
                if case .refused(let reason) = error { return reason }
                throw error
            }
        case "estimatesmartfee":
            let rate = await chain.feeRate()
            return ["feerate": Double(rate.perKiloweight) * 4 / 100_000_000, "blocks": integer(0) ?? 6] as [String: Any]
        case "getnetworkinfo":
            return ["version": 300_000, "subversion": "/swift-lightning:0.1/", "relayfee": 0.00001] as [String: Any]
        default: throw RPCFailure(code: -32601, message: "Method not found")
        }
    }

    private func describe(_ block: Block, _ hash: BlockHash, _ ledger: Ledger) -> [String: Any] {
        let position = ledger.position(of: hash)
        return [
            "hash": hash.description, "height": position?.height ?? 0,
            "confirmations": position.map { $0.isActive ? ledger.height - $0.height + 1 : -1 } ?? -1,
            "previousblockhash": block.header.previous.description, "time": Int(block.header.time),
            "tx": block.transactions.map(\.id.description), "nTx": block.transactions.count,
        ]
    }
}
