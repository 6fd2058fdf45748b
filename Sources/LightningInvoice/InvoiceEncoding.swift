package import BitcoinPrimitives
package import CryptoPrimitives
package import LightningOnion
package import LightningWire

/// BOLT 11's amounts: a number and a multiplier.
enum InvoiceAmount {
    /// Millisatoshi in one unit of each multiplier; `p` is a tenth of a millisatoshi.
    private static let multipliers: [(letter: Character, msat: UInt64)] = [
        ("m", 100_000_000), ("u", 100_000), ("n", 100),
    ]

    static func parse(_ text: String) throws(InvoiceRefusal) -> MilliSatoshi {
        var digits = Substring(text)
        var multiplier: Character?
        if let last = digits.last, !last.isNumber { multiplier = digits.removeLast() }
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = UInt64(digits),
            digits.first != "0"
        else { throw .invalidAmount(text) }
        if multiplier == "p" {
            guard value % 10 == 0 else { throw .invalidAmount(text) }
            return MilliSatoshi(value / 10)
        }
        let unit: UInt64
        if let multiplier {
            guard let known = multipliers.first(where: { $0.letter == multiplier }) else { throw .invalidAmount(text) }
            unit = known.msat
        } else {
            unit = 100_000_000_000
        }
        let (msat, overflow) = value.multipliedReportingOverflow(by: unit)
        guard !overflow, msat <= MilliSatoshi(Satoshi.maximum).value else { throw .invalidAmount(text) }
        return MilliSatoshi(msat)
    }

    /// The shortest representation.
    static func format(_ amount: MilliSatoshi) -> String {
        if amount.value % 100_000_000_000 == 0 { return "\(amount.value / 100_000_000_000)" }
        for (letter, msat) in multipliers where amount.value % msat == 0 { return "\(amount.value / msat)\(letter)" }
        // Ten to a msat; more than 64 bits of them are no amount of bitcoin, but must not be a trap.
        let tenths = amount.value.multipliedFullWidth(by: 10)
        return tenths.high == 0 ? "\(tenths.low)p" : "\(UInt64.max / 10 * 10)p"
    }
}

extension Invoice {
    /// Writes and signs an invoice.
    ///
    /// - Parameters:
    ///   - description: at most 639 bytes of UTF-8; longer texts belong into a hash.
    ///   - blindedPaths: in the place of a payment secret and of routing hints; each of at most 639 bytes.
    ///   - nodeSecret: the payee's; with blinded paths one for this invoice alone.
    package init(
        network: Network, amount: MilliSatoshi?, timestamp: Timestamp, paymentHash: PaymentHash, paymentSecret: Bytes32?,
        details: InvoiceDescription, expiry: Duration, minFinalCLTVExpiryDelta: UInt32, features: FeatureBits,
        routingHints: [[RoutingHint]] = [], blindedPaths: [BlindedPaymentPath] = [],
        fallbackScripts: [Script] = [], paymentMetadata: [UInt8]? = nil,
        nodeSecret: borrowing SecretKey
    ) {
        self.init(
            network: network.invoiceNetwork, amount: amount, timestamp: timestamp, paymentHash: paymentHash,
            paymentSecret: paymentSecret, details: details, paymentMetadata: paymentMetadata,
            payee: nodeSecret.publicKey(), expiry: expiry, minFinalCLTVExpiryDelta: minFinalCLTVExpiryDelta,
            fallbackScripts: fallbackScripts, routingHints: routingHints, blindedPaths: blindedPaths, features: features, text: "")
        text = encode(nodeSecret)
    }

    /// Stands for the invoice of a payment that came without one. It has no text: nobody was given anything.
    package init(keysend paymentHash: PaymentHash, network: Network, payee: NodeID, timestamp: Timestamp) {
        self.init(
            network: network.invoiceNetwork, amount: nil, timestamp: timestamp, paymentHash: paymentHash, paymentSecret: nil,
            details: .text("keysend"), paymentMetadata: nil, payee: payee, expiry: Self.defaultExpiry,
            minFinalCLTVExpiryDelta: Self.defaultMinFinalCLTVExpiryDelta, fallbackScripts: [], routingHints: [], blindedPaths: [],
            features: FeatureBits(), text: "")
    }

    private func encode(_ secret: borrowing SecretKey) -> String {
        let prefix = "ln" + network.invoicePrefix + (amount.map(InvoiceAmount.format) ?? "")
        var data = Self.groups(timestamp.seconds, count: 7)
        Self.append(1, bytes: paymentHash.bytes.array, to: &data)
        if let paymentSecret { Self.append(16, bytes: paymentSecret.array, to: &data) }
        switch details {
        case .text(let text): Self.append(13, bytes: Array(text.utf8), to: &data)
        case .hash(let hash): Self.append(23, bytes: hash.array, to: &data)
        }
        if let paymentMetadata { Self.append(27, bytes: paymentMetadata, to: &data) }
        if expiry != Self.defaultExpiry { Self.append(6, Self.minimalGroups(expiry.wholeSeconds), to: &data) }
        // bLIP 39: meaningless beside blinded paths, which account for it.
        if blindedPaths.isEmpty { Self.append(24, Self.minimalGroups(UInt64(minFinalCLTVExpiryDelta)), to: &data) }
        for script in fallbackScripts {
            if let (version, program) = script.witnessProgram {
                let groups = [UInt8(version)] + Bech32.convert(program, from: 8, to: 5, pad: true)!
                Self.append(9, groups, to: &data)
            }
        }
        for route in routingHints {
            var writer = ByteWriter()
            for hop in route {
                writer.point(hop.nodeID)
                writer.shortChannelID(hop.shortChannelID)
                writer.uint32(UInt32(clamping: hop.feeBase.value))
                writer.uint32(hop.feeProportionalMillionths)
                writer.uint16(hop.cltvExpiryDelta)
            }
            Self.append(3, bytes: writer.bytes, to: &data)
        }
        for path in blindedPaths {
            var writer = ByteWriter()
            path.encode(to: &writer)
            Self.append(20, bytes: writer.bytes, to: &data)
        }
        if let highest = features.bits.last {
            let groups = (0...highest / 5).reversed().map { group in
                (0..<5).reduce(UInt8(0)) { features.contains(group * 5 + $1) ? $0 | 1 << UInt8($1) : $0 }
            }
            Self.append(5, groups, to: &data)
        }
        let signedBytes = Array(prefix.utf8) + Bech32.convert(data, from: 5, to: 8, pad: true)!
        let (signature, recoveryID) = secret.signRecoverable(Hash.sha256(signedBytes))
        data += Bech32.convert(signature.compact + [recoveryID], from: 8, to: 5, pad: true)!
        return Bech32.encode(prefix: prefix, data: data, variant: .bech32)
    }

    private static func groups(_ value: UInt64, count: Int) -> [UInt8] {
        (0..<count).reversed().map { UInt8(value >> UInt64(5 * $0) & 31) }
    }

    private static func minimalGroups(_ value: UInt64) -> [UInt8] {
        Array(groups(value, count: 13).drop { $0 == 0 })
    }

    private static func append(_ type: UInt8, bytes: [UInt8], to data: inout [UInt8]) {
        append(type, Bech32.convert(bytes, from: 8, to: 5, pad: true)!, to: &data)
    }

    private static func append(_ type: UInt8, _ groups: [UInt8], to data: inout [UInt8]) {
        precondition(groups.count < 1024, "a field holds at most 639 bytes")
        data += [type, UInt8(groups.count >> 5), UInt8(groups.count & 31)] + groups
    }
}
