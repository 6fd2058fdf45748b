import LightningChannel
import LightningCore
import LightningTransactions
import LightningWire
import NIOCore
import NIOPosix
import Synchronization

/// Calls other nodes.
final class PeerConnector: Sendable {
    private let driver: NodeDriver
    /// Calls under way: who else wants the same waits for them.
    private let calls = Mutex<[NodeAddress: Task<Bool, any Error>]>([:])

    init(driver: NodeDriver) { self.driver = driver }

    /// Opens a socket and waits until both sides have said `init`.
    ///
    /// - Returns: whether the node answered there: the address is proven good then. Not where it was connected already.
    @discardableResult
    func connect(_ address: NodeAddress) async throws -> Bool {
        let (own, isConnected) = try await driver.read { ($0.nodeID, $0.isConnected(address.nodeID)) }
        if address.nodeID == own { throw NodeFailure.cannotConnect(address.place, why: "that id is this node's own") }
        if isConnected { return false }
        let call = calls.withLock { calls in
            if let call = calls[address] { return call }
            let call = Task { try await self.call(address) }
            calls[address] = call
            return call
        }
        defer { calls.withLock { if $0[address] == call { $0[address] = nil } } }
        return try await call.value
    }

    private func call(_ address: NodeAddress) async throws -> Bool {
        // Before the socket opens, so that nothing is missed.
        let events = driver.events()
        let (driver, node) = (driver, address.nodeID)
        let opened = driver.eventLoop.makePromise(of: ConnectionID.self)
        let socket: any Channel
        do {
            socket = try await ClientBootstrap(group: driver.eventLoop)
                .connectTimeout(.seconds(5))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.maxMessagesPerRead, value: 16)
                .channelOption(.writeBufferWaterMark, value: PeerSocketHandler.waterMark)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(PeerSocketHandler(driver: driver, node: node, opened: opened))
                    }
                }
                .connect(host: address.host, port: address.port).get()
        } catch {
            opened.fail(error)
            throw NodeFailure.cannotConnect(address.place, why: Self.describe(error))
        }
        let id = try await opened.futureResult.get()
        // Not a task of the event loop: the node may stop, and the loop with it, before this call has noticed.
        let timer = Task {
            try await Task.sleep(for: .seconds(10))
            socket.close(promise: nil)
        }
        defer { timer.cancel() }
        var why = "it is not the node \(node), it refuses us, or it did not answer in time"
        for await event in events {
            switch event {
            case .connectionReady(id, _): return true
            // Another call, of theirs or ours, was faster.
            case .connectionReady(_, node): return false
            case .connectionEnded(id, _, let reason): why = reason
            case .connectionLost(id):
                // The call that is kept in the place of this one may not have come so far yet.
                for _ in 0..<20 {
                    if try await driver.read({ $0.isConnected(node) }) { return false }
                    guard try await driver.read({ $0.isConnecting(node) }) else { break }
                    try? await Task.sleep(for: .milliseconds(100))
                }
                throw NodeFailure.cannotConnect(address.place, why: why)
            default: break
            }
        }
        throw NodeFailure.cannotConnect(address.place, why: "this node is stopping")
    }

    private static func describe(_ error: any Error) -> String {
        switch error {
        case let failure as NIOConnectionError where failure.dnsAError != nil && failure.dnsAAAAError != nil: "no such host is known"
        case let failure as NIOConnectionError where failure.connectionErrors.isEmpty: "no such host is known"
        case ChannelError.connectTimeout: "nobody answers there"
        default: "nobody answers there"
        }
    }
}

/// Calls the peers of our channels, and our watchtowers, again whenever they are away.
///
/// Each on its own, so that a silent one holds up nobody; less and less often while it does not help, so that a peer with which every
/// connection breaks is not stormed; and not all at the same time.
struct Reconnector {
    let driver: NodeDriver
    let addresses: PeerAddresses
    let connector: PeerConnector

    func run() async {
        let schedule = CallSchedule()
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let peers = try? await driver.read { core in
                    Set(core.channels.values.filter { !$0.isClosed && $0.close == nil }.map(\.parameters.remoteNodeID))
                        .union(core.watchtowers.map(\.nodeID))
                        .map { (node: $0, isConnected: core.isConnected($0), announced: core.announcedAddresses(of: $0)) }
                }
                for peer in peers ?? [] {
                    let places = places(of: peer.node, announced: peer.announced)
                    guard schedule.isDue(peer.node, isConnected: peer.isConnected, places: places, now: .now) else { continue }
                    group.addTask {
                        await call(places)
                        schedule.ended(peer.node)
                    }
                }
                try? await Task.sleep(for: .milliseconds(500))
            }
        }
    }

    /// Where a node may be, the best first.
    private func places(of node: NodeID, announced: [UInt8]) -> [NodeAddress] {
        var places = addresses[node]
        for place in AddressDescriptors.decode(announced) {
            let address = NodeAddress(nodeID: node, host: place.host, port: place.port)
            if !places.contains(address) { places.append(address) }
        }
        return Array(places.prefix(8))
    }

    /// Tries one place after another.
    private func call(_ places: [NodeAddress]) async {
        for address in places where !Task.isCancelled {
            guard let isProven = try? await connector.connect(address) else { continue }
            if isProven, let change = addresses.proven(address) { try? await driver.commit(change) }
            return
        }
    }
}

/// When which peer is called again.
final class CallSchedule: Sendable {
    /// How one peer fares.
    private struct Attempts {
        /// Calls since the last connection that held.
        var count = 0
        var next: ContinuousClock.Instant
        var connectedSince: ContinuousClock.Instant?
        var isCalling = false
        /// Where it was to be found at the last call: a new place is tried at once.
        var places: [NodeAddress] = []
    }

    private let attempts = Mutex<[NodeID: Attempts]>([:])

    /// Milliseconds from the first call to the second; then twice as many each time, up to the last.
    private static let firstDelay = 1000
    private static let lastDelay = 300_000
    /// A connection that lasts as long was a good one.
    private static let goodConnection = Duration.seconds(60)

    /// From one call to the next, between a half and one and a half of what its number says.
    private static func delay(after count: Int) -> Duration {
        let delay = min(lastDelay, firstDelay << min(count, 20))
        return .milliseconds(Int.random(in: delay / 2...delay + delay / 2))
    }

    /// Whether a peer is to be called now; it counts as being called then, until `ended`.
    func isDue(_ node: NodeID, isConnected: Bool, places: [NodeAddress], now: ContinuousClock.Instant) -> Bool {
        attempts.withLock { all in
            var entry = all[node] ?? Attempts(next: now)
            defer { all[node] = entry }
            if isConnected {
                entry.connectedSince = entry.connectedSince ?? now
                if now - entry.connectedSince! >= Self.goodConnection { entry.count = 0 }
                return false
            }
            if entry.connectedSince != nil {
                entry.connectedSince = nil
                // A connection that breaks soon, again and again, is no reason to storm the peer.
                entry.next = entry.count == 0 ? now : now + Self.delay(after: entry.count - 1)
            }
            let isNew = places.contains { !entry.places.contains($0) }
            guard !entry.isCalling, !places.isEmpty, now >= entry.next || isNew else { return false }
            entry.places = places
            entry.isCalling = true
            entry.next = now + Self.delay(after: entry.count)
            entry.count += 1
            return true
        }
    }

    /// The call is over, with or without a connection.
    func ended(_ node: NodeID) { attempts.withLock { $0[node]?.isCalling = false } }
}

/// Keeps where peers say that they can be called.
struct AddressKeeper {
    let driver: NodeDriver
    let addresses: PeerAddresses

    func run() async {
        for await event in driver.events() {
            guard case .peerAddresses(let node, let descriptors) = event else { continue }
            let told = AddressDescriptors.decode(descriptors).map { NodeAddress(nodeID: node, host: $0.host, port: $0.port) }
            if let change = addresses.told(node, told) { try? await driver.commit(change) }
        }
    }
}
