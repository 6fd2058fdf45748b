import BitcoinLedger
public import BitcoinPrimitives
import CryptoPrimitives
import Foundation
internal import NIOCore

/// Layer 1 behind an Electrum server (Electrum protocol 1.4 to 1.6): for whoever has no bitcoind.
///
/// Headers are checked for their work, their targets and their order, and that a transaction is in a block by its Merkle branch: a server can
/// make up neither a payment nor a confirmation. It can keep silent.
///
/// Money at risk: a server that hides a transaction hides a breach as well, and no proof shows what it left out. Use one that you trust to
/// tell, best your own. It also learns which scripts, and so which channels and coins, are yours.
public actor ElectrumChain: ChainBackend {
    private let address: ElectrumAddress
    private let certificate: String?
    private let network: Network
    private let timeout: TimeAmount

    private var connection: ElectrumConnection?
    private var opening: Task<Greeting, any Error>?
    private var listening: Task<Void, Never>?
    /// Whether the server takes packages (protocol 1.6).
    private var takesPackages = false

    /// The last header that the server named.
    private var announced: ElectrumAnswers.Announcement?
    private var headers: HeaderChain?
    private var histories = ScriptHistories()
    /// The tip at which all histories were asked for.
    private var askedAt: BlockHash?
    /// Questions are answered one after the other: each says anew what is wanted.
    private let asking = Turns()
    /// Headers from before the first are read by one at a time.
    private let reading = Turns()

    private var transactions: [TransactionID: Transaction] = [:]
    private var places: [TransactionID: (block: BlockHash, position: Int)] = [:]

    /// Blocks below the tip whose headers are read at the start.
    private static let remembered = 100
    /// Transactions that are kept: those of one's own are asked for again and again.
    private static let mostTransactions = 5000
    /// Questions under way at a time.
    private static let width = 64
    /// Headers in one answer: more are not given.
    private static let chunk = 2016

    private struct Greeting: Sendable {
        var connection: ElectrumConnection
        var takesPackages: Bool
        var announced: ElectrumAnswers.Announcement
    }

    /// - Parameters:
    ///   - url: `tcp://host:port` or `ssl://host:port`; `electrum:` before it is allowed. TCP tells everybody on the way what is yours.
    ///   - certificate: the path of a PEM file with the server's certificate, where it signed that itself.
    ///   - network: whose headers are expected.
    ///   - timeout: seconds for one answer.
    public init(
        url: String, certificate: String? = nil, network: Network = .regtest, timeout: Int = 30
    ) throws(ChainFailure) {
        address = try ElectrumAddress(url)
        _ = try address.tls(certificate: certificate)
        self.certificate = certificate
        self.network = network
        self.timeout = .seconds(Int64(timeout))
    }

    deinit {
        listening?.cancel()
        connection?.close()
    }

    /// It tells of nothing but what it is asked for.
    public nonisolated var isSelective: Bool { true }

    /// Refuses a server of another network, and one that cannot be reached.
    public func check() async throws(ChainFailure) { _ = try await tip() }

    // MARK: The connection

    private func connected() async throws(ChainFailure) -> ElectrumConnection {
        if let connection, connection.isOpen { return connection }
        let task: Task<Greeting, any Error>
        if let opening {
            task = opening
        } else {
            let (address, certificate, network, timeout) = (address, certificate, network, timeout)
            task = Task { try await Self.greet(address, certificate, network, timeout) }
            opening = task
        }
        let greeting: Greeting
        do { greeting = try await task.value } catch {
            if opening == task { opening = nil }
            throw error as? ChainFailure ?? .unreachable("\(address.place): \(error)")
        }
        // Whoever waited first takes it.
        guard opening == task else { return try await connected() }
        opening = nil
        connection = greeting.connection
        takesPackages = greeting.takesPackages
        announced = greeting.announced
        histories.unsubscribe()
        askedAt = nil
        listening?.cancel()
        let notes = greeting.connection.notifications
        listening = Task { [weak self] in
            for await note in notes { await self?.noticed(note) }
        }
        return greeting.connection
    }

    private static func greet(
        _ address: ElectrumAddress, _ certificate: String?, _ network: Network, _ timeout: TimeAmount
    ) async throws -> Greeting {
        let connection = try await ElectrumConnection.open(address, certificate: certificate, timeout: timeout)
        do {
            let version = try await connection.call("server.version", ["swift-lightning", ["1.4", "1.6"]])
            guard let spoken = version.array?.last?.string else { throw ChainFailure.unexpected("\(address.place): server.version") }
            guard let first = ElectrumAnswers.header(try await connection.call("blockchain.block.header", [0])) else {
                throw ChainFailure.unexpected("\(address.place): blockchain.block.header")
            }
            guard first.hash == network.chainHash else {
                let other = Network.allCases.first { $0.chainHash == first.hash }
                throw ChainFailure.unexpected("\(address.place) is on \(other?.rawValue ?? "another network"), not on \(network.rawValue)")
            }
            guard let announced = ElectrumAnswers.announcement(try await connection.call("blockchain.headers.subscribe")) else {
                throw ChainFailure.unexpected("\(address.place): blockchain.headers.subscribe")
            }
            return Greeting(connection: connection, takesPackages: ElectrumAnswers.isAtLeast(spoken, [1, 6]), announced: announced)
        } catch {
            connection.close()
            throw error
        }
    }

    private func noticed(_ note: ElectrumConnection.Notification) {
        switch note.method {
        case "blockchain.headers.subscribe":
            if let next = ElectrumAnswers.announcement(note.parameters.first) { announced = next }
        case "blockchain.scripthash.subscribe":
            if let hash = note.parameters.first?.string { histories.told(hash, status: note.parameters.last?.string) }
        default: break
        }
    }

    private func call(_ method: String, _ parameters: [RPCValue] = []) async throws(ChainFailure) -> RPCValue {
        try await connected().call(method, parameters)
    }

    private typealias Answer = Result<RPCValue, ChainFailure>

    /// Many answers, in the order of the questions.
    private func all(_ method: String, _ questions: [[RPCValue]]) async throws(ChainFailure) -> [Answer] {
        await Self.all(method, questions, over: try await connected())
    }

    private static func all(_ method: String, _ questions: [[RPCValue]], over connection: ElectrumConnection) async -> [Answer] {
        await withTaskGroup(of: (index: Int, answer: Answer).self, returning: [Answer].self) { group in
            var answers: [(index: Int, answer: Answer)] = []
            for index in 0..<min(Self.width, questions.count) {
                group.addTask { (index, await Self.answer(method, questions[index], over: connection)) }
            }
            var next = min(Self.width, questions.count)
            while let answer = await group.next() {
                answers.append(answer)
                guard next < questions.count else { continue }
                let index = next
                next += 1
                group.addTask { (index, await Self.answer(method, questions[index], over: connection)) }
            }
            return answers.sorted { $0.index < $1.index }.map(\.answer)
        }
    }

    private static func answer(_ method: String, _ parameters: [RPCValue], over connection: ElectrumConnection) async -> Answer {
        do throws(ChainFailure) { return .success(try await connection.call(method, parameters)) } catch { return .failure(error) }
    }

    // MARK: Headers

    /// The headers to the one that the server named last, checked.
    private func followed() async throws(ChainFailure) -> HeaderChain {
        _ = try await connected()
        guard let announced else { throw .notReady("\(address.place) has named no block yet") }
        let hash = announced.header.hash
        if let headers, headers.tip == hash, headers.height == announced.height { return headers }
        do {
            let next = try await advanced(to: announced)
            headers = next
            return next
        } catch let fault as HeaderChain.Fault {
            throw .unexpected("\(address.place): \(fault)")
        } catch {
            throw error as? ChainFailure ?? .unexpected("\(address.place): \(error)")
        }
    }

    private func advanced(to announced: ElectrumAnswers.Announcement) async throws -> HeaderChain {
        guard var chain = headers else {
            let start = max(0, announced.height.value - Self.remembered)
            let base = BlockHeight(start - start % HeaderRules.period)
            return try HeaderChain(rules: HeaderRules(network), base: base, headers: try await read(base...announced.height))
        }
        if announced.height == chain.height + 1, announced.header.previous == chain.tip {
            try chain.append(announced.header)
            return chain
        }
        let mayBeShorter = network == .regtest
        if chain.hash(announced.height) == announced.header.hash {
            try chain.replace(from: announced.height + 1, with: [], mayBeShorter: mayBeShorter)
            return chain
        }
        guard announced.height > chain.base else { throw HeaderChain.Fault.otherChain }
        // Back to where both are the same.
        var lowest = min(chain.height, announced.height) + 1
        var branch: [BlockHeader] = []
        var step = 16
        repeat {
            let from = max(chain.base + 1, lowest - step)
            let upper = branch.isEmpty ? announced.height : lowest - 1
            branch = try await read(from...max(from, upper)) + branch
            lowest = from
            if branch.first.map({ chain.hash(lowest - 1) == $0.previous }) == true { break }
            step = Self.chunk
        } while lowest > chain.base + 1
        guard let first = branch.first, chain.hash(lowest - 1) == first.previous else { throw HeaderChain.Fault.otherChain }
        // What both have stays.
        let shared = branch.enumerated().prefix { chain.hash(lowest + $0.offset) == $0.element.hash }.count
        try chain.replace(from: lowest + shared, with: Array(branch.dropFirst(shared)), mayBeShorter: mayBeShorter)
        return chain
    }

    /// Headers as the server has them, unchecked.
    private func read(_ heights: ClosedRange<BlockHeight>) async throws(ChainFailure) -> [BlockHeader] {
        var found: [BlockHeader] = []
        var next = heights.lowerBound
        while next <= heights.upperBound {
            let wanted = min(Self.chunk, heights.upperBound - next + 1)
            let answer = try await call("blockchain.block.headers", [.integer(next.value), .integer(wanted)])
            let list: [BlockHeader?]
            if let texts = answer["headers"]?.array {
                list = texts.map { ElectrumAnswers.header($0) }
            } else if let bytes = answer["hex"]?.string.flatMap({ Hex.decode($0) }), bytes.count % 80 == 0 {
                var reader = ByteReader(bytes)
                list = (0..<bytes.count / 80).map { _ in try? BlockHeader(from: &reader) }
            } else {
                throw .unexpected("\(address.place): blockchain.block.headers")
            }
            let headers = list.compactMap(\.self)
            guard headers.count == list.count, !headers.isEmpty, headers.count <= wanted else {
                // Blocks may have left its chain since it named them.
                guard !list.isEmpty || headers.count != list.count else { throw .notReady("\(address.place) has no header \(next) now") }
                throw .unexpected("\(address.place): blockchain.block.headers")
            }
            found += headers
            next += headers.count
        }
        return found
    }

    /// The checked header of a height, of old ones too; `nil` above the tip.
    private func header(at height: BlockHeight) async throws(ChainFailure) -> BlockHeader? {
        let chain = try await followed()
        if height >= chain.base { return chain.header(height) }
        await reading.begin()
        defer { reading.end() }
        guard let chain = headers, height < chain.base else { return headers?.header(height) }
        let base = BlockHeight(height.value - height.value % HeaderRules.period)
        let earlier = try await read(base...(chain.base - 1))
        // The tip may have moved meanwhile, and its headers been read anew.
        guard var longer = headers, longer.base == chain.base else { throw .notReady("the chain changes") }
        do throws(HeaderChain.Fault) { try longer.prepend(earlier) } catch { throw .unexpected("\(address.place): \(error)") }
        headers = longer
        return longer.header(height)
    }

    /// The last block whose header was checked. Throws `ChainFailure` where the server does not answer, or its headers are none of the network's.
    public func tip() async throws(ChainFailure) -> (height: BlockHeight, hash: BlockHash) {
        let chain = try await followed()
        return (chain.height, chain.tip)
    }

    /// The hash of a block of the chain that is followed; `nil` above the tip.
    public func blockHash(height: BlockHeight) async throws(ChainFailure) -> BlockHash? {
        try await header(at: height)?.hash
    }

    // MARK: Transactions

    /// A transaction by its id, to which its bytes are held.
    private func transaction(_ id: TransactionID) async throws(ChainFailure) -> Transaction {
        if let known = transactions[id] { return known }
        let answer = try await call("blockchain.transaction.get", [.string(id.description)])
        guard let found = answer.string.flatMap({ Hex.decode($0) }).flatMap({ try? Transaction($0) }), found.id == id, Self.isSound(found)
        else { throw .unexpected("\(address.place): blockchain.transaction.get") }
        if transactions.count >= Self.mostTransactions { transactions = [:] }
        transactions[id] = found
        return found
    }

    /// Fetches transactions together that are needed next; what cannot be had is noticed when it is needed.
    private func prefetch(_ ids: [TransactionID]) async throws(ChainFailure) {
        let missing = ids.filter { transactions[$0] == nil }
        guard missing.count > 1 else { return }
        for answer in try await all("blockchain.transaction.get", missing.map { [.string($0.description)] }) {
            guard case .success(let value) = answer, let bytes = value.string.flatMap({ Hex.decode($0) }),
                let found = try? Transaction(bytes), Self.isSound(found), transactions.count < Self.mostTransactions
            else { continue }
            transactions[found.id] = found
        }
    }

    /// Whether amounts can be counted, and it cannot be taken for two hashes of a Merkle tree, which have 64 bytes too.
    private static func isSound(_ transaction: Transaction) -> Bool {
        var sum = Satoshi.zero
        return transaction.strippedSize != 64
            && transaction.outputs.allSatisfy { output in
                guard output.amount.isMoney, let next = sum.adding(output.amount), next.isMoney else { return false }
                sum = next
                return true
            }
    }

    /// The proven place of a transaction in a block.
    private func position(of id: TransactionID, in header: BlockHeader, at height: BlockHeight) async throws(ChainFailure) -> Int {
        let hash = header.hash
        if let known = places[id], known.block == hash { return known.position }
        let answer = try await call("blockchain.transaction.get_merkle", [.string(id.description), .integer(height.value)])
        guard let branch = ElectrumAnswers.branch(answer, position: nil) else {
            throw .unexpected("\(address.place): blockchain.transaction.get_merkle")
        }
        guard branch.root(of: id) == header.merkleRoot else {
            // Its chain may have changed since it named its tip.
            guard try await followed().hash(height) == hash else { throw .notReady("the chain changes") }
            throw .unexpected("\(address.place) says that \(id) is in block \(height), and its proof shows no such thing")
        }
        if places.count >= Self.mostTransactions { places = [:] }
        places[id] = (hash, branch.position)
        return branch.position
    }

    /// What a transaction's output holds, if the active chain has it and the server says that it is not spent.
    public func unspentOutput(
        height: BlockHeight, transaction position: Int, output: Int
    ) async throws(ChainFailure) -> (OutPoint, TransactionOutput)? {
        guard let header = try await header(at: height) else { throw .notReady("there is no block \(height) yet") }
        let answer: RPCValue
        do throws(ChainFailure) {
            answer = try await call("blockchain.transaction.id_from_pos", [.integer(height.value), .integer(position), true])
        } catch {
            guard case .refused(let why) = error else { throw error }
            // A server that is busy says nothing of whether it is there.
            guard ElectrumAnswers.meansNoPosition(why) else { throw .notReady("\(address.place): \(why)") }
            return nil
        }
        guard let id = answer["tx_hash"]?.string.flatMap({ TransactionID(display: $0) }),
            let branch = ElectrumAnswers.branch(answer, position: position)
        else { throw .unexpected("\(address.place): blockchain.transaction.id_from_pos") }
        guard branch.root(of: id) == header.merkleRoot else {
            throw .unexpected("\(address.place) says that \(id) is in block \(height), and its proof shows no such thing")
        }
        let found = try await transaction(id)
        guard found.outputs.indices.contains(output) else { return nil }
        let script = found.outputs[output].script
        let unspent = try await call("blockchain.scripthash.listunspent", [.string(ScriptHistories.hash(script))])
        guard let list = unspent.array else { throw .unexpected("\(address.place): blockchain.scripthash.listunspent") }
        let isThere = list.contains { $0["tx_hash"]?.string == id.description && $0["tx_pos"]?.integer == Int64(output) }
        return isThere ? (OutPoint(id, UInt32(output)), found.outputs[output]) : nil
    }

    // MARK: Blocks and the mempool

    /// Asks for the histories of what is wanted, and of what has changed. What was followed before is not any more.
    private func ask(_ interests: BlockContents.Interests) async throws(ChainFailure) {
        var wanted = Set(interests.scripts.map(ScriptHistories.hash))
        try await prefetch(Set(interests.outPoints.map(\.transaction)).sorted())
        for outPoint in interests.outPoints.sorted() {
            do throws(ChainFailure) {
                let parent = try await transaction(outPoint.transaction)
                guard parent.outputs.indices.contains(Int(outPoint.index)) else { continue }
                wanted.insert(ScriptHistories.hash(parent.outputs[Int(outPoint.index)].script))
            } catch {
                // Not published yet, or never will be; anything else is said by a server that is busy, and heals.
                guard case .refused(let why) = error else { throw error }
                guard ElectrumAnswers.meansUnknown(why) else { throw .notReady("\(address.place): \(why)") }
            }
        }
        histories.want(wanted)
        histories.unfollow()
        try await refresh()
    }

    private func refresh() async throws(ChainFailure) {
        let tip = try await followed().tip
        let due = histories.due(isNewBlock: askedAt != tip)
        for hash in due { histories.ask(hash) }
        do throws(ChainFailure) { try await answer(due) } catch {
            histories.doubt(due)
            throw error
        }
        askedAt = tip
    }

    private func answer(_ due: [String]) async throws(ChainFailure) {
        let statuses = try await all("blockchain.scripthash.subscribe", due.map { [.string($0)] })
        var changed: [(hash: String, status: String?)] = []
        for (hash, answer) in zip(due, statuses) {
            switch answer {
            case .success(let value):
                guard value == .null || value.string != nil else {
                    throw .unexpected("\(address.place): blockchain.scripthash.subscribe")
                }
                if value == .null {
                    histories.set(hash, items: [], told: nil)
                } else if !histories.has(hash, status: value.string) {
                    changed.append((hash, value.string))
                }
            case .failure(let failure): try refuse(hash, failure)
            }
        }
        let answers = try await all("blockchain.scripthash.get_history", changed.map { [.string($0.hash)] })
        for (change, answer) in zip(changed, answers) {
            switch answer {
            case .success(let value):
                guard let items = value.array?.map(ElectrumAnswers.item), items.allSatisfy({ $0 != nil }) else {
                    throw .unexpected("\(address.place): blockchain.scripthash.get_history")
                }
                histories.set(change.hash, items: items.compactMap(\.self), told: change.status)
            case .failure(let failure): try refuse(change.hash, failure)
            }
        }
    }

    /// One script of which a server does not tell must not hide all others: anybody can make a history too long for it.
    private func refuse(_ hash: String, _ failure: ChainFailure) throws(ChainFailure) {
        guard case .refused(let why) = failure else { throw failure }
        histories.refuse(hash, "\(address.place) does not tell what happens with a script that is watched: \(why)")
    }

    /// Why the server does not tell of what is watched.
    public func refusals() async -> [String] { histories.refusals }

    /// The transactions of a block, or of the mempool, that the interests name; and what spends outputs of those that spend what is watched, as far
    /// as they pay to witness script hashes: a second step in the same block.
    private func matching(
        at height: BlockHeight?, _ interests: BlockContents.Interests
    ) async throws(ChainFailure) -> [TransactionID: Transaction] {
        var found: [TransactionID: Transaction] = [:]
        var watched = interests.outPoints
        var followed: Set<TransactionID> = []
        while true {
            let ids = height.map { histories.transactions(at: $0) } ?? histories.waiting
            let new = ids.filter { found[$0] == nil }
            guard new.count <= Self.mostTransactions else { throw .unexpected("\(address.place): \(new.count) transactions at once") }
            try await prefetch(new.sorted())
            for id in new.sorted() {
                do throws(ChainFailure) { found[id] = try await transaction(id) } catch {
                    // It has left the mempool.
                    guard height == nil, case .refused = error else { throw error }
                }
            }
            // In any order: a second step may come before its first.
            let before = (watched.count, followed.count)
            for (id, transaction) in found where !followed.contains(id) {
                guard transaction.inputs.contains(where: { watched.contains($0.previousOutput) }) else { continue }
                try await checkWitnesses(of: transaction, watched)
                followed.insert(id)
                for (index, output) in transaction.outputs.enumerated() where output.script.isP2WSH {
                    watched.insert(OutPoint(id, UInt32(index)))
                    histories.follow(ScriptHistories.hash(output.script))
                }
            }
            guard before != (watched.count, followed.count) else { return found }
            try await refresh()
        }
    }

    /// A transaction's id does not say what its witnesses are, and preimages are read in them: they must be what the outputs ask for that are spent.
    private func checkWitnesses(of transaction: Transaction, _ watched: Set<OutPoint>) async throws(ChainFailure) {
        for (index, input) in transaction.inputs.enumerated() where watched.contains(input.previousOutput) {
            let parent = try await self.transaction(input.previousOutput.transaction)
            guard parent.outputs.indices.contains(Int(input.previousOutput.index)) else { continue }
            // What channels watch are version 0 programs, whose signatures do not cover the other outputs that are spent.
            var spent = Array(repeating: TransactionOutput(.zero, Script([UInt8]())), count: transaction.inputs.count)
            spent[index] = parent.outputs[Int(input.previousOutput.index)]
            guard spent[index].script.witnessProgram?.version == 0 else { continue }
            do { try ScriptVerifier(transaction, spent: spent, flags: .consensus).verify(input: index) } catch {
                transactions[transaction.id] = nil
                throw .unexpected("\(address.place) tells \(transaction.id) with a witness that does not open what it spends")
            }
        }
    }

    /// What a block holds of what is asked for, each transaction with the proof that it is in there.
    public func contents(
        of hash: BlockHash, height: BlockHeight, concerning interests: BlockContents.Interests
    ) async throws(ChainFailure) -> BlockContents {
        guard let header = try await header(at: height) else { throw .refused("Block not found") }
        guard header.hash == hash else { throw .notReady("block \(hash) is not in the active chain") }
        await asking.begin()
        defer { asking.end() }
        try await ask(interests)
        let found = try await matching(at: height, interests)
        var entries: [BlockContents.Entry] = []
        for id in found.keys.sorted() {
            entries.append(.init(position: try await position(of: id, in: header, at: height), found[id]!))
        }
        entries.sort { $0.position < $1.position }
        guard let chain = headers, chain.hash(height) == hash else { throw .notReady("the chain changes") }
        return BlockContents(header: header, entries: entries)
    }

    /// The lowest of some blocks of which the server has told more since.
    public func missed(
        of told: [BlockHeight: Set<TransactionID>], concerning interests: BlockContents.Interests
    ) async throws(ChainFailure) -> BlockHeight? {
        await asking.begin()
        defer { asking.end() }
        try await ask(interests)
        return told.filter { !histories.transactions(at: $0.key).isSubset(of: $0.value) }.keys.min()
    }

    /// The transactions in the server's mempool that the interests name, and what spends those.
    public func mempool(concerning interests: BlockContents.Interests) async throws(ChainFailure) -> [TransactionID] {
        await asking.begin()
        defer { asking.end() }
        try await ask(interests)
        return try await matching(at: nil, interests).keys.sorted()
    }

    /// A transaction of the mempool; `nil` where the server does not have it any more.
    public func mempoolTransaction(_ id: TransactionID) async throws(ChainFailure) -> Transaction? {
        do throws(ChainFailure) { return try await transaction(id) } catch {
            if case .refused = error { return nil }
            throw error
        }
    }

    /// Returns when the server has named another block, or has told of a change, or after a while; it may be cancelled.
    public func waitForChange(from tip: BlockHash) async {
        for _ in 0..<100 {
            try? await Task.sleep(for: .milliseconds(100))
            guard !Task.isCancelled, let connection, connection.isOpen, announced?.header.hash == tip, !histories.hasStale else { return }
        }
        // A connection that died without a word is noticed by this.
        _ = try? await call("server.ping")
    }

    // MARK: Publishing and fees

    /// Hands a transaction to the server's mempool; else throws `ChainFailure.refused` with the reason.
    public func publish(_ transaction: Transaction) async throws(ChainFailure) {
        do throws(ChainFailure) {
            _ = try await call("blockchain.transaction.broadcast", [.string(Hex.encode(transaction.serialized()))])
        } catch {
            guard case .refused(let answer) = error else { throw error }
            let reason = ElectrumAnswers.reason(answer)
            guard RPCAnswers.meansKnown(reason) else { throw .refused(reason) }
        }
    }

    /// Hands a transaction to the server's mempool after the unconfirmed ones that it pays for, together with those that pay too little by
    /// themselves where the server takes packages.
    public func publish(_ transaction: Transaction, payingFor parents: [Transaction]) async throws(ChainFailure) {
        // Whether it takes packages it says when it is connected.
        _ = try await connected()
        let refused = try await publishEach(transaction, payingFor: parents, takesPackages: takesPackages)
        guard !refused.isEmpty else { return }
        let package = (refused + [transaction]).map { RPCValue.string(Hex.encode($0.serialized())) }
        let answer = try await call("blockchain.transaction.broadcast_package", [.array(package)])
        guard answer["success"]?.bool != true else { return }
        let errors = (answer["errors"]?.array ?? []).compactMap { $0["error"]?.string }.filter { !RPCAnswers.meansKnown($0) }
        throw .refused(errors.last ?? "the package is not taken")
    }

    /// What a transaction should pay to be mined within so many blocks: the server's estimate, in sat/kw, and no less than what its mempool takes.
    public func feeRate(within blocks: Int) async throws(ChainFailure) -> FeeRate {
        // -1 where there is no estimate.
        let estimate = RPCAnswers.feeRate(try await call("blockchain.estimatefee", [.integer(blocks)])) ?? FeeRate(perKiloweight: 500)
        let least: RPCValue?
        if takesPackages {
            least = try? await call("mempool.get_info")["mempoolminfee"]
        } else {
            least = try? await call("blockchain.relayfee")
        }
        return RPCAnswers.feeRate(estimate, notBelow: RPCAnswers.feeRate(least) ?? .floor)
    }
}
