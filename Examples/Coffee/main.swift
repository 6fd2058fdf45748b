// A café and a customer: an invoice with its QR code, a payment, and a receipt on both sides.
import Foundation
import Lightning
import LightningTesting

// A layer 1 in memory, a node for each of them, and a channel in which the customer has money.
let network = try await TestNetwork(["customer", "café"], channels: 200_000.sat)
let (customer, café) = (try await network.node("customer"), try await network.node("café"))

// The café: an invoice, and the code that stands on its screen.
let sales = café.events
let invoice = try await café.createInvoice(amount: MilliSatoshi(3_500.sat), description: "a flat white")
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

await network.stop()
