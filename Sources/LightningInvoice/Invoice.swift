public import BitcoinPrimitives
public import CryptoPrimitives
public import LightningOnion
public import LightningWire

/// Why a text is no BOLT 11 invoice that can be paid.
public enum InvoiceRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    case notBech32
    case unknownPrefix(String)
    case invalidAmount(String)
    case tooShort
    case tooLong
    case malformedField(String)
    case missingField(String)
    case invalidSignature
    /// Compulsory features that this node does not have.
    case unknownFeatures([Int])
    case missingFeatureDependency(String)
    /// bLIP 39: with blinded paths neither a payment secret nor routing hints are told.
    case contradictory(String)

    public var description: String {
        switch self {
        case .notBech32: "not an invoice: the checksum does not match (a character is wrong or missing)"
        case .unknownPrefix(let prefix): "not a Lightning invoice of a known network: \(prefix)"
        case .invalidAmount(let amount): "the invoice's amount is malformed: \(amount)"
        case .tooShort: "the invoice is too short"
        case .tooLong: "the invoice is longer than \(Invoice.maximumLength) characters"
        case .malformedField(let name): "the invoice's field \(name) is malformed"
        case .missingField(let name): "the invoice has no \(name)"
        case .invalidSignature: "the invoice's signature is not valid: it was altered"
        case .unknownFeatures(let bits):
            "the invoice demands features that this node does not have: \(FeatureBits.list(bits))"
        case .contradictory(let name): "the invoice has blinded paths, and a \(name) beside them"
        case .missingFeatureDependency(let text): "the invoice's features contradict each other: \(text)"
        }
    }
}

/// A hop of a private route that an invoice tells (BOLT 11's `r` field).
public struct RoutingHint: Hashable, Sendable {
    public var nodeID: NodeID
    public var shortChannelID: ShortChannelID
    public var feeBase: MilliSatoshi
    public var feeProportionalMillionths: UInt32
    public var cltvExpiryDelta: UInt16

    public init(
        nodeID: NodeID, shortChannelID: ShortChannelID, feeBase: MilliSatoshi, feeProportionalMillionths: UInt32,
        cltvExpiryDelta: UInt16
    ) {
        self.nodeID = nodeID
        self.shortChannelID = shortChannelID
        self.feeBase = feeBase
        self.feeProportionalMillionths = feeProportionalMillionths
        self.cltvExpiryDelta = cltvExpiryDelta
    }
}

/// What an invoice says it is for.
public enum InvoiceDescription: Hashable, Sendable {
    case text(String)
    /// The SHA-256 of a text that is told elsewhere.
    case hash(Bytes32)
}

/// A BOLT 11 invoice whose signature has been checked.
public struct Invoice: Hashable, Sendable {
    public var network: Network
    public var amount: MilliSatoshi?
    /// Seconds since 1970.
    public var timestamp: UInt64
    public var paymentHash: PaymentHash
    /// `nil` where the payee recognizes the payment by the blinded path that it comes over.
    public var paymentSecret: Bytes32?
    public var details: InvoiceDescription
    public var paymentMetadata: [UInt8]?
    /// The node that is to be paid.
    public var payee: NodeID
    /// Seconds from the timestamp.
    public var expiry: UInt64
    public var minFinalCLTVExpiryDelta: UInt32
    public var fallbackScripts: [Script]
    public var routingHints: [[RoutingHint]]
    /// The only ways to a payee who does not tell who it is (bLIP 39); `payee` is a key of this invoice alone then.
    public var blindedPaths: [BlindedPaymentPath]
    public var features: FeatureBits
    /// The text it was read from or written as.
    public internal(set) var text: String

    public static let defaultExpiry: UInt64 = 3600
    public static let defaultMinFinalCLTVExpiryDelta: UInt32 = 18

    /// The second from which the invoice is not to be paid any more.
    public var expiresAt: UInt64 {
        let (sum, overflow) = timestamp.addingReportingOverflow(expiry)
        return overflow ? .max : sum
    }

    /// The description where the invoice holds it.
    public var descriptionText: String? {
        if case .text(let text) = details { return text }
        return nil
    }
}
