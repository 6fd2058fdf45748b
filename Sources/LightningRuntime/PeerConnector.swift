import Foundation
import LightningChannel
import LightningCore
import LightningWire
import NIOCore
import NIOPosix
import Synchronization

/// Calls other nodes.
struct PeerConnector {
    let driver: NodeDriver

    /// Opens a socket and waits until both sides have said `init`.
    ///
    /// - Returns: whether that was needed: the address is proven good then.
    @discardableResult
    func connect(_ address: NodeAddress) async throws -> Bool {
        let (own, isConnected) = try await driver.read { ($0.nodeID, $0.isConnected(address.nodeID)) }
        if address.nodeID == own {
            throw NodeFailure.cannotConnect(address.place, why: "that id is this node's own")
        }
        if isConnected { return false }
        let driver = driver
        let events = driver.events()
        let socket: any Channel
        do {
            socket = try await ClientBootstrap(group: driver.eventLoop)
                .connectTimeout(.seconds(5))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.maxMessagesPerRead, value: 16)
                .channelOption(.writeBufferWaterMark, value: PeerSocketHandler.waterMark)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            PeerSocketHandler(driver: driver, node: address.nodeID))
                    }
                }
                .connect(host: address.host, port: address.port).get()
        } catch {
            throw NodeFailure.cannotConnect(address.place, why: "nobody answers there")
        }
        let succeeded = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await event in events {
                    if case .peerConnected(address.nodeID) = event { return true }
                }
                return false
            }
            group.addTask {
                // Not `closeFuture.get()`: waiting for that cannot be cancelled.
                while socket.isActive && !Task.isCancelled { try? await Task.sleep(for: .milliseconds(20)) }
                return false
            }
            group.addTask {
                try? await Task.sleep(for: .seconds(10))
                return false
            }
            let first = await group.next() ?? false
            group.cancelAll()
            if !first { socket.close(promise: nil) }
            return first
        }
        guard !succeeded else { return true }
        guard try await driver.read({ $0.isConnected(address.nodeID) }) else {
            throw NodeFailure.cannotConnect(
                address.place,
                why: "it is not the node \(address.nodeID), or it refuses us")
        }
        return true
    }
}

/// Where peers were last found; kept in the store.
final class PeerAddresses: Sendable {
    private let addresses: Mutex<[NodeID: NodeAddress]>

    init(_ contents: StoreContents) {
        var found: [NodeID: NodeAddress] = [:]
        for (key, record) in contents.tables[.meta] ?? [:] {
            let name = String(decoding: key, as: UTF8.self)
            guard name.hasPrefix("address/"),
                let address = NodeAddress("\(name.dropFirst(8))@\(String(decoding: record, as: UTF8.self))")
            else { continue }
            found[address.nodeID] = address
        }
        addresses = Mutex(found)
    }

    subscript(node: NodeID) -> NodeAddress? {
        get { addresses.withLock { $0[node] } }
        set { addresses.withLock { $0[node] = newValue } }
    }

    /// What the store has to keep of an address.
    static func write(_ address: NodeAddress) -> StoreWrite {
        .put(
            .meta, key: Array("address/\(address.nodeID)".utf8), record: Array(address.place.utf8))
    }
}

/// Calls the peers of our channels again whenever they are away.
struct Reconnector {
    let driver: NodeDriver
    let addresses: PeerAddresses

    func run() async {
        while !Task.isCancelled {
            let absent = try? await driver.read { core in
                Set(core.channels.values.filter { !$0.isClosed && $0.close == nil }.map(\.parameters.remoteNodeID))
                    .filter { !core.isConnected($0) }.sorted()
            }
            for node in absent ?? [] {
                if let address = addresses[node] { _ = try? await PeerConnector(driver: driver).connect(address) }
            }
            try? await Task.sleep(for: .seconds(2))
        }
    }
}
