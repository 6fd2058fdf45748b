// What the implementation costs, in CPU time of this thread and beside what the cryptography alone costs in the same run.
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningChannel
import LightningCore
import LightningInvoice
import LightningOnion
import LightningPayment
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

// MARK: The units: what a payment needs at the least.

let key = SecretKey(Hash.sha256([1]))!
let publicKey = key.publicKey()
let message = Hash.sha256([2])
let signature = key.sign(message)
let sign = measure { for _ in 0..<2000 { _ = key.sign(message) } }.cpu / 2000
let verify = measure { for _ in 0..<2000 { _ = signature.verify(message, key: publicKey) } }.cpu / 2000
let ecdh = measure { for _ in 0..<2000 { _ = key.sharedSecret(with: publicKey) } }.cpu / 2000
let create = measure { for _ in 0..<2000 { _ = key.publicKey() } }.cpu / 2000
line("ECDSA sign / verify, ECDH, public key", String(format: "%.1f / %.1f, %.1f, %.1f µs", sign * 1e6, verify * 1e6, ecdh * 1e6, create * 1e6))

// MARK: Rounds in memory: two whole nodes, transport and onions included, no socket and no disk.

print("\nin memory, both nodes on one thread (transport, onions, commitments, records; no socket, no disk)")
for k in [1, 10, 50, 483] {
    let rounds = max(2, min(200, 2000 / k))
    var world = SimulatedWorld(seed: 42, names: ["alice", "bob"])
    world.checkInterval = .max
    try world.fund(0)
    world.join(0, 1)
    try world.run(limit: 1000)
    try world.command(0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(4_000_000_000), push: .zero, feeRate: nil))
    try world.run(limit: 1000)
    try world.mine(3)
    try world.run(limit: 1000)
    var invoices: [Invoice] = []
    for _ in 0..<rounds * k {
        if case .invoice(let record)? = try world.ask(1, .createInvoice(amount: MilliSatoshi(1_000_000), .text(""), expiry: 86_400)) {
            invoices.append(record.invoice)
        }
    }
    let before = world.nodes[1].core!.channels.values.first!.commitments.toLocal
    let time = try measure {
        for round in 0..<rounds {
            try world.commands(0, invoices[round * k..<(round + 1) * k].map { .pay($0, amount: nil) })
            try world.run(limit: 5000)
        }
    }
    let paid = Int((world.nodes[1].core!.channels.values.first!.commitments.toLocal - before).value / 1_000_000)
    precondition(paid == rounds * k, "every payment has arrived: \(paid) of \(rounds * k)")
    // The floor: the operations that BOLT demands of both nodes, at this machine's speed.
    let perPayment = 2 * sign + 2 * verify + 2 * ecdh + 3 * create
    let perRound = 4 * (sign + verify) + 4 * create + 16 * 1.25 * ecdh
    let floor = perPayment + perRound / Double(k)
    let actual = time.cpu / Double(paid)
    line(
        "k = \(k): payments per CPU second (of the floor)",
        perSecond(paid, time.cpu) + String(format: "   %3.0f %%", floor / actual * 100))
}

// MARK: Codec.

print("\ncodec")
let add = LightningMessage.updateAddHTLC(
    UpdateAddHTLC(
        channelID: ChannelID(message), id: 7, amount: MilliSatoshi(1000), paymentHash: PaymentHash(message), cltvExpiry: 500,
        onion: [UInt8](repeating: 7, count: 1366)))
let bytes = add.encoded
let encode = measure { for _ in 0..<20_000 { _ = add.encoded } }
line("update_add_htlc encode", perSecond(20_000, encode.cpu) + String(format: "   %.0f MB/s", Double(bytes.count) * 20_000 / encode.cpu / 1e6))
let decode = try measure { for _ in 0..<20_000 { _ = try LightningMessage(bytes) } }
line("update_add_htlc decode", perSecond(20_000, decode.cpu) + String(format: "   %.0f MB/s", Double(bytes.count) * 20_000 / decode.cpu / 1e6))
let onion = measure {
    for _ in 0..<500 {
        _ = OnionPacket.create(sessionKey: key, hops: [.init(nodeID: publicKey, payload: [UInt8](repeating: 1, count: 50))], associatedData: message.array)
    }
}
line("onion for one hop, create", perSecond(500, onion.cpu))
