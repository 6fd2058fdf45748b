public import BitcoinPrimitives
public import CryptoPrimitives
public import LightningInvoice
public import LightningOnion
public import LightningRecords
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
    /// No way leads to the payee.
    case noRoute(String)

    public var description: String {
        switch self {
        case .expired: "the invoice has expired: ask for a new one"
        case .wrongNetwork(let network): "the invoice is for \(network.rawValue)"
        case .alreadyPaid: "the invoice is paid already"
        case .inProgress: "a payment of this invoice is under way"
        case .amountMissing: "the invoice names no amount: say how much to pay"
        case .wrongAmount(let amount): "the invoice asks for \(amount)"
        case .ownInvoice: "that would pay this node itself"
        case .noRoute(let why): why
        }
    }
}

/// Why a hold invoice cannot be settled or canceled; nothing has changed.
public enum HoldRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownInvoice
    case notHeld(String)
    case wrongPreimage

    public var description: String {
        switch self {
        case .unknownInvoice: "there is no such invoice"
        case .notHeld(let state): "nothing is held for this invoice: it is \(state)"
        case .wrongPreimage: "the preimage does not belong to the invoice's payment hash"
        }
    }
}

/// What becomes of HTLCs that pay us.
public struct ReceiveOutcome: Sendable {
    public var decisions: [(IncomingHTLC.Key, IncomingDecision)] = []
    /// The invoice that is paid now.
    public var paid: (record: InvoiceRecord, amount: MilliSatoshi)?
    /// The hold invoice whose payment is complete, and waits for its owner's word.
    public var held: (record: InvoiceRecord, amount: MilliSatoshi)?
    /// Hold invoices whose payment was held, and had to be given back.
    public var lost: [InvoiceRecord] = []
}

/// The node's invoices and payments as a value.
public struct Payments: Sendable {
    public private(set) var invoices: [PaymentHash: InvoiceRecord] = [:]
    public private(set) var outgoing: [PaymentHash: OutgoingPayment] = [:]
    private var sets: [PaymentHash: HTLCSet] = [:]
    private var changedInvoices: Set<PaymentHash> = []
    /// Keysends received, with what they brought, the oldest first.
    private var spontaneous: [(hash: PaymentHash, amount: MilliSatoshi)] = []
    private var changedPayments: Set<PaymentHash> = []
    /// Payments of ours that have not ended.
    public private(set) var pending: Set<PaymentHash> = []

    /// Blocks that the last HTLC must have left: what our invoices ask for.
    public static let minFinalCLTVExpiryDelta: UInt32 = 144

    public init() {}

    public init(invoices: [[UInt8]], payments: [[UInt8]]) throws(DecodingError) {
        for record in invoices {
            let invoice = try InvoiceRecord(record: record)
            self.invoices[invoice.invoice.paymentHash] = invoice
        }
        spontaneous = self.invoices.values.filter(\.isSpontaneous)
            .sorted { ($0.invoice.timestamp, $0.invoice.paymentHash) < ($1.invoice.timestamp, $1.invoice.paymentHash) }
            .map { ($0.invoice.paymentHash, $0.receivedAmount) }
        for record in payments {
            let payment = try OutgoingPayment(record: record)
            outgoing[payment.paymentHash] = payment
            if payment.status == .pending { pending.insert(payment.paymentHash) }
        }
    }

    /// What has to be stored of the changes since the last call, by payment hash.
    public mutating func drainWrites() -> [StoreWrite] {
        // What is in memory now decides: a record may have been removed and made again.
        let writes =
            changedInvoices.sorted().map { StoreWrite.change(.invoices, key: $0.bytes.array, record: invoices[$0]?.encoded()) }
            + changedPayments.sorted().map { StoreWrite.change(.payments, key: $0.bytes.array, record: outgoing[$0]?.encoded()) }
        changedInvoices = []
        changedPayments = []
        return writes
    }

    // MARK: Receiving

    /// Anybody can send us keysends of next to nothing: only so many are remembered.
    static let maxSpontaneous = 10_000

    /// Beyond that the smallest goes, the oldest among equals: nobody can push out what is worth more than what they pay.
    private mutating func rememberSpontaneous(_ hash: PaymentHash, _ amount: MilliSatoshi) {
        spontaneous.append((hash, amount))
        guard spontaneous.count > Self.maxSpontaneous,
            let least = spontaneous.indices.min(by: {
                (spontaneous[$0].amount, $0) < (spontaneous[$1].amount, $1)
            })
        else { return }
        let forgotten = spontaneous.remove(at: least).hash
        invoices[forgotten] = nil
        changedInvoices.insert(forgotten)
    }

    public mutating func add(_ record: InvoiceRecord) {
        invoices[record.invoice.paymentHash] = record
        changedInvoices.insert(record.invoice.paymentHash)
    }

    /// What we tell a payer whose payment we do not want: BOLT 4 has it look the same for an unknown hash, a wrong secret
    /// and a wrong amount.
    private static func unknown(_ part: HTLCPart, height: Int) -> IncomingDecision {
        fail(part, .incorrectOrUnknownPaymentDetails(part.htlc.amount, height: UInt32(height)))
    }

    private static func fail(_ part: HTLCPart, _ message: FailureMessage) -> IncomingDecision {
        part.back.fail(message)
    }

    /// Judges an HTLC that is irrevocably committed and whose onion ends here.
    ///
    /// - Parameters:
    ///   - now: milliseconds since 1970.
    ///   - height: of the active chain.
    ///   - isResumed: whether it came before a restart: a part of a held payment is not judged by its expiry again.
    public mutating func receive(
        _ htlc: IncomingHTLC, _ payload: HopPayload, back: ReturnPath, now: UInt64, height: Int, network: Network,
        nodeSecret: borrowing SecretKey, isResumed: Bool = false
    ) -> ReceiveOutcome {
        let wasHeld = isResumed && isHeldPart(htlc)
        let part = HTLCPart(htlc: htlc, back: back, told: payload.amountToForward ?? .zero)
        func answer(_ decision: IncomingDecision) -> ReceiveOutcome { ReceiveOutcome(decisions: [(htlc.key, decision)]) }
        func fail(_ message: FailureMessage) -> ReceiveOutcome { answer(Self.fail(part, message)) }
        // "For the final node: MUST NOT include short_channel_id".
        guard payload.shortChannelID == nil else { return fail(.invalidOnionPayload(type: 6, offset: 0)) }
        guard let told = payload.amountToForward else { return fail(.invalidOnionPayload(type: 2, offset: 0)) }
        guard let expiry = payload.outgoingCLTV else { return fail(.invalidOnionPayload(type: 4, offset: 0)) }
        // BOLT 4: "if amount_msat … is below amt_to_forward: MUST return a final_incorrect_htlc_amount error".
        guard htlc.amount >= told else { return fail(.finalIncorrectHTLCAmount(htlc.amount)) }
        guard htlc.cltvExpiry >= expiry else { return fail(.finalIncorrectCLTVExpiry(htlc.cltvExpiry)) }
        let unknown = Self.unknown(part, height: height)
        guard wasHeld || UInt64(htlc.cltvExpiry) >= UInt64(height) + 1 + UInt64(Self.minimumFinalExpiry) else { return answer(unknown) }
        if let preimage = payload.keysendPreimage, payload.paymentSecret == nil {
            guard preimage.paymentHash == htlc.paymentHash else { return answer(unknown) }
            if let known = invoices[htlc.paymentHash] {
                // Whoever has learned the preimage of an invoice that hides its payee must not find the payee by who refuses it.
                guard known.pathID != nil else { return answer(unknown) }
                return answer(back.fulfill(preimage))
            }
            var record = InvoiceRecord(
                invoice: Invoice(
                    network: network, amount: nil, timestamp: now / 1000, paymentHash: htlc.paymentHash, paymentSecret: .zero,
                    details: .text("keysend"), expiry: Invoice.defaultExpiry,
                    minFinalCLTVExpiryDelta: Self.minFinalCLTVExpiryDelta,
                    features: FeatureBits(optional: [], compulsory: [.varOnionOptin, .paymentSecret]),
                    nodeSecret: nodeSecret),
                preimage: preimage, isSpontaneous: true)
            record.customRecords = payload.customRecords
            record.status = .settling(amount: htlc.amount)
            record.htlcs = [htlc.key]
            add(record)
            rememberSpontaneous(htlc.paymentHash, htlc.amount)
            return ReceiveOutcome(decisions: [(htlc.key, back.fulfill(preimage))])
        }
        // "MUST treat total_msat as if it were equal to amt_to_forward if it is not present".
        let total = payload.totalAmount ?? told
        guard let record = invoices[htlc.paymentHash], !record.isSpontaneous,
            // A path's id counts inside of the path alone, a payment secret outside of one alone.
            (payload.encryptedRecipientData != nil) == (record.pathID != nil), let secret = payload.paymentSecret,
            secret == record.secret,
            // BOLT 4: less than min_final_cltv_expiry_delta "MUST fail": we need the time to enforce it on chain.
            wasHeld || UInt64(htlc.cltvExpiry) >= UInt64(height) + UInt64(record.minFinalCLTVExpiryDelta), told <= total
        else { return answer(unknown) }
        let hasBegun = sets[htlc.paymentHash] != nil
        switch record.status {
        case .unpaid: guard now / 1000 < record.invoice.expiresAt || hasBegun else { return answer(unknown) }
        // After a restart the parts of a held payment come in again, one by one.
        case .held: break
        case .settling, .paid, .canceled: return answer(unknown)
        }
        if let wanted = record.invoice.amount {
            // "MUST fail if less …; SHOULD fail if more than twice the amount expected".
            guard total >= wanted, total.isAtMostTwice(wanted) else { return answer(unknown) }
        }
        return join(part, total: total, record, payload, now: now, height: height)
    }

    /// Adds a part to its set, and settles the set when it is complete.
    private mutating func join(
        _ part: HTLCPart, total: MilliSatoshi, _ record: InvoiceRecord, _ payload: HopPayload, now: UInt64, height: Int
    ) -> ReceiveOutcome {
        let hash = part.htlc.paymentHash
        var set = sets[hash] ?? HTLCSet(total: total, since: now)
        // "MUST NOT send another HTLC if the total … is already greater or equal to total_msat". Whatever it says of the total: what is held
        // is promised to the owner, and nobody can take it back by sending more.
        guard !set.isHeld else { return ReceiveOutcome(decisions: [(part.htlc.key, Self.unknown(part, height: height))]) }
        // "SHOULD fail the entire HTLC set if total_msat is not the same for all HTLCs in the set".
        guard set.total == total else {
            set.parts.append(part)
            var outcome = ReceiveOutcome()
            giveBack(hash, set, &outcome) { Self.unknown($0, height: height) }
            return outcome
        }
        set.parts.append(part)
        guard set.isComplete, let amount = set.amount else {
            sets[hash] = set
            return ReceiveOutcome()
        }
        var record = record
        record.customRecords = payload.customRecords
        if let preimage = record.preimage, !record.isHold {
            sets[hash] = nil
            return settle(set, record, preimage, amount)
        }
        set.isHeld = true
        sets[hash] = set
        let isNews = record.status == .unpaid
        record.status = .held(amount: amount)
        record.htlcs = set.parts.map(\.htlc.key)
        add(record)
        return isNews ? ReceiveOutcome(held: (record, amount)) : ReceiveOutcome()
    }

    private mutating func settle(
        _ set: HTLCSet, _ record: InvoiceRecord, _ preimage: PaymentPreimage, _ amount: MilliSatoshi
    ) -> ReceiveOutcome {
        var record = record
        record.preimage = preimage
        record.status = .settling(amount: amount)
        record.htlcs = set.parts.map(\.htlc.key)
        add(record)
        // "if it fulfills any HTLCs in the HTLC set: MUST fulfill the entire HTLC set".
        return ReceiveOutcome(decisions: set.parts.map { ($0.htlc.key, $0.back.fulfill(preimage)) })
    }

    /// An HTLC that we fulfilled has left both commitments for good: its money is ours.
    ///
    /// - Parameter now: milliseconds since 1970.
    public mutating func settled(_ key: IncomingHTLC.Key, _ hash: PaymentHash, now: UInt64) -> ReceiveOutcome {
        guard var record = invoices[hash], case .settling(let amount) = record.status, record.htlcs.contains(key) else {
            return ReceiveOutcome()
        }
        record.htlcs.removeAll { $0 == key }
        if record.htlcs.isEmpty { record.status = .paid(at: now / 1000, amount: amount) }
        add(record)
        return record.htlcs.isEmpty ? ReceiveOutcome(paid: (record, amount)) : ReceiveOutcome()
    }

    /// Takes the payment that is held for a hold invoice.
    public mutating func settleHeld(_ hash: PaymentHash, _ preimage: PaymentPreimage?) throws(HoldRefusal) -> ReceiveOutcome {
        guard let record = invoices[hash], record.isHold else { throw .unknownInvoice }
        guard case .held = record.status, let set = sets[hash], set.isHeld, let amount = set.amount else {
            throw .notHeld(record.statusName)
        }
        guard let preimage = preimage ?? record.preimage, preimage.paymentHash == hash else { throw .wrongPreimage }
        sets[hash] = nil
        return settle(set, record, preimage, amount)
    }

    /// Gives back what is held for a hold invoice, and takes no payment for it any more.
    public mutating func cancelHeld(_ hash: PaymentHash, height: Int) throws(HoldRefusal) -> ReceiveOutcome {
        guard var record = invoices[hash] else { throw .unknownInvoice }
        switch record.status {
        case .unpaid, .held: break
        case .settling, .paid, .canceled: throw .notHeld(record.statusName)
        }
        record.status = .canceled
        record.htlcs = []
        add(record)
        let parts = sets.removeValue(forKey: hash)?.parts ?? []
        return ReceiveOutcome(decisions: parts.map { ($0.htlc.key, Self.unknown($0, height: height)) })
    }

    /// Gives back sets that did not become complete in time, and held ones whose time is running out.
    ///
    /// - Parameter now: milliseconds since 1970.
    public mutating func expireSets(now: UInt64, height: Int) -> ReceiveOutcome {
        var outcome = ReceiveOutcome()
        for (hash, set) in sets.sorted(by: { $0.key < $1.key }) {
            // A held payment that nobody settles must not close its channel: better to lose the sale.
            let isUrgent = height + HTLCSet.expiryMargin >= Int(set.firstExpiry)
            guard isUrgent || (!set.isHeld && now >= set.since + HTLCSet.timeout) else { continue }
            giveBack(hash, set, &outcome) { set.isHeld ? Self.unknown($0, height: height) : Self.fail($0, .mppTimeout) }
        }
        return outcome
    }

    /// Whether a payment is promised to the owner of a hold invoice.
    public func holds(_ hash: PaymentHash) -> Bool {
        if case .held = invoices[hash]?.status { return true }
        return false
    }

    /// Whether an HTLC was a part of a held payment when the node stopped.
    private func isHeldPart(_ htlc: IncomingHTLC) -> Bool {
        guard let record = invoices[htlc.paymentHash], case .held = record.status else { return false }
        // Records from before the fourth version did not say which.
        return record.htlcs.isEmpty || record.htlcs.contains(htlc.key)
    }

    /// The heights at which held payments are given back, so that their channels are not closed over them.
    public var holdDeadlines: [PaymentHash: Int] {
        sets.filter(\.value.isHeld).mapValues { Int($0.firstExpiry) - HTLCSet.expiryMargin }
    }

    /// Parts that came over a channel which is closed can no longer be settled there: sets with one of them are given back.
    public mutating func lost(channel: ChannelID, height: Int) -> ReceiveOutcome {
        var outcome = ReceiveOutcome()
        for (hash, set) in sets.sorted(by: { $0.key < $1.key }) where set.parts.contains(where: { $0.htlc.key.channel == channel }) {
            giveBack(hash, set, &outcome) { Self.unknown($0, height: height) }
        }
        return outcome
    }

    /// After a restart, held payments of which not every part came in again.
    public mutating func dropIncompleteHeld(height: Int) -> ReceiveOutcome {
        var outcome = ReceiveOutcome()
        for (hash, record) in invoices.sorted(by: { $0.key < $1.key }) where holds(record.invoice.paymentHash) {
            if sets[hash]?.isHeld == true { continue }
            giveBack(hash, sets[hash] ?? HTLCSet(total: .zero, since: 0), &outcome) { Self.unknown($0, height: height) }
        }
        return outcome
    }

    private mutating func giveBack(
        _ hash: PaymentHash, _ set: HTLCSet, _ outcome: inout ReceiveOutcome, _ decision: (HTLCPart) -> IncomingDecision
    ) {
        sets[hash] = nil
        if holds(hash), var record = invoices[hash] {
            record.status = .canceled
            record.htlcs = []
            add(record)
            outcome.lost.append(record)
        }
        outcome.decisions += set.parts.map { ($0.htlc.key, decision($0)) }
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
        // A blinded invoice does not say whose it is; but we know what we wrote.
        if invoice.payee == own || invoices[invoice.paymentHash].map({ $0.invoice == invoice }) == true { throw .ownInvoice }
        try check(invoice.paymentHash)
        guard now < invoice.expiresAt else { throw .expired }
        guard let wanted = invoice.amount else {
            guard let amount, amount > .zero else { throw .amountMissing }
            return amount
        }
        guard let amount else { return wanted }
        guard amount >= wanted, amount.isAtMostTwice(wanted) else { throw .wrongAmount(wanted) }
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

    /// Takes a payment as it is now.
    public mutating func update(_ payment: OutgoingPayment) {
        outgoing[payment.paymentHash] = payment
        changedPayments.insert(payment.paymentHash)
        if payment.status == .pending { pending.insert(payment.paymentHash) } else { pending.remove(payment.paymentHash) }
    }

    /// The payment that an HTLC of ours belongs to, with the attempt's number.
    public func attempt(_ hash: PaymentHash, _ key: IncomingHTLC.Key) -> (payment: OutgoingPayment, attempt: Int)? {
        guard let payment = outgoing[hash],
            let index = payment.attempts.lastIndex(where: { $0.htlc == key && $0.status == .pending })
        else { return nil }
        return (payment, index)
    }
}

extension MilliSatoshi {
    /// BOLT 4: a payee "SHOULD fail" what is "more than twice the amount expected".
    fileprivate func isAtMostTwice(_ wanted: MilliSatoshi) -> Bool {
        let (most, overflow) = wanted.value.multipliedReportingOverflow(by: 2)
        return overflow || value <= most
    }
}

extension InvoiceRecord {
    /// What its payment brought, or is bringing.
    public var receivedAmount: MilliSatoshi {
        switch status {
        case .unpaid, .canceled: .zero
        case .held(let amount), .settling(let amount), .paid(_, let amount): amount
        }
    }

    /// One word for lists.
    public var statusName: String {
        switch status {
        case .unpaid: "unpaid"
        case .held: "held"
        case .settling: "settling"
        case .paid: "paid"
        case .canceled: "canceled"
        }
    }
}
