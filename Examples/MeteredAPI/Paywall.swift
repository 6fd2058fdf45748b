import Lightning

/// What a service asks for, and whether it was paid.
///
/// A ticket is known to the customer alone, and the preimage of its invoice to whoever was on the payment's way: only who has both may
/// pass, and only once.
actor Paywall {
    /// What is bought.
    struct Order: Hashable, Sendable {
        var path: String
        var price: MilliSatoshi
    }

    private let node: LightningNode
    /// What was asked for and not delivered yet, by ticket.
    private var open: [String: (order: Order, hash: PaymentHash)] = [:]
    /// The tickets of `open`, the oldest first: of those who never pay not all are kept.
    private var tickets: [String] = []

    init(node: LightningNode) { self.node = node }

    /// The challenge of an answer with status 402: a ticket, and the invoice that it takes.
    func challenge(for order: Order) async throws -> String {
        let invoice = try await node.createInvoice(amount: order.price, description: order.path, expiry: .seconds(600))
        let ticket = (0..<4).map { _ in String(UInt64.random(in: 0...UInt64.max), radix: 16) }.joined()
        open[ticket] = (order, invoice.paymentHash)
        tickets.append(ticket)
        if tickets.count > 1000 { open[tickets.removeFirst()] = nil }
        return "L402 token=\"\(ticket)\", invoice=\"\(invoice.text)\""
    }

    /// Takes `L402 <ticket>:<preimage>`, once.
    func redeem(_ authorization: String, for order: Order) -> Bool {
        let words = authorization.split(separator: " ")
        guard words.count == 2, words[0] == "L402" else { return false }
        let parts = words[1].split(separator: ":").map(String.init)
        guard parts.count == 2, let sold = open[parts[0]], sold.order == order, let preimage = PaymentPreimage(hex: parts[1]),
            preimage.paymentHash == sold.hash
        else { return false }
        open[parts[0]] = nil
        tickets.removeAll { $0 == parts[0] }
        return true
    }
}
