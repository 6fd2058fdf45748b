package import BitcoinPrimitives
package import CryptoPrimitives
package import LightningWire

/// BOLT 4 "Route Blinding": a way to a node that does not tell who it is.
///
/// The recipient chooses the way, and encrypts to each node on it what that node has to know; the payer sees the first node,
/// and after it only tweaked ids.
package struct BlindedPath: Hashable, Sendable {
    package struct Hop: Hashable, Sendable {
        package var blindedNodeID: PublicKey
        /// `encrypted_recipient_data`.
        package var encryptedData: [UInt8]

        package init(blindedNodeID: PublicKey, encryptedData: [UInt8]) {
            self.blindedNodeID = blindedNodeID
            self.encryptedData = encryptedData
        }
    }

    /// The introduction point.
    package var firstNodeID: NodeID
    /// With which the introduction point finds out what it has to know.
    package var firstPathKey: PublicKey
    package var hops: [Hop]

    package init(firstNodeID: NodeID, firstPathKey: PublicKey, hops: [Hop]) {
        self.firstNodeID = firstNodeID
        self.firstPathKey = firstPathKey
        self.hops = hops
    }

    /// Makes a path, as its last node does.
    ///
    /// - Parameters:
    ///   - sessionKey: `e_0`, for this path only.
    ///   - nodes: from the introduction point to ourselves, each with its `encrypted_data_tlv`; never empty.
    package init(sessionKey: borrowing SecretKey, nodes: [(id: NodeID, data: [UInt8])]) {
        var ephemeral = sessionKey.copy()
        firstNodeID = nodes[0].id
        firstPathKey = ephemeral.publicKey()
        hops = []
        for (index, node) in nodes.enumerated() {
            let secret = ephemeral.sharedSecret(with: node.id)
            let pathKey = ephemeral.publicKey()
            // The negligible case of a factor that is no scalar cannot be reached by anybody's choice.
            hops.append(
                Hop(
                    blindedNodeID: node.id.multiplied(by: Self.blindingFactor(secret))!,
                    encryptedData: Self.seal(node.data, key: OnionKey.rho.derive(secret))))
            if index < nodes.count - 1 {
                ephemeral = ephemeral.multiplied(by: Hash.sha256(pathKey.compressed + secret.array))!
            }
        }
    }

    static func blindingFactor(_ secret: Bytes32) -> Bytes32 { MAC.hmacSHA256(key: Array("blinded_node_id".utf8), secret.array) }

    private static let nonce = [UInt8](repeating: 0, count: 12)

    private static func seal(_ data: [UInt8], key: Bytes32) -> [UInt8] {
        var output: [UInt8] = []
        var cipher = ChaCha20Poly1305(key: key)
        data.withUnsafeBytes { cipher.seal($0, nonce: nonce, associatedData: [], into: &output) }
        return output
    }

    /// What a node on the path learns with the `path_key` that came to it.
    package struct Opened: Hashable, Sendable {
        package var data: EncryptedRecipientData
        /// For the next node, where nothing overrides it.
        package var nextPathKey: PublicKey
    }

    /// Opens what was encrypted to us; `nil` where it was not, or where it says what we do not understand.
    package static func open(_ encryptedData: [UInt8], pathKey: PublicKey, nodeSecret: borrowing SecretKey) -> Opened? {
        let secret = nodeSecret.sharedSecret(with: pathKey)
        var cipher = ChaCha20Poly1305(key: OnionKey.rho.derive(secret))
        let plain = encryptedData.withUnsafeBytes { cipher.open($0, nonce: nonce, associatedData: []) }
        guard let plain, let data = try? EncryptedRecipientData(plain),
            let next = pathKey.multiplied(by: Hash.sha256(pathKey.compressed + secret.array))
        else { return nil }
        return Opened(data: data, nextPathKey: data.nextPathKeyOverride ?? next)
    }

    /// The secret of our blinded id, with which an onion that came along a blinded path is peeled.
    package static func blindedSecret(pathKey: PublicKey, nodeSecret: borrowing SecretKey) -> SecretKey? {
        let secret = nodeSecret.sharedSecret(with: pathKey)
        return nodeSecret.multiplied(by: blindingFactor(secret))
    }
}

/// BOLT 4's `encrypted_data_tlv`: what the recipient tells one node of a blinded path.
package struct EncryptedRecipientData: Hashable, Sendable {
    /// How the node is to forward a payment.
    package struct Relay: Hashable, Sendable {
        package var cltvExpiryDelta: UInt16
        package var feeProportionalMillionths: UInt32
        /// In msat.
        package var feeBase: UInt32

        package init(cltvExpiryDelta: UInt16, feeProportionalMillionths: UInt32, feeBase: UInt32) {
            self.cltvExpiryDelta = cltvExpiryDelta
            self.feeProportionalMillionths = feeProportionalMillionths
            self.feeBase = feeBase
        }

        /// `amt_to_forward`: "((amount_msat - fee_base_msat) * 1000000 + 1000000 + fee_proportional_millionths - 1) /
        /// (1000000 + fee_proportional_millionths)"; `nil` where the amount does not even cover the base fee.
        package func amountToForward(_ amount: MilliSatoshi) -> MilliSatoshi? {
            guard let rest = amount.subtracting(MilliSatoshi(UInt64(feeBase))) else { return nil }
            let divisor = 1_000_000 + UInt64(feeProportionalMillionths)
            let product = rest.value.multipliedFullWidth(by: 1_000_000)
            let (low, carry) = product.low.addingReportingOverflow(divisor - 1)
            let high = product.high + (carry ? 1 : 0)
            guard high < divisor else { return nil }
            return MilliSatoshi(divisor.dividingFullWidth((high, low)).quotient)
        }
    }

    /// Which payments may use the path.
    package struct Constraints: Hashable, Sendable {
        /// In blocks: the path's end of life.
        package var maxCLTVExpiry: CLTVExpiry
        package var htlcMinimum: MilliSatoshi

        package init(maxCLTVExpiry: CLTVExpiry, htlcMinimum: MilliSatoshi) {
            self.maxCLTVExpiry = maxCLTVExpiry
            self.htlcMinimum = htlcMinimum
        }
    }

    package var padding: [UInt8]?
    package var shortChannelID: ShortChannelID?
    package var nextNodeID: NodeID?
    /// By which the recipient recognizes its own path.
    package var pathID: [UInt8]?
    package var nextPathKeyOverride: PublicKey?
    package var relay: Relay?
    package var constraints: Constraints?
    package var allowedFeatures: FeatureBits?
    /// Fields of odd types that we do not know, kept as they came.
    private var stream = TLVStream()

    package init() {}

    private static let known: [UInt64: TLVStream.Check] = [
        1: TLVStream.anything, 2: TLVStream.exactly(8), 4: TLVStream.point, 6: TLVStream.anything, 8: TLVStream.point,
        10: { (value: inout ByteReader) throws(DecodingFailure) in
            _ = try value.read(6)
            _ = try value.truncatedInteger(maximumBytes: 4)
        },
        12: { (value: inout ByteReader) throws(DecodingFailure) in
            _ = try value.read(4)
            _ = try value.truncatedInteger(maximumBytes: 8)
        }, 14: TLVStream.anything,
    ]

    /// - Throws: for unknown even types too: "MUST return an error".
    package init(_ bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        stream = try TLVStream(from: &reader, known: Self.known)
        func value(_ type: UInt64) -> ByteReader? { stream[type].map { ByteReader($0) } }
        padding = stream[1]
        if var field = value(2) { shortChannelID = try field.shortChannelID() }
        if var field = value(4) { nextNodeID = try field.point() }
        pathID = stream[6]
        if var field = value(8) { nextPathKeyOverride = try field.point() }
        if var field = value(10) {
            relay = Relay(
                cltvExpiryDelta: try field.uint16(), feeProportionalMillionths: try field.uint32(),
                feeBase: UInt32(try field.truncatedInteger(maximumBytes: 4)))
        }
        if var field = value(12) {
            constraints = Constraints(
                maxCLTVExpiry: try field.cltvExpiry(), htlcMinimum: MilliSatoshi(try field.truncatedInteger(maximumBytes: 8)))
        }
        allowedFeatures = stream[14].map { FeatureBits($0) }
    }

    package func encoded() -> [UInt8] {
        var all = stream
        func bytes(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
            var writer = ByteWriter()
            body(&writer)
            return writer.bytes
        }
        all[1] = padding
        all[2] = shortChannelID.map { id in bytes { $0.shortChannelID(id) } }
        all[4] = nextNodeID?.compressed
        all[6] = pathID
        all[8] = nextPathKeyOverride?.compressed
        all[10] = relay.map { relay in
            bytes {
                $0.uint16(relay.cltvExpiryDelta)
                $0.uint32(relay.feeProportionalMillionths)
                $0.truncatedInteger(UInt64(relay.feeBase))
            }
        }
        all[12] = constraints.map { constraints in
            bytes {
                $0.cltvExpiry(constraints.maxCLTVExpiry)
                $0.truncatedInteger(constraints.htlcMinimum.value)
            }
        }
        all[14] = allowedFeatures?.bytes
        return bytes { all.encode(to: &$0) }
    }

    /// Fees and delays of a whole path, as its recipient tells the payer: "total_fee_base_msat(n+1) = …", from the last
    /// forwarding node to the first, rounded up at each step; `nil` beyond 32 bits.
    ///
    /// - Parameter relays: of the forwarding nodes, the introduction point first.
    package static func aggregate(_ relays: [Relay], minFinalCLTVExpiryDelta: UInt32) -> (
        base: UInt32, proportional: UInt32, cltvDelta: UInt32
    )? {
        var base: UInt64 = 0
        var proportional: UInt64 = 0
        var delta = UInt64(minFinalCLTVExpiryDelta)
        for relay in relays.reversed() {
            let rate = UInt64(relay.feeProportionalMillionths)
            let (product, overflow) = base.multipliedReportingOverflow(by: 1_000_000 + rate)
            guard !overflow, product <= .max - 999_999 else { return nil }
            base = UInt64(relay.feeBase) + (product + 999_999) / 1_000_000
            proportional = proportional + rate + (proportional * rate + 999_999) / 1_000_000
            delta += UInt64(relay.cltvExpiryDelta)
            guard base <= UInt64(UInt32.max), proportional <= UInt64(UInt32.max) else { return nil }
        }
        guard let total = UInt32(exactly: delta) else { return nil }
        return (UInt32(base), UInt32(proportional), total)
    }
}
