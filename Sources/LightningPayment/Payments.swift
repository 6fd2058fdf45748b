public import BitcoinPrimitives
public import CryptoPrimitives
public import LightningInvoice
import LightningOnion
public import LightningWire

/// Why a payment is not even tried; nothing has changed.
public enum PaymentRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case expired
    case wrongNetwork(Network)
    case alreadyPaid
    case inProgress
    case amountMissing
    /// Another amount than the invoice's; BOLT 4 allows up to twice as much.
    case wrongAmount(MilliSatoshi)
    case ownInvoice
    /// The payee is not a peer with whom we have a channel.
    case noRoute

    public var description: String {
        switch self {
        case .expired: "the invoice has expired: ask for a new one"
        case .wrongNetwork(let network): "the invoice is for \(network.rawValue)"
        case .alreadyPaid: "the invoice is paid already"
        case .inProgress: "a payment of this invoice is under way"
        case .amountMissing: "the invoice names no amount: say how much to pay"
        case .wrongAmount(let amount): "the invoice asks for \(amount)"
        case .ownInvoice: "that would pay this node itself"
        case .noRoute: "no channel leads to the payee: open one to it first"
        }
    }
}

/// What to do with an incoming HTLC.
public enum IncomingDecision: Hashable, Sendable {
    case fulfill(PaymentPreimage)
    case fail(reason: [UInt8])
    case malformed(onionHash: Bytes32, code: UInt16)
}

/// The node's invoices and payments as a value.
public struct Payments: Sendable {
    public private(set) var invoices: [PaymentHash: InvoiceRecord] = [:]
    public private(set) var outgoing: [PaymentHash: OutgoingPayment] = [:]
    private var changedInvoices: Set<PaymentHash> = []
    private var changedPayments: Set<PaymentHash> = []

    /// Blocks that the last HTLC must have left: what our invoices ask for.
    public static let minFinalCLTVExpiryDelta: UInt32 = 144

    public init() {}

    public init(invoices: [[UInt8]], payments: [[UInt8]]) throws(DecodingError) {
        for record in invoices {
            let invoice = try InvoiceRecord(record: record)
            self.invoices[invoice.invoice.paymentHash] = invoice
        }
        for record in payments {
            let payment = try OutgoingPayment(record: record)
            outgoing[payment.paymentHash] = payment
        }
    }

    /// The records that changed since the last call, by payment hash.
    public mutating func takeWrites() -> (
        invoices: [(key: [UInt8], record: [UInt8])], payments: [(key: [UInt8], record: [UInt8])]
    ) {
        let result = (
            changedInvoices.sorted().map { ($0.bytes.array, invoices[$0]!.encoded()) },
            changedPayments.sorted().map { ($0.bytes.array, outgoing[$0]!.encoded()) }
        )
        changedInvoices = []
        changedPayments = []
        return result
    }

    // MARK: Receiving

    public mutating func add(_ record: InvoiceRecord) {
        invoices[record.invoice.paymentHash] = record
        changedInvoices.insert(record.invoice.paymentHash)
    }

    /// Judges an HTLC that is irrevocably committed. Fulfilling marks its invoice as paid.
    ///
    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - height: of the active chain.
    public mutating func receive(
        amount: MilliSatoshi, paymentHash: PaymentHash, cltvExpiry: UInt32, onion: [UInt8], now: UInt64, height: Int,
        network: Network, nodeSecret: borrowing SecretKey
    ) -> (decision: IncomingDecision, received: InvoiceRecord?) {
        let peeled: OnionPacket.Peeled
        do throws(OnionRefusal) {
            peeled = try OnionPacket.peel(onion, nodeSecret: nodeSecret, associatedData: paymentHash.bytes.array)
        } catch {
            return (.malformed(onionHash: Hash.sha256(onion), code: error.failureCode), nil)
        }
        func fail(_ message: FailureMessage) -> (IncomingDecision, InvoiceRecord?) {
            (.fail(reason: FailurePacket.create(message, sharedSecret: peeled.sharedSecret)), nil)
        }
        let payload: HopPayload
        do throws(FailureMessage) { payload = try HopPayload(peeled.payload) } catch { return fail(error) }
        // This node does not forward yet: nobody is behind it.
        if peeled.next != nil || payload.shortChannelID != nil { return fail(.unknownNextPeer) }
        guard let told = payload.amountToForward else { return fail(.invalidOnionPayload(type: 2, offset: 0)) }
        guard let expiry = payload.outgoingCLTV else { return fail(.invalidOnionPayload(type: 4, offset: 0)) }
        // BOLT 4: "if amt_to_forward is greater than … amount_msat: MUST return final_incorrect_htlc_amount".
        guard amount >= told else { return fail(.finalIncorrectHTLCAmount(amount)) }
        guard cltvExpiry >= expiry else { return fail(.finalIncorrectCLTVExpiry(cltvExpiry)) }
        let unknown = FailureMessage.incorrectOrUnknownPaymentDetails(amount, height: UInt32(height))
        guard UInt64(cltvExpiry) >= UInt64(height) + 1 + UInt64(Self.minimumFinalExpiry) else { return fail(unknown) }
        if let preimage = payload.keysendPreimage, payload.paymentSecret == nil {
            guard preimage.paymentHash == paymentHash, invoices[paymentHash] == nil else { return fail(unknown) }
            var record = InvoiceRecord(
                invoice: Invoice(
                    network: network, amount: nil, timestamp: now, paymentHash: paymentHash, paymentSecret: .zero,
                    details: .text("keysend"), expiry: Invoice.defaultExpiry,
                    minFinalCLTVExpiryDelta: Self.minFinalCLTVExpiryDelta,
                    features: FeatureBits(optional: [], compulsory: [.varOnionOptin, .paymentSecret]),
                    nodeSecret: nodeSecret),
                preimage: preimage, isSpontaneous: true)
            record.status = .paid(at: now, amount: amount)
            add(record)
            return (.fulfill(preimage), record)
        }
        // BOLT 4: an unknown hash, a wrong secret and a wrong amount all look the same to the payer.
        guard var record = invoices[paymentHash], record.status == .unpaid, !record.isSpontaneous,
            payload.paymentSecret == record.invoice.paymentSecret, now < record.invoice.expiresAt,
            // BOLT 4: less than min_final_cltv_expiry_delta "MUST fail": we need the time to enforce it on chain.
            UInt64(cltvExpiry) >= UInt64(height) + UInt64(record.invoice.minFinalCLTVExpiryDelta),
            // One HTLC carries the whole amount: this node does not offer basic_mpp.
            payload.totalAmount == told
        else { return fail(unknown) }
        if let wanted = record.invoice.amount {
            // "MUST fail if less …; SHOULD fail if more than twice the amount expected".
            guard told >= wanted, told.value / 2 <= wanted.value else { return fail(unknown) }
        }
        record.status = .paid(at: now, amount: amount)
        add(record)
        return (.fulfill(record.preimage), record)
    }

    /// The least number of blocks that we accept between now and the expiry of an incoming HTLC.
    static let minimumFinalExpiry: UInt32 = 18

    // MARK: Sending

    /// What an invoice makes us pay, or why not.
    ///
    /// - Parameter now: seconds since 1970.
    public func check(
        _ invoice: Invoice, amount: MilliSatoshi?, network: Network, own: NodeID, now: UInt64
    ) throws(PaymentRefusal) -> MilliSatoshi {
        guard invoice.network == network else { throw .wrongNetwork(invoice.network) }
        if invoice.payee == own { throw .ownInvoice }
        try check(invoice.paymentHash)
        guard now < invoice.expiresAt else { throw .expired }
        guard let wanted = invoice.amount else {
            guard let amount, amount > .zero else { throw .amountMissing }
            return amount
        }
        guard let amount else { return wanted }
        guard amount >= wanted, amount.value / 2 <= wanted.value else { throw .wrongAmount(wanted) }
        return amount
    }

    /// Nothing is paid twice.
    public func check(_ paymentHash: PaymentHash) throws(PaymentRefusal) {
        switch outgoing[paymentHash]?.status {
        case .pending: throw .inProgress
        case .succeeded: throw .alreadyPaid
        case .failed, nil: break
        }
    }

    public mutating func started(_ payment: OutgoingPayment) {
        outgoing[payment.paymentHash] = payment
        changedPayments.insert(payment.paymentHash)
    }

    /// The preimage came: the payment is proven. `nil` where it is not a payment of ours, or was known already.
    public mutating func succeeded(
        _ hash: PaymentHash, _ preimage: PaymentPreimage, now: UInt64
    ) -> OutgoingPayment? {
        guard var payment = outgoing[hash] else { return nil }
        if case .succeeded = payment.status { return nil }
        payment.status = .succeeded(preimage, at: now)
        started(payment)
        return payment
    }

    /// The HTLC came back: says why, as far as its onion lets us know.
    public mutating func failed(
        _ hash: PaymentHash, htlcID: UInt64, channelID: ChannelID, reason: FailureReason, now: UInt64
    ) -> OutgoingPayment? {
        guard var payment = outgoing[hash], payment.htlcID == htlcID, payment.channelID == channelID,
            payment.status == .pending
        else { return nil }
        let text: String
        switch reason {
        case .packet(let packet):
            if let (hop, message) = FailurePacket.decrypt(packet, sharedSecrets: payment.sharedSecrets) {
                let who = hop == payment.sharedSecrets.count - 1 ? "the payee" : "hop \(hop + 1)"
                text = "\(who) says \(message)"
            } else {
                text = "a failure that cannot be read came back"
            }
        case .malformed(let code): text = "the peer could not read the onion (\(FailureMessage.unknown(code: code)))"
        case .notSent(let why): text = why
        }
        payment.status = .failed(text, at: now)
        started(payment)
        return payment
    }

    public enum FailureReason: Hashable, Sendable {
        case packet([UInt8])
        case malformed(UInt16)
        case notSent(String)
    }
}
