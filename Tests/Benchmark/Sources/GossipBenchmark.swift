import BitcoinPrimitives
import CryptoPrimitives
import Dispatch
import Foundation
import LightningRouting
import LightningWire

/// The whole graph as signed gossip: checking it, keeping it, and loading it again.
enum GossipBenchmark {
    private static let chain = Network.mainnet.chainHash
    private static let now = RoutingBenchmark.now

    /// Resident memory of this process in bytes.
    private static var resident: Int {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
        return (Int(text.split(separator: " ")[1]) ?? 0) * 4096
    }

    private static func key(_ number: Int) -> SecretKey { SecretKey(Hash.tagged("gossip benchmark", Array("\(number)".utf8)))! }

    /// Signs the gossip of a graph on all cores: announcements and updates, in the order of channels.
    private static func sign(_ graph: NetworkGraph) -> [[[UInt8]]] {
        let channels = graph.allChannels
        let numbers = Dictionary(uniqueKeysWithValues: graph.nodeKeys.enumerated().map { ($0.element, $0.offset) })
        let bitcoin = key(1_000_000).publicKey()
        let bitcoinKey = key(1_000_000)
        let boxes = (0..<numbers.count).map { NodeBox(key($0)) }
        nonisolated(unsafe) var result = [[[UInt8]]](repeating: [], count: channels.count)
        let bitcoinBox = NodeBox(bitcoinKey.copy())
        result.withUnsafeMutableBufferPointer { buffer in
            nonisolated(unsafe) let buffer = buffer
            DispatchQueue.concurrentPerform(iterations: 64) { slice in
                for index in stride(from: slice, to: channels.count, by: 64) {
                    let channel = channels[index]
                    let (a, b) = (boxes[numbers[channel.node1]!], boxes[numbers[channel.node2]!])
                    guard a.id != b.id else { continue }
                    let (one, two) = a.id < b.id ? (a, b) : (b, a)
                    var body = ChannelAnnouncement(
                        chainHash: chain, shortChannelID: channel.shortChannelID, (one.id, bitcoin), (two.id, bitcoin))
                    let hash = ChannelAnnouncement.signatureHash(wire: LightningMessage.channelAnnouncement(body).encoded)
                    body.nodeSignature1 = WireSignature(one.key.sign(hash))
                    body.nodeSignature2 = WireSignature(two.key.sign(hash))
                    body.bitcoinSignature1 = WireSignature(bitcoinBox.key.sign(hash))
                    body.bitcoinSignature2 = body.bitcoinSignature1
                    var messages = [LightningMessage.channelAnnouncement(body).encoded]
                    for (node, policy) in [(a, channel.policy1), (b, channel.policy2)] {
                        guard let policy else { continue }
                        var update = ChannelUpdate(
                            chainHash: chain, shortChannelID: channel.shortChannelID, timestamp: (now - .seconds(10)).headerTime,
                            direction: node.id == one.id ? 0 : 1, isDisabled: policy.isDisabled, dontForward: false,
                            cltvExpiryDelta: policy.cltvExpiryDelta, htlcMinimum: MilliSatoshi(policy.htlcMinimum),
                            feeBase: policy.feeBase, feeProportionalMillionths: policy.feeProportionalMillionths,
                            htlcMaximum: MilliSatoshi(policy.htlcMaximum))
                        update.signature = WireSignature(
                            node.key.sign(ChannelUpdate.signatureHash(wire: LightningMessage.channelUpdate(update).encoded)))
                        messages.append(LightningMessage.channelUpdate(update).encoded)
                    }
                    buffer[index] = messages
                }
            }
        }
        return result
    }

    private final class NodeBox: Sendable {
        let key: SecretKey
        let id: NodeID
        init(_ key: consuming SecretKey) {
            id = key.publicKey()
            self.key = key
        }
    }

    /// Checks under way on all cores.
    private final class Batch: @unchecked Sendable {
        let checks: [GossipCheck]
        private(set) var verdicts: [GossipVerdict]
        private let group = DispatchGroup()

        init(_ checks: [GossipCheck], cores: Int) {
            self.checks = checks
            verdicts = [GossipVerdict](repeating: .undecided, count: checks.count)
            DispatchQueue.global().async(group: group) { self.check(slices: 64 * cores) }
        }

        func wait() { group.wait() }

        private func check(slices: Int) {
            verdicts.withUnsafeMutableBufferPointer { buffer in
                nonisolated(unsafe) let buffer = buffer
                DispatchQueue.concurrentPerform(iterations: slices) { slice in
                    for index in stride(from: slice, to: checks.count, by: slices) {
                        let check = checks[index]
                        buffer[index] = check.verdict { id in
                            var bytes = [UInt8](repeating: 0, count: 32)
                            withUnsafeBytes(of: id.value) { bytes.replaceSubrange(0..<8, with: $0) }
                            return .unspent(
                                OutPoint(TransactionID(Bytes32(bytes)!), 0), TransactionOutput(Satoshi(1_000_000), check.funding!.script))
                        }
                    }
                }
            }
        }
    }

    static func run(_ path: String) throws {
        var messages: [[[UInt8]]] = []
        do {
            let graph = try RoutingBenchmark.load(path)
            messages = sign(graph)
        }
        let announcements = messages.count { !$0.isEmpty }
        let updates = messages.reduce(0) { $0 + max(0, $1.count - 1) }
        let signatures = 4 * announcements + updates
        // What bare verification of as many signatures would take, each of a message of its own.
        let samples = (0..<2000).map { number in
            let hash = Hash.sha256(Array("\(number)".utf8))
            return (hash, key(7).sign(hash))
        }
        let point = key(7).publicKey()
        let cores = ProcessInfo.processInfo.activeProcessorCount
        // On all cores at once, as the import: two that share their units are not twice as fast as one.
        let bareStart = Date()
        DispatchQueue.concurrentPerform(iterations: 64) { slice in
            for round in 0..<16 {
                for index in stride(from: (slice + round) % 64, to: samples.count, by: 64) {
                    precondition(samples[index].1.verify(samples[index].0, key: point))
                }
            }
        }
        let bare = Date().timeIntervalSince(bareStart) * Double(cores) / Double(16 * samples.count)

        // As a node takes it: checks on all cores, verdicts on one thread.
        var policy = GossipPolicy()
        policy.maxChecks = .max
        policy.maxAllChecks = .max
        var gossip = Gossip(chainHash: chain, policy: policy)
        gossip.connected(1, features: FeatureBits(optional: [.gossipQueries]), now: now, height: 1_000_000)
        var records: [(key: [UInt8], record: [UInt8])] = []
        let started = Date()
        var nodeTime = 0.0
        // As in a node, whose thread takes the next messages while all cores check the last ones.
        var pending: Batch?
        func finish() {
            guard let batch = pending else { return }
            batch.wait()
            nodeTime +=
                measure {
                    for (check, verdict) in zip(batch.checks, batch.verdicts) {
                        gossip.decided(check.number, verdict, now: now, height: 1_000_000)
                    }
                }.cpu
        }
        func take(_ wires: [[UInt8]]) throws {
            var checks: [GossipCheck] = []
            nodeTime += try measure {
                for wire in wires { gossip.receive(try LightningMessage(wire), wire: wire, from: 1, now: now, height: 1_000_000) }
                for effect in gossip.takeEffects() {
                    switch effect {
                    case .check(let check): checks.append(check)
                    case .write(let key, let record?): records.append((key, record))
                    default: break
                    }
                }
            }.cpu
            let next = Batch(checks, cores: cores)
            finish()
            pending = next
        }
        let slices = stride(from: 0, to: messages.count, by: 4000).map { messages[$0..<min(messages.count, $0 + 4000)] }
        for (index, slice) in slices.enumerated() {
            try take(slice.compactMap(\.first))
            // Updates of the slice before: their channels are known by now.
            if index > 0 { try take(slices[index - 1].flatMap { $0.dropFirst() }) }
        }
        if let last = slices.last { try take(last.flatMap { $0.dropFirst() }) }
        finish()
        pending = nil
        // What the last verdicts wrote.
        try take([])
        let wall = Date().timeIntervalSince(started)
        let ideal = bare * Double(signatures) / Double(cores)
        line(
            "import of \(gossip.graph.channelCount) channels, \(signatures) signatures",
            String(
                format: "%.2f s on %d cores: %.0f %% of bare verification (%.1f µs each); the node's thread %.2f s", wall, cores,
                100 * ideal / wall, bare * 1e6, nodeTime))
        messages = []
        records.sort { $0.key.lexicographicallyPrecedes($1.key) }
        let expected = gossip.graph.channelCount
        gossip = Gossip(chainHash: chain, policy: policy)
        var loaded = Gossip(chainHash: chain, policy: policy)
        let before = resident
        let loading = try measure { loaded = try Gossip(chainHash: chain, policy: policy, records: records) }
        line(
            "loading it from records", String(format: "%.3f s, %.0f MB more memory", loading.cpu, Double(resident - before) / 1_048_576))
        precondition(loaded.graph.channelCount == expected)
    }
}
