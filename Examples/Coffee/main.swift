// A café and a customer: an invoice with its QR code, a payment, and a receipt on both sides.
import Foundation
import Lightning

let folder = FileManager.default.temporaryDirectory.appending(path: "coffee-\(UUID().uuidString)")
defer { try? FileManager.default.removeItem(at: folder) }

// A layer 1 in memory, and a node for each of them.
let chain = try EmbeddedChain(path: nil)
func start(_ name: String) async throws -> LightningNode {
    let wallet = WalletDirectory(folder.appending(path: name))
    _ = try wallet.create()
    return try await LightningNode.start(wallet: wallet, chain: chain)
}
let café = try await start("café")
let customer = try await start("customer")

// The customer has a coin, and opens a channel.
try await chain.mine(101, paying: customer.newAddress().script)
try await customer.waitForBlock(101)
try await café.waitForBlock(101)
let opened = customer.events
try await customer.connect(café.address!)
try await customer.openChannel(to: café.nodeID, amount: Satoshi(200_000))
while await chain.mempoolIsEmpty { try await Task.sleep(for: .milliseconds(5)) }
try await chain.mine(3, paying: customer.newAddress().script)
for await event in opened {
    if case .channelUsable = event { break }
}

// The café: an invoice, and the code that stands on its screen.
let sales = café.events
let invoice = try await café.createInvoice(amount: MilliSatoshi(Satoshi(3500)), description: "a flat white")
print("lightning:\(invoice.text)")
if let code = QRCode("LIGHTNING:\(invoice.text.uppercased())") { print(code.terminalText) }

// The customer: what the code says is read, shown and paid.
let scanned = try Invoice(invoice.text)
print("customer: \(scanned.amount!) for \(scanned.descriptionText!)?")
let payment = try await customer.pay(scanned)
guard case .succeeded(let preimage, _) = payment.status else { fatalError("a payment that returns has succeeded") }
print("customer: paid, fee \(payment.fee); proof \(preimage)")

// The café: the money is irrevocably there.
for await event in sales {
    guard case .paymentReceived(let record, let amount) = event else { continue }
    print("receipt: \(amount) for \(record.invoice.descriptionText!)")
    // Who shows this preimage has paid this invoice.
    guard preimage.paymentHash == record.invoice.paymentHash else { fatalError("the proof fits the invoice") }
    break
}

await customer.stop()
await café.stop()
await chain.close()
