// A podcast that is paid by the second: a stream to two recipients by their shares, a boost in the middle, and what each of them got.
import Foundation
import Lightning

let folder = FileManager.default.temporaryDirectory.appending(path: "podcast-\(UUID().uuidString)")
defer { try? FileManager.default.removeItem(at: folder) }

let chain = try EmbeddedChain(path: nil)
var nodes: [LightningNode] = []
for name in ["listener", "show", "host"] {
    let wallet = WalletDirectory(folder.appending(path: name))
    _ = try wallet.create()
    nodes.append(try await LightningNode.start(wallet: wallet, chain: chain))
}
let (listener, show, host) = (nodes[0], nodes[1], nodes[2])

// The listener has a channel with each of them.
try await chain.mine(102, paying: listener.newAddress().script)
for node in nodes { try await node.waitForBlock(102) }
for node in [show, host] {
    try await listener.connect(node.address!)
    let channel = try await listener.openChannel(to: node.nodeID, amount: Satoshi(500_000))
    while await chain.mempoolIsEmpty { try await Task.sleep(for: .milliseconds(5)) }
    try await chain.mine(3, paying: listener.newAddress().script)
    try await listener.waitUntilUsable(channel)
}

// Shares as in a podcast's "value" block: of what listeners pay the show gets ninety parts and its host ten.
var terms = StreamTerms(
    rate: .perSecond(MilliSatoshi(Satoshi(10))), to: [.init(show.nodeID, weight: 90), .init(host.nodeID, weight: 10)])
terms.duration = .seconds(3)
terms.budget = MilliSatoshi(Satoshi(1000))
let stream = try await listener.startStream(terms)
let receipts = try await listener.receipts(of: stream.id)
try await listener.stream(stream.id, .add(MilliSatoshi(Satoshi(500))))
for await receipt in receipts {
    let name = receipt.recipient == show.nodeID ? "show" : "host"
    print("\(name) got \(receipt.amount)\(receipt.failure.map { ", not: \($0)" } ?? "")")
}
guard let end = try await listener.stream(stream.id) else { fatalError("a stream that is over is kept") }
print("streamed \(end.paid) in \(end.succeeded) payments, fee \(end.fees)")

// What recipients see: one row each, which counts a payment as soon as nobody can take it back.
for (index, (name, node)) in [("show", show), ("host", host)].enumerated() {
    var incoming = try await node.incomingStreams()
    while incoming.first?.received != end.paid(to: index) {
        try await Task.sleep(for: .milliseconds(5))
        incoming = try await node.incomingStreams()
    }
    print("\(name): \(incoming[0].received) in \(incoming[0].payments) payments")
}

for node in nodes { await node.stop() }
await chain.close()
