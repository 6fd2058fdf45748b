import BitcoinBackend
import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningCore
import LightningEnforcement
import LightningRecords
import LightningRouting
import LightningWire
import Logging
import Metrics
import NIOCore
import NIOPosix
import Synchronization

/// Drives one `NodeCore`: sockets and clock on one event loop, where all state is touched, and the disk on a thread of its own.
///
/// Whatever arrives while a batch is handled waits for the next one, so that the busier a node is, the more messages share one commit and
/// one `commitment_signed`. The next batch is handled while the one before it is being synced; nothing of either leaves before its own
/// commit, and in their order.
final class NodeDriver: @unchecked Sendable {
    let eventLoop: any EventLoop
    private let store: StoreThread
    private let logger: Logger
    private let publisher: AsyncStream<Publication>.Continuation
    private let checker: AsyncStream<GossipCheck>.Continuation

    private var core: NodeCore
    private var inbox: [NodeInput] = []
    /// Bytes of peers that wait in it.
    private var inboxBytes = 0
    /// Whether nothing is read from peers, because the disk does not keep up.
    private(set) var isReadingPaused = false
    private static let maxInboxBytes = 16 << 20
    private var isScheduled = false
    /// Whether the node is being stopped, or has been.
    private let isStopping = Mutex(false)
    /// Who waits until what is in the inbox has been handled.
    private var waiting: [CheckedContinuation<Void, any Error>] = []
    /// What is handled and not committed yet, in its order.
    private var uncommitted: [Batch] = []
    /// Who wants to look at the core: what is not stored yet is shown to nobody.
    private var readers: [(_ isShown: Bool) -> Void] = []
    private var sockets: [ConnectionID: any Channel] = [:]
    private var nextConnection: UInt64 = 1
    private var nextRequest: RequestID = 1
    private var requests: [RequestID: (Result<NodeResponse, NodeRefusal>) -> Void] = [:]
    private var alarm: Scheduled<Void>?
    /// When it rings.
    private var wakeTime: Timestamp?
    private var listeners: [UInt64: (wants: @Sendable (NodeEvent) -> Bool, continuation: AsyncStream<NodeEvent>.Continuation)] = [:]
    private var nextListener: UInt64 = 1
    /// Why the node had to stop: its store did not take a batch.
    private var failure: NodeRefusal?
    /// Whether the core holds what the store refused: nobody may see it.
    private var isAheadOfDisk = false
    private var onFailure: (@Sendable (String) -> Void)?
    private let commits = Counter(label: "lightning_commits")
    private let paymentsSent = Counter(label: "lightning_payments_sent")
    private let paymentsReceived = Counter(label: "lightning_payments_received")

    init(
        eventLoop: any EventLoop, core: NodeCore, store: StoreThread, logger: Logger,
        publisher: AsyncStream<Publication>.Continuation, checker: AsyncStream<GossipCheck>.Continuation
    ) {
        self.eventLoop = eventLoop
        self.core = core
        self.store = store
        self.logger = logger
        self.publisher = publisher
        self.checker = checker
    }

    /// A batch that the core has handled, and who waits for its commit.
    private struct Batch {
        var effects: NodeEffects
        var waiting: [CheckedContinuation<Void, any Error>]
    }

    /// Batches that are handled before their commits are done: one that is being synced, and one that is not.
    private static let maxUncommitted = 2

    /// Hands something to the event loop, unless the node is being stopped: what is asked of a loop that is gone is never answered. Whatever
    /// got through before runs before `shutdown`, which answers it.
    ///
    /// - Returns: whether it will run.
    @discardableResult
    func onLoop(_ body: @escaping @Sendable () -> Void) -> Bool {
        isStopping.withLock { isStopping in
            guard !isStopping else { return false }
            eventLoop.execute(body)
            return true
        }
    }

    /// From now on nothing more is taken.
    ///
    /// - Returns: `false` where it was said before.
    func beginStop() -> Bool {
        isStopping.withLock { isStopping in
            defer { isStopping = true }
            return !isStopping
        }
    }

    /// - Throws: `NodeRefusal.stopped`.
    func requireRunning() throws(NodeRefusal) {
        if isStopping.withLock({ $0 }) { throw .stopped }
    }

    /// Runs something with the core as it is stored, on the event loop.
    ///
    /// - Throws: `NodeRefusal.stopped` where the node is being stopped, and why it had to stop where it had to.
    func read<T: Sendable>(_ body: @escaping @Sendable (borrowing NodeCore) -> T) async throws -> T {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<T, any Error>) in
            let isTaken = onLoop {
                if self.isAheadOfDisk, let failure = self.failure { return continuation.resume(throwing: failure) }
                self.readers.append { isShown in
                    if isShown {
                        continuation.resume(returning: body(self.core))
                    } else {
                        continuation.resume(throwing: CancellationError())
                    }
                }
                self.serveReaders()
            }
            if !isTaken { continuation.resume(throwing: NodeRefusal.stopped) }
        }
    }

    private func serveReaders() {
        guard uncommitted.isEmpty, !readers.isEmpty else { return }
        let waiting = readers
        readers = []
        for reader in waiting { reader(!isAheadOfDisk) }
    }

    func setFailureHandler(_ handler: @escaping @Sendable (String) -> Void) {
        onLoop { self.onFailure = handler }
    }

    // MARK: Inputs

    func enqueue(_ input: NodeInput) {
        eventLoop.preconditionInEventLoop()
        inbox.append(input)
        schedule()
    }

    /// Bytes of a peer. When too much of that waits for the disk, nothing more is read.
    func received(_ id: ConnectionID, _ bytes: [UInt8]) {
        inboxBytes += bytes.count
        enqueue(.received(id, bytes))
        guard inboxBytes > Self.maxInboxBytes, !isReadingPaused else { return }
        isReadingPaused = true
        for socket in sockets.values { socket.setOption(.autoRead, value: false).whenFailure { _ in } }
    }

    private func readAgain() {
        guard isReadingPaused else { return }
        isReadingPaused = false
        for socket in sockets.values { socket.setOption(.autoRead, value: socket.isWritable).whenFailure { _ in } }
    }

    private func schedule() {
        guard !isScheduled, !inbox.isEmpty || !waiting.isEmpty else { return }
        isScheduled = true
        // Behind all that this turn of the loop still reads from sockets.
        eventLoop.execute { self.drain() }
    }

    /// Gives the node an input and returns when it was handled and committed.
    ///
    /// - Throws: a `CancellationError` where the node takes nothing any more.
    func handle(_ input: NodeInput) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            let isTaken = onLoop {
                guard self.failure == nil else { return continuation.resume(throwing: CancellationError()) }
                self.waiting.append(continuation)
                self.enqueue(input)
            }
            if !isTaken { continuation.resume(throwing: CancellationError()) }
        }
    }

    private func drain() {
        isScheduled = false
        guard failure == nil else {
            inbox = []
            return
        }
        // With two batches behind the disk more would only be more commits; and whoever wants to read is not kept waiting for ever.
        guard uncommitted.count < Self.maxUncommitted, readers.isEmpty, !inbox.isEmpty || !waiting.isEmpty else { return }
        let inputs = inbox
        inbox = []
        inboxBytes = 0
        readAgain()
        let batch = Batch(effects: core.handle(inputs, now: Timestamp.now), waiting: waiting)
        waiting = []
        wakeUp(at: batch.effects.wake)
        let (writes, loads, backup) = (batch.effects.writes, batch.effects.loads, batch.effects.backup)
        if writes.isEmpty, loads.isEmpty, backup == nil, uncommitted.isEmpty { return finish(batch) }
        uncommitted.append(batch)
        store.commit(writes, backup: backup, thenLoad: loads, on: eventLoop) { self.committed($0) }
    }

    /// Calls the core when it wants to hear of the time; what it said before is forgotten.
    private func wakeUp(at moment: Timestamp?) {
        guard moment != wakeTime else { return }
        alarm?.cancel()
        (alarm, wakeTime) = (nil, moment)
        guard let moment else { return }
        // A clock that is set makes no harm: a tick comes each second.
        let delay = TimeAmount.milliseconds(Int64(min(moment.since(Timestamp.now), .seconds(60)).wholeMilliseconds) + 1)
        alarm = eventLoop.scheduleTask(in: delay) {
            self.wakeTime = nil
            if self.failure == nil { self.enqueue(.wake) }
        }
    }

    /// The first of the batches that wait is committed, or the store does not take it.
    private func committed(_ outcome: StoreThread.Outcome) {
        // The node was stopped meanwhile.
        guard !uncommitted.isEmpty else { return }
        switch outcome {
        case .success(let found):
            let batch = uncommitted.removeFirst()
            if !batch.effects.writes.isEmpty { commits.increment() }
            // Before anything that whoever waited for the batch brings next.
            for (query, found) in found { enqueue(.loaded(query, found)) }
            finish(batch)
            serveReaders()
            schedule()
        case .failure(let failure): stop(because: failure)
        }
    }

    private func finish(_ batch: Batch) {
        release(batch.effects)
        for continuation in batch.waiting { continuation.resume() }
    }

    /// The only way out: after the commit.
    private func release(_ effects: NodeEffects) {
        var touched: Set<ConnectionID> = []
        for (connection, bytes) in effects.transmissions {
            guard let socket = sockets[connection] else { continue }
            socket.write(ByteBuffer(bytes: bytes), promise: nil)
            touched.insert(connection)
        }
        for connection in touched { sockets[connection]?.flush() }
        for connection in effects.closes { sockets.removeValue(forKey: connection)?.close(promise: nil) }
        for publication in effects.publications { publisher.yield(publication) }
        for check in effects.checks { checker.yield(check) }
        for (request, answer) in effects.answers { requests.removeValue(forKey: request)?(answer) }
        for event in effects.events { tell(event) }
    }

    private func tell(_ event: NodeEvent) {
        if let (level, text) = event.logLine {
            let level: Logger.Level =
                switch level {
                case .info: .info
                case .notice: .notice
                case .alert: .error
                }
            logger.log(level: level, "\(text)")
        }
        switch event {
        case .paymentSucceeded: paymentsSent.increment()
        case .streamPaid(let receipt): if receipt.failure == nil { paymentsSent.increment() }
        case .paymentReceived: paymentsReceived.increment()
        case .peerConnected(let node): logger.info("peer connected", metadata: ["peer": "\(node)"])
        case .connectionEnded(_, let node, let why):
            logger.notice("connection closed: \(why)", metadata: node.map { ["peer": "\($0)"] } ?? [:])
        case .peerDisconnected(let node): logger.info("peer disconnected", metadata: ["peer": "\(node)"])
        case .channelOpening, .channelUsable, .channelAnnounced, .channelClosing, .channelClosed, .channelsRestored, .connectionReady,
            .connectionLost, .peerAddresses, .publicationRefused, .paymentHeld, .paymentUpdated, .paymentSettled, .paymentFailed,
            .forwarded,
            .forwardRefused, .block, .streamOver, .alert, .note:
            break
        }
        for listener in listeners.values where listener.wants(event) { listener.continuation.yield(event) }
    }

    /// The store refused a batch: what is in memory is ahead of the disk, so nothing of it may ever leave.
    private func stop(because error: StoreFailure) {
        let refusal = NodeRefusal.store(error.description)
        failure = refusal
        isAheadOfDisk = true
        logger.critical("stopping: \(error.description)")
        for socket in sockets.values { socket.close(promise: nil) }
        sockets = [:]
        for answer in requests.values { answer(.failure(refusal)) }
        requests = [:]
        dropWaiting()
        onFailure?(error.description)
    }

    /// Nothing of what is not committed ever leaves; whoever waits for it is told so.
    private func dropWaiting() {
        // What is in memory may be stored in a moment, or never.
        if !uncommitted.isEmpty { isAheadOfDisk = true }
        for continuation in waiting + uncommitted.flatMap(\.waiting) { continuation.resume(throwing: CancellationError()) }
        waiting = []
        uncommitted = []
        serveReaders()
    }

    func shutdown() {
        eventLoop.preconditionInEventLoop()
        if failure == nil { failure = .stopped }
        alarm?.cancel()
        for socket in sockets.values { socket.close(promise: nil) }
        sockets = [:]
        for answer in requests.values { answer(.failure(.stopped)) }
        requests = [:]
        dropWaiting()
        for listener in listeners.values { listener.continuation.finish() }
        listeners = [:]
        publisher.finish()
        checker.finish()
    }

    // MARK: Sockets

    func opened(_ socket: any Channel, to node: NodeID?) -> ConnectionID {
        eventLoop.preconditionInEventLoop()
        let id = ConnectionID(nextConnection)
        nextConnection += 1
        sockets[id] = socket
        enqueue(.connected(id, to: node, from: node == nil ? socket.remoteAddress.flatMap(AddressGroup.init) : nil))
        return id
    }

    /// The other side of a socket does not read what we send, or reads again.
    func congested(_ id: ConnectionID, _ isCongested: Bool) { enqueue(.congested(id, isCongested)) }

    func closed(_ id: ConnectionID) {
        sockets[id] = nil
        enqueue(.disconnected(id))
    }

    /// Writes a record of the driver's own, that the core knows nothing of.
    func commit(_ write: StoreWrite) async throws {
        let outcome: StoreThread.Outcome? = await withCheckedContinuation { continuation in
            // The store is closed only after nothing more is taken.
            let isTaken = isStopping.withLock { isStopping in
                if !isStopping { store.commit([write], on: eventLoop) { continuation.resume(returning: $0) } }
                return !isStopping
            }
            if !isTaken { continuation.resume(returning: nil) }
        }
        guard let outcome else { throw NodeRefusal.stopped }
        if case .failure(let failure) = outcome { throw failure }
    }

    /// Stores where a node can be called.
    func commit(_ change: PeerAddresses.Change) async throws {
        try await commit(change.write)
        onLoop { self.enqueue(.addresses([change.node: change.descriptors])) }
    }

    // MARK: Callers

    func command(_ command: NodeCommand) async throws(NodeRefusal) -> NodeResponse {
        let result: Result<NodeResponse, NodeRefusal> = await withCheckedContinuation { continuation in
            let isTaken = onLoop {
                if let failure = self.failure { return continuation.resume(returning: .failure(failure)) }
                let request = self.nextRequest
                self.nextRequest += 1
                self.requests[request] = { continuation.resume(returning: $0) }
                self.enqueue(.command(request, command))
            }
            if !isTaken { continuation.resume(returning: .failure(.stopped)) }
        }
        return try result.get()
    }

    /// All events from now on, or those that are wanted, until the node is stopped. A listener that does not keep up loses the oldest.
    func events(
        buffering: AsyncStream<NodeEvent>.Continuation.BufferingPolicy = .bufferingNewest(10_000),
        where wants: @escaping @Sendable (NodeEvent) -> Bool = { _ in true }
    ) -> AsyncStream<NodeEvent> {
        let (stream, continuation) = AsyncStream<NodeEvent>.makeStream(bufferingPolicy: buffering)
        let isTaken = onLoop {
            let id = self.nextListener
            self.nextListener += 1
            self.listeners[id] = (wants, continuation)
            continuation.onTermination = { _ in self.onLoop { self.listeners[id] = nil } }
        }
        if !isTaken { continuation.finish() }
        return stream
    }
}

/// Carries bytes between a socket and the driver.
final class PeerSocketHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Above any burst of a channel (483 HTLCs are 700 kB): two nodes that both have much to say still read each other.
    static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 4 << 20, high: 8 << 20)

    private let driver: NodeDriver
    private let node: NodeID?
    private let opened: EventLoopPromise<ConnectionID>?
    private var id: ConnectionID?

    /// - Parameter opened: to be told the connection's number.
    init(driver: NodeDriver, node: NodeID?, opened: EventLoopPromise<ConnectionID>? = nil) {
        self.driver = driver
        self.node = node
        self.opened = opened
    }

    func channelActive(context: ChannelHandlerContext) {
        let id = driver.opened(context.channel, to: node)
        self.id = id
        opened?.succeed(id)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let id else { return }
        driver.received(id, Array(unwrapInboundIn(data).readableBytesView))
    }

    /// A peer that does not read what we send is not read from either.
    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if let id { driver.congested(id, !context.channel.isWritable) }
        context.channel.setOption(.autoRead, value: context.channel.isWritable && !driver.isReadingPaused).whenFailure { _ in }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let id { driver.closed(id) }
        id = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

extension AddressGroup {
    /// The IPv4 address, or the first 64 bits of the IPv6 address, that somebody calls from.
    fileprivate init?(_ address: SocketAddress) {
        // sockaddr_in: family, port, address; sockaddr_in6: family, port, flow, address.
        let bytes = address.withSockAddr { pointer, size in Array(UnsafeRawBufferPointer(start: pointer, count: size)) }
        switch address {
        case .v4 where bytes.count >= 8: self.init(Array(bytes[4..<8]))
        case .v6 where bytes.count >= 24:
            let host = bytes[8..<24]
            // ::ffff:a.b.c.d is an IPv4 address.
            let isMapped = host.prefix(10).allSatisfy { $0 == 0 } && host[18] == 0xff && host[19] == 0xff
            self.init(Array(isMapped ? host.suffix(4) : host.prefix(8)))
        default: return nil
        }
    }
}
