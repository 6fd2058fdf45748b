// Ten small payments without invoices, seen by the receiver as an AsyncSequence of events.
import Foundation
import Lightning

let folder = FileManager.default.temporaryDirectory.appending(path: "event-stream-\(UUID().uuidString)")
defer { try? FileManager.default.removeItem(at: folder) }

let chain = try EmbeddedChain(path: nil)
var nodes: [LightningNode] = []
for name in ["reader", "writer"] {
    let wallet = WalletDirectory(folder.appending(path: name))
    _ = try wallet.create()
    nodes.append(try await LightningNode.start(wallet: wallet, chain: chain))
}
let (reader, writer) = (nodes[0], nodes[1])

try await chain.mine(101, paying: reader.newAddress().script)
for node in nodes { try await node.waitForBlock(101) }
try await reader.connect(writer.address!)
let channel = try await reader.openChannel(to: writer.nodeID, amount: Satoshi(200_000))
while await chain.mempoolIsEmpty { try await Task.sleep(for: .milliseconds(5)) }
try await chain.mine(3, paying: reader.newAddress().script)
try await reader.waitUntilUsable(channel)

let received = writer.events
for page in 1...10 { try await reader.keysend(writer.nodeID, amount: MilliSatoshi(UInt64(page) * 1500)) }
var total = MilliSatoshi.zero
var pages = 0
for await event in received {
    guard case .paymentReceived(_, let amount) = event else { continue }
    total += amount
    pages += 1
    if pages == 10 { break }
}
print("\(pages) pages read for \(total)")

for node in nodes { await node.stop() }
await chain.close()
