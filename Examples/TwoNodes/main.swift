// Two nodes, a channel and a payment, on a layer 1 in memory.
import Foundation
import Lightning

let folder = FileManager.default.temporaryDirectory.appending(path: "two-nodes-\(UUID().uuidString)")
defer { try? FileManager.default.removeItem(at: folder) }

let chain = try EmbeddedChain(path: nil)

func start(_ name: String) async throws -> LightningNode {
    let wallet = WalletDirectory(folder.appending(path: name))
    _ = try wallet.create()
    return try await LightningNode.start(wallet: wallet, chain: chain)
}

let alice = try await start("alice")
let bob = try await start("bob")

// Alice mines a coin, and a hundred blocks make it spendable.
try await chain.mine(101, paying: alice.newAddress().script)
let height = await chain.tip().height
try await alice.waitForBlock(height)
try await bob.waitForBlock(height)

try await alice.connect(bob.address!)
let channel = try await alice.openChannel(to: bob.nodeID, amount: Satoshi(1_000_000))
while await chain.mempoolIsEmpty { try await Task.sleep(for: .milliseconds(5)) }
try await chain.mine(3, paying: alice.newAddress().script)
try await alice.waitUntilUsable(channel)

let invoice = try await bob.createInvoice(amount: MilliSatoshi(Satoshi(1000)), description: "coffee")
let payment = try await alice.pay(invoice)
print("paid \(payment.amount) for \(invoice.descriptionText ?? "nothing")")

await alice.stop()
await bob.stop()
await chain.close()
