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

/// The shortest of several runs: what others do on the machine only ever makes one longer.
func unit(_ body: () -> Void) -> Double {
    (0..<8).map { _ in measure { for _ in 0..<300 { body() } }.cpu / 300 }.min()!
}
let sign = unit { _ = key.sign(message) }
let verify = unit { _ = signature.verify(message, key: publicKey) }
let ecdh = unit { _ = key.sharedSecret(with: publicKey) }
let create = unit { _ = key.publicKey() }
line(
    "ECDSA sign / verify, ECDH, public key",
    String(format: "%.1f / %.1f, %.1f, %.1f µs", sign * 1e6, verify * 1e6, ecdh * 1e6, create * 1e6))

let floor = RoundsBenchmark.Floor(sign: sign, verify: verify, ecdh: ecdh, create: create)

let arguments = CommandLine.arguments.dropFirst()
// `lightning-benchmark rounds [K…]` measures two nodes alone, `streams` their streams, `forwarding` three nodes, `runtime` two with sockets
// and databases.
switch arguments.first {
case "rounds":
    let sizes = arguments.dropFirst().compactMap(Int.init)
    try sizes.isEmpty ? RoundsBenchmark.run(floor) : RoundsBenchmark.run(floor, sizes: sizes)
    exit(0)
case "streams":
    try StreamBenchmark.run(floor)
    exit(0)
case "forwarding":
    try ForwardingBenchmark.run(floor)
    exit(0)
case "runtime":
    let widths = arguments.dropFirst().compactMap(Int.init)
    try await widths.isEmpty ? RuntimeBenchmark.run(floor) : RuntimeBenchmark.run(floor, widths: widths)
    exit(0)
default:
    try RoundsBenchmark.run(floor)
    try StreamBenchmark.run(floor)
    try ForwardingBenchmark.run(floor)
}

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

try await RuntimeBenchmark.run(floor)

print("\nlayer 1")
try await ChainBenchmark.run()
