import BitcoinLedger
// What the implementation costs, in CPU time of this thread and beside what the cryptography alone costs in the same run.
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import Lightning
import LightningChannel
import LightningCore
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningRouting
import LightningSimulation
import LightningWire

/// CPU seconds of this thread.
func cpuTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func measure(_ body: () throws -> Void) rethrows -> (cpu: Double, wall: Double) {
    let wall = Date()
    let cpu = cpuTime()
    try body()
    return (cpuTime() - cpu, Date().timeIntervalSince(wall))
}

func line(_ name: String, _ value: String) { print(name.padding(toLength: 52, withPad: " ", startingAt: 0) + value) }
func perSecond(_ count: Int, _ seconds: Double) -> String { String(format: "%10.0f /s", Double(count) / seconds) }

if CommandLine.arguments.dropFirst().first == "chain-connect" {
    try ChainBenchmark.connectOnly()
    exit(0)
}
// `lightning-benchmark chain` measures the layer 1 alone.
if CommandLine.arguments.dropFirst().first == "chain" {
    try await ChainBenchmark.run()
    exit(0)
}

// `lightning-benchmark blocks` measures blocks that hold nothing of ours, for a node with many channels.
if CommandLine.arguments.dropFirst().first == "blocks" {
    try BlocksBenchmark.run()
    exit(0)
}
// `lightning-benchmark history [COUNT]` starts nodes with a long history.
if CommandLine.arguments.dropFirst().first == "history" {
    try await HistoryBenchmark.run(CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) ?? 1_000_000 : 1_000_000)
    exit(0)
}
if CommandLine.arguments.count == 3, CommandLine.arguments[1] == "history-start" {
    try await HistoryBenchmark.startOnce(CommandLine.arguments[2])
    exit(0)
}
// `lightning-benchmark soak` lets HTLCs fail one after the other, and shows what is left of them.
if CommandLine.arguments.dropFirst().first == "soak" {
    try SoakBenchmark.run(CommandLine.arguments.count > 2 ? Int(CommandLine.arguments[2]) ?? 200_000 : 200_000)
    exit(0)
}

// `lightning-benchmark scenarios [TABLE]` measures scenarios, with a table also a flow over a real network.
if CommandLine.arguments.dropFirst().first == "scenarios" {
    try ScenarioBenchmark.run(CommandLine.arguments.count > 2 ? CommandLine.arguments[2] : nil)
    exit(0)
}

// `lightning-benchmark routes PATH` measures routes over a graph's table.
if CommandLine.arguments.count == 3, CommandLine.arguments[1] == "routes" {
    try RoutingBenchmark.run(CommandLine.arguments[2])
    try RoutingBenchmark.success(CommandLine.arguments[2])
    exit(0)
}

// `lightning-benchmark flows` answers lines of “<table> <from> <to> <msat>”: for Tests/Interop/flows.py.
if CommandLine.arguments.dropFirst().first == "flows" {
    while let request = readLine() {
        let words = request.split(separator: " ").map(String.init)
        var graph = try RoutingBenchmark.load(words[0])
        var (finder, estimates) = (RouteFinder(), LiquidityEstimates())
        let ends = words[1...2].map { GraphTable.key(UInt64($0)!) }
        let query = RouteQuery(
            from: ends[0], to: ends[1], amount: MilliSatoshi(UInt64(words[3])!), maxFee: MilliSatoshi(.max >> 1), finalCLTVDelta: 0,
            localChannels: nil, now: RoutingBenchmark.now)
        // Unbuffered: the other side waits for each answer.
        let answer = finder.cheapestFlow(query, &graph, &estimates).map { "\($0.cost)" } ?? "none"
        try FileHandle.standardOutput.write(contentsOf: Data((answer + "\n").utf8))
    }
    exit(0)
}
// `lightning-benchmark gossip PATH` measures the graph as signed gossip.
if CommandLine.arguments.count == 3, CommandLine.arguments[1] == "gossip" {
    try GossipBenchmark.run(CommandLine.arguments[2])
    exit(0)
}

// MARK: The units: what a payment needs at the least.

let key = SecretKey(Hash.sha256([1]))!
let publicKey = key.publicKey()
let message = Hash.sha256([2])
let signature = key.sign(message)
let sign = measure { for _ in 0..<2000 { _ = key.sign(message) } }.cpu / 2000
let verify = measure { for _ in 0..<2000 { _ = signature.verify(message, key: publicKey) } }.cpu / 2000
let ecdh = measure { for _ in 0..<2000 { _ = key.sharedSecret(with: publicKey) } }.cpu / 2000
let create = measure { for _ in 0..<2000 { _ = key.publicKey() } }.cpu / 2000
line(
    "ECDSA sign / verify, ECDH, public key",
    String(format: "%.1f / %.1f, %.1f, %.1f µs", sign * 1e6, verify * 1e6, ecdh * 1e6, create * 1e6))

let floor = RoundsBenchmark.Floor(sign: sign, verify: verify, ecdh: ecdh, create: create)

let arguments = CommandLine.arguments.dropFirst()
// `lightning-benchmark rounds` measures two nodes alone, `lightning-benchmark forwarding` three.
if arguments.first != "forwarding" { try RoundsBenchmark.run(floor) }
if arguments.first != "rounds" { try ForwardingBenchmark.run(floor) }
if ["rounds", "forwarding"].contains(arguments.first) { exit(0) }

// MARK: Codec.

print("\ncodec")
let add = LightningMessage.updateAddHTLC(
    UpdateAddHTLC(
        channelID: ChannelID(message), id: 7, amount: MilliSatoshi(1000), paymentHash: PaymentHash(message), cltvExpiry: 500,
        onion: [UInt8](repeating: 7, count: 1366)))
let bytes = add.encoded
var sink = 0
let encode = measure { for _ in 0..<20_000 { sink &+= add.encoded.count } }
line(
    "update_add_htlc encode",
    perSecond(20_000, encode.cpu) + String(format: "   %.0f MB/s", Double(bytes.count) * 20_000 / encode.cpu / 1e6))
let decode = try measure {
    for _ in 0..<20_000 {
        if case .updateAddHTLC(let body) = try LightningMessage(bytes) { sink &+= Int(body.onion[sink & 1023]) }
    }
}
line(
    "update_add_htlc decode",
    perSecond(20_000, decode.cpu) + String(format: "   %.0f MB/s", Double(bytes.count) * 20_000 / decode.cpu / 1e6))
precondition(sink > 0)
let onion = measure {
    for _ in 0..<500 {
        _ = OnionPacket.create(
            sessionKey: key, hops: [.init(nodeID: publicKey, payload: [UInt8](repeating: 1, count: 50))], associatedData: message.array)
    }
}
line("onion for one hop, create", perSecond(500, onion.cpu))

// MARK: Over TCP and SQLite, two nodes on two threads.

print("\nover TCP and SQLite (synchronous=FULL), wall time; CPU of the whole process")
let folder = FileManager.default.temporaryDirectory.appending(path: "benchmark-\(UUID().uuidString)")
defer { try? FileManager.default.removeItem(at: folder) }
let chain = try EmbeddedChain(path: nil)
var nodes: [LightningNode] = []
for name in ["alice", "bob"] {
    let wallet = WalletDirectory(folder.appending(path: name))
    _ = try wallet.create()
    nodes.append(try await LightningNode.start(wallet: wallet, chain: chain))
}
let (alice, bob) = (nodes[0], nodes[1])
try await chain.mine(101, paying: alice.newAddress().script)
for node in nodes { try await node.waitForBlock(101) }
let opening = Date()
let events = alice.events
try await alice.connect(bob.address!)
try await alice.openChannel(to: bob.nodeID, amount: Satoshi(4_000_000_000))
while await chain.mempoolIsEmpty { await Task.yield() }
try await chain.mine(3, paying: alice.newAddress().script)
for await event in events {
    if case .channelUsable = event { break }
}
try await alice.pay(try await bob.createInvoice(amount: MilliSatoshi(1_000_000)))
line("open to first payment (3 blocks mined at once)", String(format: "%10.1f ms", Date().timeIntervalSince(opening) * 1000))
for width in [1, 10, 50, 200] {
    let count = width == 1 ? 200 : 2000
    var invoices: [Invoice] = []
    for _ in 0..<count { invoices.append(try await bob.createInvoice(amount: MilliSatoshi(1_000_000))) }
    var before = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before)
    let start = Date()
    try await withThrowingTaskGroup(of: Void.self) { group in
        var next = 0
        while next < min(width, count) {
            let invoice = invoices[next]
            next += 1
            group.addTask { try await alice.pay(invoice) }
        }
        while try await group.next() != nil {
            guard next < count else { continue }
            let invoice = invoices[next]
            next += 1
            group.addTask { try await alice.pay(invoice) }
        }
    }
    let wall = Date().timeIntervalSince(start)
    var after = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after)
    let cpu = Double(after.tv_sec - before.tv_sec) + Double(after.tv_nsec - before.tv_nsec) / 1e9
    line("\(width) payments at once", perSecond(count, wall) + String(format: "   %.0f µs CPU each", cpu / Double(count) * 1e6))
}
for node in nodes { await node.stop() }

print("\nlayer 1")
try await ChainBenchmark.run()
