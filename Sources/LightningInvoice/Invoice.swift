public import BitcoinPrimitives
public import CryptoPrimitives
package import LightningOnion
public import LightningWire

/// Why a text is no BOLT 11 invoice that can be paid.
public enum InvoiceRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// It is no bech32 (BIP 173): a letter is wrong or missing.
    case notBech32
    /// It does not begin with `ln` and a network.
    case unknownPrefix(String)
    /// Its amount is none.
    case invalidAmount(String)
    /// It ends before its signature.
    case tooShort
    /// It is longer than any invoice that is meant.
    case tooLong
    /// The field of that name cannot be read.
    case malformedField(String)
    /// BOLT 11 demands the field of that name.
    case missingField(String)
    /// It was not signed by the node that it names, or was changed afterwards.
    case invalidSignature
    /// Compulsory features that this node does not have.
    case unknownFeatures([Int])
    /// It sets a feature without one that BOLT 9 demands with it.
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
    /// Who is at the beginning of the channel.
    public var nodeID: NodeID
    /// The channel, or an alias of it.
    public var shortChannelID: ShortChannelID
    /// `fee_base_msat` of the channel.
    public var feeBase: MilliSatoshi
    /// `fee_proportional_millionths` of the channel.
    public var feeProportionalMillionths: UInt32
    /// `cltv_expiry_delta` of the channel, in blocks.
    public var cltvExpiryDelta: UInt16

    /// A hop that the public graph does not show.
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
    /// In words, up to 639 bytes.
    case text(String)
    /// The SHA-256 of a text that is told elsewhere.
    case hash(Bytes32)
}

/// A BOLT 11 invoice whose signature has been checked.
public struct Invoice: Hashable, Sendable {
    /// Where it can be paid.
    public package(set) var network: Network
    /// `nil`: the payer chooses.
    public package(set) var amount: MilliSatoshi?
    /// When it was made, to the second.
    public package(set) var timestamp: Timestamp
    /// Whose preimage proves that it is paid.
    public package(set) var paymentHash: PaymentHash
    /// `nil` where the payee recognizes the payment by the blinded path that it comes over.
    public package(set) var paymentSecret: Bytes32?
    /// What it is for, or the hash of that.
    public package(set) var details: InvoiceDescription
    /// What the payer has to send along (field `m`).
    public package(set) var paymentMetadata: [UInt8]?
    /// The node that is to be paid.
    public package(set) var payee: NodeID
    /// How long it can be paid, from the timestamp on; whole seconds.
    public package(set) var expiry: Duration
    /// `min_final_cltv_expiry_delta`, in blocks: how far from its expiry the last HTLC has to be.
    public package(set) var minFinalCLTVExpiryDelta: UInt32
    /// Where it can be paid on chain.
    public package(set) var fallbackScripts: [Script]
    /// Ways to a payee that the public graph does not show, each from its entry on.
    public package(set) var routingHints: [[RoutingHint]]
    /// The only ways to a payee who does not tell who it is (bLIP 39); `payee` is a key of this invoice alone then.
    package var blindedPaths: [BlindedPaymentPath]
    package var features: FeatureBits
    /// The text it was read from or written as.
    public internal(set) var text: String

    /// Where an invoice does not say (BOLT 11).
    public static let defaultExpiry = Duration.seconds(3600)
    /// In blocks, where an invoice does not say (BOLT 11).
    public static let defaultMinFinalCLTVExpiryDelta: UInt32 = 18

    /// The moment from which the invoice is not to be paid any more.
    public var expiresAt: Timestamp { timestamp + expiry }

    /// The description where the invoice holds it.
    public var descriptionText: String? {
        if case .text(let text) = details { return text }
        return nil
    }
}

// Whoever reads the payment secret can pay a part of it: what is printed does not say it.
extension Invoice: CustomStringConvertible, CustomReflectable {
    public var description: String { "invoice \(paymentHash) of \(amount.map(\.description) ?? "any amount") to \(payee)" }
    /// Without children: what dumps a value shows no secret.
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
