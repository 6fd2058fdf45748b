package import BitcoinPrimitives
package import CryptoPrimitives
package import LightningWire

/// What stays the same in all commitments of one holder.
package struct CommitmentContext: Hashable, Sendable {
    package var funding: OutPoint
    package var fundingAmount: Satoshi
    package var holderFundingKey: PublicKey
    package var counterpartyFundingKey: PublicKey
    /// The 48 bits that hide the commitment number.
    package var obscuringFactor: UInt64
    package var hasAnchors: Bool
    /// Whether the holder opened the channel, and so pays the fee.
    package var holderIsOpener: Bool
    /// The holder's `dust_limit_satoshis`.
    package var dustLimit: Satoshi
    /// The blocks that the holder must wait for its own output: the counterparty's `to_self_delay`.
    package var toSelfDelay: UInt16

    package init(
        funding: OutPoint, fundingAmount: Satoshi, holderFundingKey: PublicKey, counterpartyFundingKey: PublicKey,
        obscuringFactor: UInt64, hasAnchors: Bool, holderIsOpener: Bool, dustLimit: Satoshi, toSelfDelay: UInt16
    ) {
        self.funding = funding
        self.fundingAmount = fundingAmount
        self.holderFundingKey = holderFundingKey
        self.counterpartyFundingKey = counterpartyFundingKey
        self.obscuringFactor = obscuringFactor
        self.hasAnchors = hasAnchors
        self.holderIsOpener = holderIsOpener
        self.dustLimit = dustLimit
        self.toSelfDelay = toSelfDelay
    }

    /// BOLT 3: "the lower 48 bits of: SHA256(payment_basepoint from open_channel || payment_basepoint from accept_channel)".
    package static func obscuringFactor(opener: PublicKey, accepter: PublicKey) -> UInt64 {
        let hash = Hash.sha256(opener.compressed + accepter.compressed)
        return (26..<32).reduce(0) { $0 << 8 | UInt64(hash[$1]) }
    }

    package var fundingScript: Script { ChannelScripts.funding(holderFundingKey, counterpartyFundingKey) }
}

/// An HTLC as one commitment sees it.
package struct CommitmentHTLC: Hashable, Sendable {
    /// Whether the commitment's holder offered it.
    package var isOfferedByHolder: Bool
    package var id: UInt64
    package var amount: MilliSatoshi
    package var paymentHash: PaymentHash
    package var cltvExpiry: CLTVExpiry

    package init(
        isOfferedByHolder: Bool, id: UInt64, amount: MilliSatoshi, paymentHash: PaymentHash, cltvExpiry: CLTVExpiry
    ) {
        self.isOfferedByHolder = isOfferedByHolder
        self.id = id
        self.amount = amount
        self.paymentHash = paymentHash
        self.cltvExpiry = cltvExpiry
    }
}

/// What one commitment says: who owns what.
package struct CommitmentContents: Hashable, Sendable {
    package var number: UInt64
    package var feeRate: FeeRate
    package var toHolder: MilliSatoshi
    package var toCounterparty: MilliSatoshi
    package var htlcs: [CommitmentHTLC]

    package init(
        number: UInt64, feeRate: FeeRate, toHolder: MilliSatoshi, toCounterparty: MilliSatoshi,
        htlcs: [CommitmentHTLC]
    ) {
        self.number = number
        self.feeRate = feeRate
        self.toHolder = toHolder
        self.toCounterparty = toCounterparty
        self.htlcs = htlcs
    }
}

/// BOLT 3 "Fee Calculation" and "Trimmed Outputs".
package enum CommitmentFees {
    package static let anchorAmount = Satoshi(330)

    /// "Expected Weights" of Appendix A.
    package static func commitmentWeight(hasAnchors: Bool, htlcCount: Int) -> Int {
        (hasAnchors ? 1124 : 724) + 172 * htlcCount
    }

    /// The fee of an HTLC-timeout transaction: nothing under `option_anchors`.
    package static func timeoutFee(_ feeRate: FeeRate, hasAnchors: Bool) -> Satoshi {
        hasAnchors ? .zero : feeRate.fee(weight: 663)
    }

    /// The fee of an HTLC-success transaction: nothing under `option_anchors`.
    package static func successFee(_ feeRate: FeeRate, hasAnchors: Bool) -> Satoshi {
        hasAnchors ? .zero : feeRate.fee(weight: 703)
    }

    /// "Trimmed Outputs": an HTLC of less has no output of its own.
    package static func leastHTLCOutput(isOfferedByHolder: Bool, feeRate: FeeRate, dustLimit: Satoshi, hasAnchors: Bool) -> MilliSatoshi {
        let fee =
            isOfferedByHolder
            ? timeoutFee(feeRate, hasAnchors: hasAnchors) : successFee(feeRate, hasAnchors: hasAnchors)
        return MilliSatoshi(dustLimit + fee)
    }

    /// What the opener pays for a commitment with so many untrimmed HTLCs: the base fee and both anchors.
    package static func openerCost(_ feeRate: FeeRate, hasAnchors: Bool, untrimmed: Int) -> Satoshi {
        feeRate.fee(weight: commitmentWeight(hasAnchors: hasAnchors, htlcCount: untrimmed))
            + (hasAnchors ? anchorAmount + anchorAmount : .zero)
    }
}

/// A commitment transaction, built and ordered as BOLT 3 says, with the meaning of each output.
package struct CommitmentTransaction: Hashable, Sendable {
    /// What an output is for.
    package enum Role: Hashable, Sendable {
        case toHolder
        case toCounterparty
        case holderAnchor
        case counterpartyAnchor
        case htlc(CommitmentHTLC)
    }

    package var context: CommitmentContext
    package var keys: CommitmentKeys
    package var contents: CommitmentContents
    /// Unsigned.
    package var transaction: Transaction
    /// The role of each output, in order.
    package let roles: [Role]
    /// The witness script of each output, where it has one.
    private let witnessScripts: [Script?]
    /// The scripts of HTLC outputs; `nil` where there are none.
    package let htlcScripts: HTLCScripts?
    package let id: TransactionID

    package init(_ context: CommitmentContext, keys: CommitmentKeys, contents: CommitmentContents) {
        self.context = context
        self.keys = keys
        self.contents = contents
        var outputs: [(output: TransactionOutput, role: Role, witnessScript: Script?)] = []
        outputs.reserveCapacity(contents.htlcs.count + 4)
        let anchors = context.hasAnchors
        func least(isOfferedByHolder: Bool) -> MilliSatoshi {
            CommitmentFees.leastHTLCOutput(
                isOfferedByHolder: isOfferedByHolder, feeRate: contents.feeRate, dustLimit: context.dustLimit, hasAnchors: anchors)
        }
        let (leastOffered, leastReceived) = (least(isOfferedByHolder: true), least(isOfferedByHolder: false))
        let htlcs = contents.htlcs.filter { $0.amount >= ($0.isOfferedByHolder ? leastOffered : leastReceived) }
        htlcScripts = htlcs.isEmpty ? nil : keys.htlcScripts(hasAnchors: anchors)
        if let scripts = htlcScripts {
            for htlc in htlcs {
                let script = scripts.script(of: htlc)
                outputs.append((TransactionOutput(htlc.amount.roundedDown, .p2wsh(script)), .htlc(htlc), script))
            }
        }
        let untrimmed = outputs.count
        let cost = CommitmentFees.openerCost(contents.feeRate, hasAnchors: anchors, untrimmed: untrimmed)
        var toHolder = contents.toHolder.roundedDown
        var toCounterparty = contents.toCounterparty.roundedDown
        // BOLT 3: "Subtract this base fee from the funder (either to_local or to_remote)", as far as that is there.
        if context.holderIsOpener {
            toHolder = toHolder.subtracting(cost) ?? .zero
        } else {
            toCounterparty = toCounterparty.subtracting(cost) ?? .zero
        }
        let hasHolder = toHolder >= context.dustLimit
        let hasCounterparty = toCounterparty >= context.dustLimit
        if hasHolder {
            let script = ChannelScripts.toLocal(
                revocation: keys.revocation, delay: context.toSelfDelay, delayed: keys.holderDelayed)
            outputs.append((TransactionOutput(toHolder, .p2wsh(script)), .toHolder, script))
        }
        if hasCounterparty {
            let script = ChannelScripts.toRemoteOutput(keys.counterpartyPayment, hasAnchors: anchors)
            let witnessScript = anchors ? ChannelScripts.toRemoteAnchors(keys.counterpartyPayment) : nil
            outputs.append((TransactionOutput(toCounterparty, script), .toCounterparty, witnessScript))
        }
        if anchors {
            let amount = CommitmentFees.anchorAmount
            if hasHolder || untrimmed > 0 {
                let script = ChannelScripts.anchor(context.holderFundingKey)
                outputs.append((TransactionOutput(amount, .p2wsh(script)), .holderAnchor, script))
            }
            if hasCounterparty || untrimmed > 0 {
                let script = ChannelScripts.anchor(context.counterpartyFundingKey)
                outputs.append((TransactionOutput(amount, .p2wsh(script)), .counterpartyAnchor, script))
            }
        }
        // BOLT 3 "Transaction Output Ordering": value, then script, then cltv_expiry (then id, for equal ones).
        // Positions are sorted, not the outputs: a commitment may have a thousand.
        let order = outputs.indices.sorted { first, second in
            if outputs[first].output.amount != outputs[second].output.amount {
                return outputs[first].output.amount < outputs[second].output.amount
            }
            if outputs[first].output.script != outputs[second].output.script {
                return outputs[first].output.script.bytes.lexicographicallyPrecedes(outputs[second].output.script.bytes)
            }
            guard case .htlc(let one) = outputs[first].role, case .htlc(let two) = outputs[second].role else { return false }
            return (one.cltvExpiry, one.id) < (two.cltvExpiry, two.id)
        }
        let obscured = (contents.number ^ context.obscuringFactor) & 0xffff_ffff_ffff
        let input = TransactionInput(context.funding, sequence: 0x8000_0000 | UInt32(obscured >> 24))
        transaction = Transaction(
            inputs: [input], outputs: order.map { outputs[$0].output }, lockTime: 0x2000_0000 | UInt32(obscured & 0xff_ffff))
        roles = order.map { outputs[$0].role }
        witnessScripts = order.map { outputs[$0].witnessScript }
        id = transaction.id
    }

    /// The commitment number hidden in a transaction that spends the funding output.
    package static func number(of transaction: Transaction, obscuringFactor: UInt64) -> UInt64? {
        guard transaction.inputs.count == 1, transaction.lockTime >> 24 == 0x20,
            transaction.inputs[0].sequence >> 24 == 0x80
        else { return nil }
        let obscured = UInt64(transaction.inputs[0].sequence & 0xff_ffff) << 24 | UInt64(transaction.lockTime & 0xff_ffff)
        return obscured ^ obscuringFactor
    }

    /// What both sides sign.
    package func signatureHash() -> Bytes32 {
        var hasher = SignatureHasher(transaction)
        return hasher.witnessV0(input: 0, scriptCode: context.fundingScript, amount: context.fundingAmount)
    }

    /// The transaction with both signatures: publishing it closes the channel.
    package func signed(holder: ECDSASignature, counterparty: ECDSASignature) -> Transaction {
        var result = transaction
        result.inputs[0].witness = FundingSpend.witness(
            script: context.fundingScript,
            [(context.holderFundingKey, holder), (context.counterpartyFundingKey, counterparty)])
        return result
    }

    /// The transactions that claim the HTLC outputs, in the order of the outputs.
    package func htlcTransactions() -> [HTLCTransaction] {
        guard htlcScripts != nil else { return [] }
        var result: [HTLCTransaction] = []
        // "HTLC-Timeout and HTLC-Success Transactions": all have the same output script.
        let output = Script.p2wsh(
            ChannelScripts.toLocal(revocation: keys.revocation, delay: context.toSelfDelay, delayed: keys.holderDelayed))
        for (index, role) in roles.enumerated() {
            guard case .htlc(let htlc) = role, let script = witnessScripts[index] else { continue }
            result.append(
                HTLCTransaction(htlc, commitment: self, outputIndex: UInt32(index), witnessScript: script, outputScript: output))
        }
        return result
    }

    /// The witness script of an output, where it has one.
    package func witnessScript(at index: Int) -> Script? { witnessScripts[index] }
}

/// The witness that spends the funding output.
package enum FundingSpend {
    /// `0 <signature_for_pubkey1> <signature_for_pubkey2>`, in the order of the keys in the script.
    package static func witness(script: Script, _ signatures: [(PublicKey, ECDSASignature)]) -> [[UInt8]] {
        let sorted = signatures.sorted { $0.0 < $1.0 }
        return [[]] + sorted.map { $0.1.der + [1] } + [script.bytes]
    }
}
