import BitcoinPrimitives
import CryptoPrimitives
import LightningOnion
import LightningWire

extension Invoice {
    /// Reads an invoice, with or without `lightning:` before it, and checks everything that BOLT 11 demands of a reader.
    public init(_ text: String) throws(InvoiceRefusal) {
        var bare = text
        if bare.lowercased().hasPrefix("lightning:") { bare.removeFirst("lightning:".count) }
        // Readers of QR codes end at 4,296 characters; a hint costs work each time a way is looked for.
        guard bare.utf8.count <= Self.maximumLength else { throw .tooLong }
        guard let (prefix, data, variant) = Bech32.decode(bare, limit: nil), variant == .bech32 else {
            throw .notBech32
        }
        let (network, amount) = try Self.parse(prefix: prefix)
        // 35 bits of time and 520 bits of signature.
        guard data.count >= 7 + 104 else { throw .tooShort }
        let timestamp = Self.integer(data[..<7])
        let body = data[7..<(data.count - 104)]
        let fields = try InvoiceFields(body)
        let signatureBytes = Bech32.convert(data.suffix(104), from: 5, to: 8, pad: false)
        guard let signatureBytes, signatureBytes.count == 65 else { throw .invalidSignature }
        let signedBytes =
            Array(prefix.utf8) + Bech32.convert(data.dropLast(104), from: 5, to: 8, pad: true)!
        let payee = try Self.signer(
            hash: Hash.sha256(signedBytes), signature: Array(signatureBytes[..<64]), recoveryID: signatureBytes[64],
            named: fields.payee)
        guard let paymentHash = fields.paymentHash else { throw .missingField("payment hash") }
        if fields.blindedPaths.isEmpty {
            guard fields.paymentSecret != nil else { throw .missingField("payment secret") }
        } else {
            // bLIP 39: "MUST not contain the r field type", "MUST not contain the s field type".
            guard fields.paymentSecret == nil else { throw .contradictory("payment secret") }
            guard fields.hints.isEmpty else { throw .contradictory("routing hint") }
        }
        guard let details = fields.details else { throw .missingField("description") }
        let unknown = fields.features.unknownCompulsory()
        guard unknown.isEmpty else { throw .unknownFeatures(unknown) }
        // Without a payment secret, basic_mpp cannot have what it depends on.
        if fields.blindedPaths.isEmpty, let missing = fields.features.missingDependency {
            throw .missingFeatureDependency("\(missing.feature) needs \(missing.needs)")
        }
        self.init(
            network: network, amount: amount, timestamp: Timestamp(seconds: timestamp), paymentHash: paymentHash,
            paymentSecret: fields.paymentSecret, details: details, paymentMetadata: fields.metadata, payee: payee,
            expiry: fields.expiry ?? Self.defaultExpiry,
            minFinalCLTVExpiryDelta: fields.minFinalCLTV ?? Self.defaultMinFinalCLTVExpiryDelta,
            fallbackScripts: fields.fallbackScripts(network), routingHints: fields.hints, blindedPaths: fields.blindedPaths,
            features: fields.features,
            text: bare.lowercased())
    }

    /// Characters of an invoice that is looked at.
    static let maximumLength = 7089

    static func integer(_ values: some Sequence<UInt8>) -> UInt64 {
        values.reduce(0) { $0 << 5 | UInt64($1) }
    }

    private static func parse(prefix: String) throws(InvoiceRefusal) -> (Network, MilliSatoshi?) {
        guard prefix.hasPrefix("ln") else { throw .unknownPrefix(prefix) }
        let rest = prefix.dropFirst(2)
        // The longest currency that fits: `bcrt` before `bc`, `tbs` before `tb`.
        let networks = Set(Network.allCases.map(\.invoiceNetwork)).sorted { $0.invoicePrefix.count > $1.invoicePrefix.count }
        for network in networks where rest.hasPrefix(network.invoicePrefix) {
            let amount = rest.dropFirst(network.invoicePrefix.count)
            if amount.isEmpty { return (network, nil) }
            guard amount.first!.isNumber else { continue }
            return (network, try InvoiceAmount.parse(String(amount)))
        }
        throw .unknownPrefix(prefix)
    }

    /// Verifies with the named key, or recovers the key.
    private static func signer(
        hash: Bytes32, signature: [UInt8], recoveryID: UInt8, named: NodeID?
    ) throws(InvoiceRefusal) -> NodeID {
        if let named {
            // BOLT 11: "MUST use the n field to validate the signature"; a high S fails.
            guard let parsed = ECDSASignature(compact: signature), parsed.verify(hash, key: named) else {
                throw .invalidSignature
            }
            return named
        }
        guard let key = PublicKey.recover(hash: hash, signature: signature, recoveryID: recoveryID) else {
            throw .invalidSignature
        }
        return key
    }
}

/// BOLT 11's tagged fields as they are read.
private struct InvoiceFields {
    var paymentHash: PaymentHash?
    var paymentSecret: Bytes32?
    var details: InvoiceDescription?
    var metadata: [UInt8]?
    var payee: NodeID?
    var expiry: Duration?
    var minFinalCLTV: UInt32?
    var fallbacks: [(version: UInt8, program: [UInt8])] = []
    var hints: [[RoutingHint]] = []
    var blindedPaths: [BlindedPaymentPath] = []
    var features = FeatureBits()

    init(_ data: ArraySlice<UInt8>) throws(InvoiceRefusal) {
        var rest = data
        while !rest.isEmpty {
            guard rest.count >= 3 else { throw .malformedField("at the end") }
            let type = rest.removeFirst()
            let length = Int(rest.removeFirst()) << 5 | Int(rest.removeFirst())
            guard length <= rest.count else { throw .malformedField("of type \(type)") }
            try read(type, rest.prefix(length))
            rest = rest.dropFirst(length)
        }
    }

    /// Ways to the payee that are kept; an honest payee has a handful.
    private static let maximumHints = 20

    private static let fixedLengths: [UInt8: Int] = [1: 52, 16: 52, 23: 52, 19: 53]

    private static func bytes(_ data: ArraySlice<UInt8>) -> [UInt8]? {
        Bech32.convert(data, from: 5, to: 8, pad: false)
    }

    private mutating func read(_ type: UInt8, _ data: ArraySlice<UInt8>) throws(InvoiceRefusal) {
        // BOLT 11's reader "MUST fail the payment" for a wrong data_length, but its example with such fields beside
        // valid ones is to be paid: a field of the wrong length counts as absent, and fails where it is the only one.
        if let length = Self.fixedLengths[type], data.count != length { return }
        switch type {
        case 1: if paymentHash == nil { paymentHash = PaymentHash(try fixed(data, "payment hash")) }
        case 16: if paymentSecret == nil { paymentSecret = try fixed(data, "payment secret") }
        case 23:
            guard details == nil else { throw .malformedField("description (there are two)") }
            details = .hash(try fixed(data, "description hash"))
        case 13:
            guard details == nil else { throw .malformedField("description (there are two)") }
            guard let bytes = Self.bytes(data), let text = String(validating: bytes, as: UTF8.self) else {
                throw .malformedField("description")
            }
            details = .text(text)
        case 27:
            guard let bytes = Self.bytes(data) else { throw .malformedField("metadata") }
            metadata = bytes
        case 19:
            guard let bytes = Self.bytes(data), let key = PublicKey(compressed: bytes) else {
                throw .malformedField("payee")
            }
            payee = key
        case 6: expiry = .seconds(Int64(try minimal(data, "expiry", maximum: 12)))
        case 24:
            guard let value = UInt32(exactly: try minimal(data, "min_final_cltv_expiry_delta", maximum: 12)) else {
                throw .malformedField("min_final_cltv_expiry_delta")
            }
            minFinalCLTV = value
        case 9:
            guard let version = data.first else { throw .malformedField("fallback address") }
            if let program = Self.bytes(data.dropFirst()) { fallbacks.append((version, program)) }
        case 3:
            let hint = try routingHint(data)
            if hints.count < Self.maximumHints { hints.append(hint) }
        case 20:
            let path = try blindedPath(data)
            if blindedPaths.count < Self.maximumHints { blindedPaths.append(path) }
        case 5:
            guard data.first != 0 else { throw .malformedField("features (not minimal)") }
            var bits = FeatureBits()
            for (index, value) in data.reversed().enumerated() {
                for bit in 0..<5 where value >> UInt8(bit) & 1 == 1 { bits.set(index * 5 + bit) }
            }
            features = bits
        default: break  // unknown fields are skipped
        }
    }

    private func fixed(_ data: ArraySlice<UInt8>, _ name: String) throws(InvoiceRefusal) -> Bytes32 {
        guard let bytes = Self.bytes(data), let value = Bytes32(bytes) else {
            throw .malformedField(name)
        }
        return value
    }

    private func minimal(_ data: ArraySlice<UInt8>, _ name: String, maximum: Int) throws(InvoiceRefusal) -> UInt64 {
        guard data.first != 0, data.count <= maximum else { throw .malformedField(name) }
        return Invoice.integer(data)
    }

    private func routingHint(_ data: ArraySlice<UInt8>) throws(InvoiceRefusal) -> [RoutingHint] {
        guard let bytes = Self.bytes(data), bytes.count % 51 == 0 else { throw .malformedField("route") }
        var reader = ByteReader(bytes)
        var hops: [RoutingHint] = []
        do throws(DecodingFailure) {
            while !reader.isAtEnd {
                let node = try reader.point()
                let channel = try reader.shortChannelID()
                let base = MilliSatoshi(UInt64(try reader.uint32()))
                let proportional = try reader.uint32()
                hops.append(
                    RoutingHint(
                        nodeID: node, shortChannelID: channel, feeBase: base,
                        feeProportionalMillionths: proportional, cltvExpiryDelta: try reader.uint16()))
            }
        } catch { throw .malformedField("route") }
        return hops
    }

    private func blindedPath(_ data: ArraySlice<UInt8>) throws(InvoiceRefusal) -> BlindedPaymentPath {
        guard let bytes = Self.bytes(data) else { throw .malformedField("blinded path") }
        var reader = ByteReader(bytes)
        do throws(DecodingFailure) {
            let path = try BlindedPaymentPath(from: &reader)
            try reader.expectEnd()
            return path
        } catch { throw .malformedField("blinded path") }
    }

    /// The scripts of the fallback addresses whose version is known.
    func fallbackScripts(_ network: Network) -> [Script] {
        fallbacks.compactMap { version, program in
            switch (version, program.count) {
            case (17, 20): return .p2pkh(hash: program)
            case (18, 20): return Script([.op(.hash160), .push(program), .op(.equal)])
            case (0, 20), (0, 32), (1...16, 2...40):
                return Script([version == 0 ? 0 : 0x50 + version, UInt8(program.count)] + program)
            default: return nil
            }
        }
    }
}
