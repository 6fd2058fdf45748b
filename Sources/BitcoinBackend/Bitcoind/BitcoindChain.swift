import BitcoinLedger
public import BitcoinPrimitives
import CryptoPrimitives
import Foundation
internal import NIOCore
internal import NIOFoundationCompat
import Synchronization

/// A bitcoind, or the embedded layer 1 of another process, over JSON-RPC.
///
/// A bitcoind may go away and come back: each call says so with `.unreachable` or `.notReady`, and the next one
/// connects again. A cookie is read anew when it is no longer taken, for a bitcoind makes a new one at each start.
public final class BitcoindChain: ChainBackend {
    /// How to be let in.
    private enum Credentials: Sendable {
        case password(String)
        case cookie(path: String)
    }

    /// Without the secret, for messages.
    private let place: String
    private let credentials: Credentials
    private let authorization = Mutex<String?>(nil)
    private let connections: HTTPConnections

    /// - Parameters:
    ///   - url: `http://user:password@host:port`, or `http://host:port` with a cookie; `bitcoind:` before it is allowed.
    ///   - cookieFile: the path of the bitcoind's `.cookie`, where the URL has no user.
    ///   - network: whose port and cookie are meant where they are left out.
    ///   - timeout: seconds for one answer.
    public init(
        url text: String, cookieFile: String? = nil, network: Network = .regtest, timeout: Int = 30
    ) throws(ChainFailure) {
        let text = text.hasPrefix("bitcoind:") ? String(text.dropFirst(9)) : text
        guard let parts = URLComponents(string: text), parts.scheme == "http", let host = parts.host, !host.isEmpty else {
            throw .unexpected("not a URL like http://user:password@127.0.0.1:18443")
        }
        let port = parts.port ?? network.rpcPort
        place = "\(host):\(port)"
        var limits = HTTPConnections.Limits()
        limits.head = .seconds(Int64(timeout))
        connections = HTTPConnections(host: host, port: port, limits: limits)
        if let user = parts.user {
            credentials = .password("\(user):\(parts.password ?? "")")
        } else {
            let folder = UserHome.url.appending(path: ".bitcoin").appending(path: network.bitcoindFolder)
            credentials = .cookie(path: cookieFile ?? folder.appending(path: ".cookie").path)
        }
    }

    /// Refuses a chain that is not the expected one, or that is not ready to be followed.
    public func check(network: Network) async throws(ChainFailure) {
        let genesis = try await call("getblockhash", [0]).string
        let state = try await call("getblockchaininfo")
        guard genesis == network.chainHash.description else {
            throw .unexpected("\(place) is on \(state["chain"]?.string ?? "another network"), not on \(network.rawValue)")
        }
        guard let blocks = Self.height(state["blocks"]), let headers = Self.height(state["headers"]) else {
            throw .unexpected("getblockchaininfo")
        }
        // On regtest a bitcoind says that it is downloading whenever its last block is a day old.
        let isSyncing = state["initialblockdownload"]?.bool == true && network != .regtest
        if isSyncing || headers > blocks + 6 {
            throw .notReady("it is still syncing, with block \(blocks) of \(headers); try again when it is done")
        }
        if state["pruned"]?.bool == true, let lowest = Self.height(state["pruneheight"]), lowest > blocks - 2016 {
            throw .unexpected("it is pruned so far that blocks of the last two weeks are missing")
        }
    }

    /// The last block of the active chain. Throws `ChainFailure` where bitcoind does not answer, or has another network's chain.
    public func tip() async throws(ChainFailure) -> (height: BlockHeight, hash: BlockHash) {
        // Both in one answer: between two calls the chain may be reorganized.
        let state = try await call("getblockchaininfo")
        guard let height = Self.height(state["blocks"]), let hash = state["bestblockhash"]?.string.flatMap({ BlockHash(display: $0) })
        else { throw .unexpected("getblockchaininfo") }
        return (height, hash)
    }

    /// A height as large as one can be: lock times above it mean seconds.
    private static func height(_ value: RPCValue?) -> BlockHeight? {
        value?.integer.flatMap { (0..<500_000_000).contains($0) ? BlockHeight(Int($0)) : nil }
    }

    /// The block of the active chain at a height, or `nil` where the chain does not reach so far.
    public func blockHash(height: BlockHeight) async throws(ChainFailure) -> BlockHash? {
        let answer: RPCValue
        do throws(ChainFailure) {
            answer = try await call("getblockhash", [.integer(height.value)])
        } catch {
            if case .refused(let reason) = error, reason.contains("out of range") { return nil }
            throw error
        }
        guard let hash = answer.string.flatMap({ BlockHash(display: $0) }) else { throw .unexpected("getblockhash") }
        return hash
    }

    /// A whole block. Throws `ChainFailure` where bitcoind does not have it, or has pruned it.
    public func block(_ hash: BlockHash) async throws(ChainFailure) -> Block {
        guard let hex = try await call("getblock", [.string(hash.description), 0]).string,
            let bytes = Hex.decode(hex), let block = try? Block(bytes), block.hash == hash, Self.isSound(block)
        else { throw .unexpected("getblock") }
        return block
    }

    /// Whether the header commits to the transactions, and their amounts can be counted: what is looked at next trusts both.
    private static func isSound(_ block: Block) -> Bool {
        guard let coinbase = block.transactions.first, coinbase.isCoinbase else { return false }
        let (root, isMutated) = MerkleTree.root(block.transactions.map(\.id.bytes))
        guard root == block.header.merkleRoot, !isMutated else { return false }
        return block.transactions.allSatisfy { transaction in
            var sum = Satoshi.zero
            return transaction.outputs.allSatisfy { output in
                guard output.amount.isMoney, let next = sum.adding(output.amount), next.isMoney else { return false }
                sum = next
                return true
            }
        }
    }

    /// What a transaction's output holds, if the active chain has it and it is not spent: for BOLT 7's check of announcements.
    public func unspentOutput(
        height: BlockHeight, transaction: Int, output: Int
    ) async throws(ChainFailure) -> (OutPoint, TransactionOutput)? {
        guard let hash = try await blockHash(height: height) else { throw .notReady("there is no block \(height) yet") }
        guard case .array(let ids)? = try await call("getblock", [.string(hash.description), 1])["tx"] else {
            throw .unexpected("getblock")
        }
        guard ids.indices.contains(transaction) else { return nil }
        guard let id = ids[transaction].string.flatMap({ TransactionID(display: $0) }) else { throw .unexpected("getblock") }
        let answer = try await call("gettxout", [.string(id.description), .integer(output), .bool(false)])
        guard case .object = answer else { return nil }
        guard let script = answer["scriptPubKey"]?["hex"]?.string.flatMap({ Hex.decode($0) }),
            let amount = RPCAnswers.satoshi(answer["value"])
        else { throw .unexpected("gettxout") }
        return (OutPoint(id, UInt32(output)), TransactionOutput(amount, Script(script)))
    }

    /// Hands a transaction to the mempool. One that is there already, or in a block, is no failure; else throws `ChainFailure.refused`
    /// with Bitcoin Core's reason.
    public func publish(_ transaction: Transaction) async throws(ChainFailure) {
        do throws(ChainFailure) {
            // What the wallet wants to pay was decided there; a second limit here could only hold back a penalty.
            _ = try await call("sendrawtransaction", [.string(Hex.encode(transaction.serialized())), 0])
        } catch {
            guard case .refused(let reason) = error, RPCAnswers.meansKnown(reason) else { throw error }
        }
    }

    /// Hands a transaction to the mempool after the unconfirmed ones that it pays for, and where those pay too little by themselves, together
    /// with them.
    public func publish(_ transaction: Transaction, payingFor parents: [Transaction]) async throws(ChainFailure) {
        let refused = try await publishEach(transaction, payingFor: parents, takesPackages: true)
        guard !refused.isEmpty else { return }
        let answer = try await call(
            "submitpackage", [.array((refused + [transaction]).map { .string(Hex.encode($0.serialized())) }), 0])
        if let error = answer["tx-results"]?[transaction.witnessID.reversed.hex]?["error"]?.string, !RPCAnswers.meansKnown(error) {
            throw .refused(error)
        }
        guard answer["package_msg"]?.string == "success" else { throw .refused(answer["package_msg"]?.string ?? "submitpackage") }
    }

    /// What a transaction should pay to be mined within so many blocks: bitcoind's estimate, in sat/kw, and no less than what its mempool
    /// takes, which is more than usual while that is full.
    public func feeRate(within blocks: Int) async throws(ChainFailure) -> FeeRate {
        let answer = try await call("estimatesmartfee", [.integer(Int64(blocks))])
        // A bitcoind without a history has no estimate.
        let estimate = RPCAnswers.feeRate(answer["feerate"]) ?? FeeRate(perKiloweight: 500)
        let mempool = try? await call("getmempoolinfo")
        let least = RPCAnswers.feeRate(mempool?["mempoolminfee"]) ?? .floor
        return RPCAnswers.feeRate(estimate, notBelow: least)
    }

    /// Everything in a block, whatever is asked for.
    public func contents(
        of hash: BlockHash, height: BlockHeight, concerning interests: BlockContents.Interests
    ) async throws(ChainFailure) -> BlockContents { BlockContents(try await block(hash)) }

    /// The ids of the mempool's transactions.
    public func mempool(concerning interests: BlockContents.Interests) async throws(ChainFailure) -> [TransactionID] {
        guard let list = try await call("getrawmempool").array else { throw .unexpected("getrawmempool") }
        return list.compactMap { $0.string.flatMap { TransactionID(display: $0) } }
    }

    /// A transaction of the mempool, or `nil` where it is not there.
    public func mempoolTransaction(_ id: TransactionID) async throws(ChainFailure) -> Transaction? {
        let answer: RPCValue
        do throws(ChainFailure) { answer = try await call("getrawtransaction", [.string(id.description)]) } catch {
            // It has left the mempool meanwhile, or was mined.
            if case .refused = error { return nil }
            throw error
        }
        guard let transaction = answer.string.flatMap({ Hex.decode($0) }).flatMap({ try? Transaction($0) }), transaction.id == id else {
            throw .unexpected("getrawtransaction")
        }
        return transaction
    }

    /// Returns when the tip is another one than this, or after a while; it may be cancelled.
    public func waitForChange(from tip: BlockHash) async {
        for _ in 0..<40 {
            try? await Task.sleep(for: .milliseconds(250))
            if Task.isCancelled { return }
            guard let now = try? await call("getbestblockhash").string else { return }
            if now != tip.description { return }
        }
    }

    // MARK: Calls

    /// One call; bitcoind's own error becomes `.refused`.
    package func call(_ method: String, _ parameters: [RPCValue] = []) async throws(ChainFailure) -> RPCValue {
        let body = (["method": .string(method), "params": .array(parameters), "id": 1] as RPCValue).json
        var answer = try await post(body)
        if answer.status == 401, case .cookie = credentials {
            // It has a new cookie since its last start.
            authorization.withLock { $0 = nil }
            answer = try await post(body)
        }
        switch answer.status {
        case 401, 403: throw .unexpected("\(place) does not let us in: user and password, or the cookie, are wrong")
        case 503: throw .notReady("it has too much to do")
        default: break
        }
        guard let value = RPCValue.parse(answer.body) else {
            throw .unexpected("\(place): HTTP status \(answer.status) and no JSON")
        }
        if let error = value["error"], error != .null {
            let message = error["message"]?.string ?? "unknown error"
            // -28: "Loading block index…" and the like after a start.
            if error["code"]?.integer == -28 { throw .notReady(message) }
            throw .refused(message)
        }
        guard let result = value["result"] else { throw .unexpected("\(place): no result for \(method)") }
        return result
    }

    private func post(_ body: String) async throws(ChainFailure) -> (status: UInt, body: Data) {
        let headers = [("authorization", try authorizationHeader()), ("content-type", "application/json")]
        do {
            // All calls may be made twice.
            let response = try await connections.post(body, headers: headers)
            return (response.status, Data(buffer: response.body))
        } catch {
            if Task.isCancelled { throw .unreachable("\(place): cancelled") }
            throw .unreachable("\(place): \(Self.describe(error))")
        }
    }

    private static func describe(_ error: any Error) -> String {
        switch error as? HTTPFailure {
        case .noAnswerInTime: "no answer in time"
        case .tooLong(let limit): "its answer is longer than \(limit) bytes"
        case .unreadable: "its answer is not HTTP"
        case .closed: "it hung up"
        case .unreachable, nil: "nobody answers"
        }
    }

    private func authorizationHeader() throws(ChainFailure) -> String {
        if let known = authorization.withLock({ $0 }) { return known }
        let secret: String
        switch credentials {
        case .password(let text): secret = text
        case .cookie(let path):
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw .unreachable("no user in the URL, and no cookie at \(path) (is bitcoind running?)")
            }
            secret = text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        let header = "Basic " + Data(secret.utf8).base64EncodedString()
        authorization.withLock { $0 = header }
        return header
    }
}
