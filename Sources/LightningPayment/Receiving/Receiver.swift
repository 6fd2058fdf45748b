package import BitcoinPrimitives
import CryptoPrimitives
import LightningInvoice
package import LightningOnion
package import LightningRecords
package import LightningWire

/// The node's invoices, and the HTLCs that pay them.
package struct Receiver: Machine, Sendable {
    /// Invoices that can be paid or are being paid, those that ended in this batch, and the last keysends. What is over goes into the
    /// history: an HTLC that asks for it is answered like one that asks for what never was.
    package private(set) var invoices: [PaymentHash: InvoiceRecord] = [:]
    private var sets: [PaymentHash: HTLCSet] = [:]
    private var changedInvoices: Set<PaymentHash> = []
    /// Those of them that are over.
    private var over: Set<PaymentHash> = []
    private var expiries = InvoiceExpiries()
    /// Keysends that are irrevocably ours, with what they brought, the oldest first. Those that are not yet are no more than their channels hold.
    private var spontaneous: [(hash: PaymentHash, amount: MilliSatoshi)] = []
    /// Streams that are paid to us: their payments are added up here, and are no rows.
    package private(set) var streams = IncomingStreams()

    /// Blocks that the last HTLC must have left: what our invoices ask for.
    package static let minFinalCLTVExpiryDelta: UInt32 = 144
    /// How long a payee waits for the rest of a payment in parts.
    package static let partsTimeout = HTLCSet.timeout

    package init() {}

    package init(invoices: [[UInt8]], streams: [[UInt8]] = []) throws(DecodingFailure) {
        self.streams = try IncomingStreams(records: streams)
        for record in invoices {
            let invoice = try InvoiceRecord(record: record)
            self.invoices[invoice.invoice.paymentHash] = invoice
            expiries.insert(invoice)
            // Of a version that kept all of them here.
            if invoice.isOver { end(invoice.invoice.paymentHash) }
            // Of a version that kept keysends of which nothing came.
            if invoice.isSpontaneous, invoice.status == .canceled { forget(invoice.invoice.paymentHash) }
        }
        spontaneous = self.invoices.values.filter { record in
            if case .paid = record.status { record.isSpontaneous } else { false }
        }
        .sorted { ($0.invoice.timestamp, $0.invoice.paymentHash) < ($1.invoice.timestamp, $1.invoice.paymentHash) }
        .map { ($0.invoice.paymentHash, $0.receivedAmount) }
    }

    /// What has to be stored of the changes since the last call, by payment hash.
    package mutating func drainWrites() -> [StoreWrite] {
        // What is in memory now decides: a record may have been removed and made again.
        var writes: [StoreWrite] = []
        for hash in changedInvoices.sorted() {
            if over.contains(hash), let record = invoices.removeValue(forKey: hash) {
                writes += StoreHistory.invoices.add(record.encoded(), at: record.position)
            }
            writes.append(.change(.invoices, key: hash.bytes.array, record: invoices[hash]?.encoded()))
        }
        changedInvoices = []
        over = []
        return writes + streams.drainWrites()
    }

    /// An invoice is over: nothing pays it any more.
    private mutating func end(_ hash: PaymentHash) {
        over.insert(hash)
        changedInvoices.insert(hash)
    }

    // MARK: The machine

    package indirect enum Event: Sendable {
        /// An HTLC whose onion ends here is irrevocably committed.
        ///
        /// - Parameters:
        ///   - refusal: why it is failed, unless it is a part of a payment that was held before a restart.
        ///   - isResumed: whether it came before a restart.
        case received(IncomingHTLC, HopPayload, OnionErrorContext, refusal: FailureMessage?, isResumed: Bool)
        /// An HTLC that we fulfilled has left both commitments.
        case settled(HTLCID, PaymentHash)
        /// An HTLC that we fulfilled brought nothing: layer 1 gave it to the peer or to a miner.
        case lost(HTLCID, PaymentHash, MilliSatoshi)
        /// An HTLC that was not fulfilled can be claimed no more.
        case unclaimable(HTLCID)
        /// What came over a channel can no longer be agreed on with the peer: layer 1 decides who has it.
        ///
        /// - Parameter canClaim: whether a preimage claims it there. Then what is held waits for its owner's word all the same.
        case channelGivenUp(ChannelID, canClaim: Bool)
        /// Time has passed, or a block came.
        case timePassed
        /// After a restart: every HTLC that was committed before has come in again.
        case resumed
    }

    package indirect enum Effect: Sendable {
        case decided(HTLCID, IncomingDecision)
        case paid(InvoiceRecord, MilliSatoshi)
        /// The payment of a hold invoice is complete, and waits for its owner's word.
        case held(InvoiceRecord, MilliSatoshi)
        /// What was held for an invoice can no longer be settled, and why.
        case lost(InvoiceRecord, String)
    }

    package struct Context: Sendable {
        /// When it is.
        package var now: Timestamp
        package var height: BlockHeight
        package var network: Network
        package var identity: NodeIdentity

        package init(now: Timestamp, height: BlockHeight, network: Network, identity: NodeIdentity) {
            self.now = now
            self.height = height
            self.network = network
            self.identity = identity
        }
    }

    package mutating func handle(_ event: Event, _ context: borrowing Context) -> [Effect] {
        switch event {
        case .received(let htlc, _, let errorContext, let refusal?, let isResumed) where !(isResumed && holds(htlc.paymentHash)):
            [.decided(htlc.key, errorContext.fail(refusal))]
        case .received(let htlc, let payload, let errorContext, _, let isResumed):
            receive(
                htlc, payload, errorContext: errorContext, now: context.now, height: context.height, network: context.network,
                payee: context.identity.nodeID, isResumed: isResumed
            ).effects()
        case .settled(let id, let hash): settled(id, hash, now: context.now).effects()
        case .lost(let id, let hash, let amount): lost(id, hash, amount, now: context.now).effects()
        case .unclaimable(let id): unclaimable(id, height: context.height).effects(why: "a part of it was lost on chain")
        case .channelGivenUp(let id, let canClaim):
            lost(channel: id, canClaim: canClaim, height: context.height).effects(
                why: "channel \(id), over which some of it came, was given up, and layer 1 decides who has that")
        case .timePassed: expireSets(now: context.now, height: context.height).effects()
        case .resumed: dropIncompleteHeld(height: context.height).effects()
        }
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

    package mutating func add(_ record: InvoiceRecord) {
        let hash = record.invoice.paymentHash
        if invoices.updateValue(record, forKey: hash) == nil { expiries.insert(record) }
        changedInvoices.insert(hash)
        if record.isOver { over.insert(hash) } else { over.remove(hash) }
    }

    /// What we tell a payer whose payment we do not want: BOLT 4 has it look the same for an unknown hash, a wrong secret
    /// and a wrong amount.
    private static func unknown(_ part: HTLCPart, height: BlockHeight) -> IncomingDecision {
        fail(part, .incorrectOrUnknownPaymentDetails(part.htlc.amount, height: height))
    }

    private static func fail(_ part: HTLCPart, _ message: FailureMessage) -> IncomingDecision {
        part.errorContext.fail(message)
    }

    /// Judges an HTLC that is irrevocably committed and whose onion ends here.
    ///
    /// - Parameters:
    ///   - height: of the active chain.
    ///   - isResumed: whether it came before a restart: a part of a held payment is not judged by its expiry again.
    package mutating func receive(
        _ htlc: IncomingHTLC, _ payload: HopPayload, errorContext: OnionErrorContext, now: Timestamp, height: BlockHeight, network: Network,
        payee: NodeID, isResumed: Bool = false
    ) -> ReceiveOutcome {
        let wasHeld = isResumed && isHeldPart(htlc)
        let part = HTLCPart(htlc: htlc, errorContext: errorContext, amountToForward: payload.amountToForward ?? .zero)
        func answer(_ decision: IncomingDecision) -> ReceiveOutcome { ReceiveOutcome(decisions: [(htlc.key, decision)]) }
        func fail(_ message: FailureMessage) -> ReceiveOutcome { answer(Self.fail(part, message)) }
        // "For the final node: MUST NOT include short_channel_id".
        guard payload.shortChannelID == nil else { return fail(.invalidOnionPayload(type: 6, offset: 0)) }
        guard let amountToForward = payload.amountToForward else { return fail(.invalidOnionPayload(type: 2, offset: 0)) }
        guard let expiry = payload.outgoingCLTV else { return fail(.invalidOnionPayload(type: 4, offset: 0)) }
        // BOLT 4: "if amount_msat … is below amt_to_forward: MUST return a final_incorrect_htlc_amount error".
        guard htlc.amount >= amountToForward else { return fail(.finalIncorrectHTLCAmount(htlc.amount)) }
        guard htlc.cltvExpiry >= expiry else { return fail(.finalIncorrectCLTVExpiry(htlc.cltvExpiry)) }
        let unknown = Self.unknown(part, height: height)
        guard wasHeld || htlc.cltvExpiry.height >= height + 1 + Self.minimumFinalExpiry else {
            return answer(unknown)
        }
        if let preimage = payload.keysendPreimage, payload.paymentSecret == nil {
            guard preimage.paymentHash == htlc.paymentHash else { return answer(unknown) }
            if let known = invoices[htlc.paymentHash] {
                // Whoever has learned the preimage of an invoice that hides its payee must not find the payee by who refuses it.
                guard known.pathID != nil else { return answer(unknown) }
                return answer(errorContext.fulfill(preimage))
            }
            var record = InvoiceRecord(
                invoice: Invoice(keysend: htlc.paymentHash, network: network, payee: payee, timestamp: now.wholeSecond),
                preimage: preimage, isSpontaneous: true, createdAt: now)
            record.customRecords = payload.customRecords
            record.status = .settling(amount: htlc.amount)
            record.htlcs = [htlc.key]
            add(record)
            return ReceiveOutcome(decisions: [(htlc.key, errorContext.fulfill(preimage))])
        }
        // "MUST treat total_msat as if it were equal to amt_to_forward if it is not present".
        let total = payload.totalAmount ?? amountToForward
        guard let record = invoices[htlc.paymentHash], !record.isSpontaneous,
            // A path's id counts inside of the path alone, a payment secret outside of one alone.
            (payload.encryptedRecipientData != nil) == (record.pathID != nil), let secret = payload.paymentSecret,
            secret == record.secret,
            // BOLT 4: less than min_final_cltv_expiry_delta "MUST fail": we need the time to enforce it on chain.
            wasHeld || htlc.cltvExpiry.height >= height + Int(record.minFinalCLTVExpiryDelta), amountToForward <= total
        else { return answer(unknown) }
        let hasBegun = sets[htlc.paymentHash] != nil
        switch record.status {
        case .unpaid: guard now < record.invoice.expiresAt || hasBegun else { return answer(unknown) }
        // After a restart the parts of a held payment come in again, one by one.
        case .held: break
        case .settling, .paid, .canceled: return answer(unknown)
        }
        if let wanted = record.invoice.amount {
            // "if the amount paid is less than the amount expected: MUST fail the HTLC", "if the amount paid is more than twice the amount
            // expected: SHOULD fail the HTLC".
            guard total >= wanted, total.isAtMostTwice(wanted) else { return answer(unknown) }
        }
        return join(part, total: total, record, payload, now: now, height: height)
    }

    /// Adds a part to its set, and settles the set when it is complete.
    private mutating func join(
        _ part: HTLCPart, total: MilliSatoshi, _ record: InvoiceRecord, _ payload: HopPayload, now: Timestamp, height: BlockHeight
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
        return ReceiveOutcome(decisions: set.parts.map { ($0.htlc.key, $0.errorContext.fulfill(preimage)) })
    }

    /// An HTLC that we fulfilled has left both commitments for good: its money is ours.
    package mutating func settled(_ key: HTLCID, _ hash: PaymentHash, now: Timestamp) -> ReceiveOutcome {
        guard var record = invoices[hash], case .settling(let amount) = record.status, record.htlcs.contains(key) else {
            return ReceiveOutcome()
        }
        record.htlcs.removeAll { $0 == key }
        if record.htlcs.isEmpty { record.status = .paid(at: now.wholeSecond, amount: amount) }
        if record.htlcs.isEmpty, record.isSpontaneous {
            record.isPartOfStream = keep(record, amount, now: now)
        } else {
            add(record)
        }
        return record.htlcs.isEmpty ? ReceiveOutcome(paid: (record, amount)) : ReceiveOutcome()
    }

    /// A keysend is ours for good. One of a stream is added to what the stream has brought, and its own row goes in the same commit; any other
    /// stays a row, as one of those that are remembered.
    ///
    /// - Returns: whether it was added to a stream.
    private mutating func keep(_ record: InvoiceRecord, _ amount: MilliSatoshi, now: Timestamp) -> Bool {
        let hash = record.invoice.paymentHash
        guard streams.add(amount, record.customRecords, at: now) else {
            add(record)
            rememberSpontaneous(hash, amount)
            return false
        }
        forget(hash)
        return true
    }

    private mutating func forget(_ hash: PaymentHash) {
        invoices[hash] = nil
        over.remove(hash)
        changedInvoices.insert(hash)
    }

    /// An HTLC that we fulfilled brought nothing. The payer has its proof all the same: the invoice is paid, with less.
    private mutating func lost(_ key: HTLCID, _ hash: PaymentHash, _ amount: MilliSatoshi, now: Timestamp) -> ReceiveOutcome {
        guard var record = invoices[hash], case .settling(let whole) = record.status, record.htlcs.contains(key) else {
            return ReceiveOutcome()
        }
        let left = whole.saturatingSubtracting(amount)
        record.status = .settling(amount: left)
        guard left == .zero, record.htlcs == [key] else {
            add(record)
            return settled(key, hash, now: now)
        }
        // Nothing came of it at all. Of a keysend nothing is kept then: it costs its payer nothing.
        record.htlcs = []
        record.status = .canceled
        if record.isSpontaneous { forget(hash) } else { add(record) }
        return ReceiveOutcome(lost: [record])
    }

    /// The HTLCs that are held for an invoice.
    package func heldParts(_ hash: PaymentHash) -> [HTLCID] {
        sets[hash].map { set in set.isHeld ? set.parts.map(\.htlc.key) : [] } ?? []
    }

    /// Takes the payment that is held for a hold invoice.
    package mutating func settleHeld(_ hash: PaymentHash, _ preimage: PaymentPreimage?) throws(HoldRefusal) -> ReceiveOutcome {
        guard let record = invoices[hash] else { throw .unknownInvoice }
        guard case .held = record.status, let set = sets[hash], set.isHeld, let amount = set.amount else {
            throw .notHeld(record.statusName)
        }
        guard let preimage = preimage ?? record.preimage, preimage.paymentHash == hash else { throw .wrongPreimage }
        sets[hash] = nil
        return settle(set, record, preimage, amount)
    }

    /// Gives back what is held for a hold invoice, and takes no payment for it any more.
    package mutating func cancelHeld(_ hash: PaymentHash, height: BlockHeight) throws(HoldRefusal) -> ReceiveOutcome {
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
    package mutating func expireSets(now: Timestamp, height: BlockHeight) -> ReceiveOutcome {
        var outcome = ReceiveOutcome()
        for hash in expiries.take(before: now) {
            guard let record = invoices[hash], record.status == .unpaid else { continue }
            // A payment that has begun may become complete.
            if sets[hash] == nil { end(hash) } else { expiries.insert(record, laterThan: now) }
        }
        for (hash, set) in sets.sorted(by: { $0.key < $1.key }) {
            // A held payment that nobody settles must not close its channel: better to lose the sale.
            let isUrgent = height + HTLCSet.expiryMargin >= set.firstExpiry.height
            guard isUrgent || (!set.isHeld && now >= set.since + HTLCSet.timeout) else { continue }
            giveBack(hash, set, &outcome) { set.isHeld ? Self.unknown($0, height: height) : Self.fail($0, .mppTimeout) }
        }
        return outcome
    }

    /// Whether a payment is promised to the owner of a hold invoice.
    package func holds(_ hash: PaymentHash) -> Bool {
        if case .held = invoices[hash]?.status { return true }
        return false
    }

    /// Whether an HTLC was a part of a held payment when the node stopped.
    private func isHeldPart(_ htlc: IncomingHTLC) -> Bool {
        guard let record = invoices[htlc.paymentHash], case .held = record.status else { return false }
        // Records from before the fourth version did not say which.
        return record.htlcs.isEmpty || record.htlcs.contains(htlc.key)
    }

    /// The heights at which held payments are failed, so that their channels are not closed over them.
    package var holdDeadlines: [PaymentHash: BlockHeight] {
        sets.filter(\.value.isHeld).mapValues { $0.firstExpiry.height - HTLCSet.expiryMargin }
    }

    /// Parts that came over a channel which is given up can no longer be settled there by agreement: sets with one of them are failed, but
    /// for held ones that can be claimed on chain.
    package mutating func lost(channel: ChannelID, canClaim: Bool, height: BlockHeight) -> ReceiveOutcome {
        var outcome = ReceiveOutcome()
        for (hash, set) in sets.sorted(by: { $0.key < $1.key }) where set.parts.contains(where: { $0.htlc.key.channel == channel }) {
            if canClaim, set.isHeld { continue }
            giveBack(hash, set, &outcome) { Self.unknown($0, height: height) }
        }
        return outcome
    }

    /// A part can be claimed no more: its set is failed.
    private mutating func unclaimable(_ id: HTLCID, height: BlockHeight) -> ReceiveOutcome {
        var outcome = ReceiveOutcome()
        for (hash, set) in sets.sorted(by: { $0.key < $1.key }) where set.parts.contains(where: { $0.htlc.key == id }) {
            giveBack(hash, set, &outcome) { Self.unknown($0, height: height) }
        }
        return outcome
    }

    /// After a restart, held payments of which not every part came in again.
    package mutating func dropIncompleteHeld(height: BlockHeight) -> ReceiveOutcome {
        var outcome = ReceiveOutcome()
        for (hash, record) in invoices.sorted(by: { $0.key < $1.key }) where holds(record.invoice.paymentHash) {
            if sets[hash]?.isHeld == true { continue }
            giveBack(hash, sets[hash] ?? HTLCSet(total: .zero, since: .zero), &outcome) { Self.unknown($0, height: height) }
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
    static let minimumFinalExpiry = 18
}

extension MilliSatoshi {
    /// BOLT 4: a payee "SHOULD fail" what is "more than twice the amount expected".
    func isAtMostTwice(_ wanted: MilliSatoshi) -> Bool {
        let (most, overflow) = wanted.value.multipliedReportingOverflow(by: 2)
        return overflow || value <= most
    }
}
