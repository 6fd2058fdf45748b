public import Foundation

// Invoices: what calls take and give. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// An invoice that was made.
    public struct Invoice: Codable, Hashable, Sendable {
        /// What the payer is given. An invoice: BOLT 11.
        public var bolt11: String
        /// By which it is known. The SHA-256 of a preimage, in hex.
        public var paymentHash: String
        /// What it asks for; null where the payer chooses. Thousandths of a satoshi.
        public var amountMsat: Int64?
        /// What it is for; null where it has a description's hash instead.
        public var description: String?
        /// When it was made. RFC 3339, in UTC.
        public var createdAt: Date
        /// From when on it is not paid any more. RFC 3339, in UTC.
        public var expiresAt: Date

        /// Puts one together, for tests and previews.
        public init(
            bolt11: String, paymentHash: String, amountMsat: Int64? = nil, description: String? = nil, createdAt: Date, expiresAt: Date
        ) {
            self.bolt11 = bolt11
            self.paymentHash = paymentHash
            self.amountMsat = amountMsat
            self.description = description
            self.createdAt = createdAt
            self.expiresAt = expiresAt
        }

        private enum CodingKeys: String, CodingKey {
            case bolt11
            case paymentHash = "payment_hash"
            case amountMsat = "amount_msat"
            case description
            case createdAt = "created_at"
            case expiresAt = "expires_at"
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum InvoiceStatusStatus: RawRepresentable, Codable, Hashable, Sendable {
        /// “paid”.
        case paid
        /// “unpaid”.
        case unpaid
        /// “held”.
        case held
        /// “settling”.
        case settling
        /// “canceled”.
        case canceled
        /// “expired”.
        case expired
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "paid": .paid
                case "unpaid": .unpaid
                case "held": .held
                case "settling": .settling
                case "canceled": .canceled
                case "expired": .expired
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .paid: "paid"
            case .unpaid: "unpaid"
            case .held: "held"
            case .settling: "settling"
            case .canceled: "canceled"
            case .expired: "expired"
            case .other(let word): word
            }
        }
    }

    /// An invoice, and how it stands.
    public struct InvoiceStatus: Codable, Hashable, Sendable {
        /// What the payer was given; null for a keysend. An invoice: BOLT 11.
        public var bolt11: String?
        /// By which it is known. The SHA-256 of a preimage, in hex.
        public var paymentHash: String
        /// What it asks for; null where the payer chooses. Thousandths of a satoshi.
        public var amountMsat: Int64?
        /// What it is for; null where it has a description's hash instead.
        public var description: String?
        /// When it was made. RFC 3339, in UTC.
        public var createdAt: Date
        /// From when on it is not paid any more. RFC 3339, in UTC.
        public var expiresAt: Date
        /// What its owner calls it.
        public var label: String?
        /// Whether it is no invoice but a payment that came without one.
        public var keysend: Bool
        /// How it stands.
        public var status: InvoiceStatusStatus
        /// When it was paid. RFC 3339, in UTC.
        public var paidAt: Date?
        /// What came. Thousandths of a satoshi.
        public var receivedMsat: Int64?
        /// Of one that is paid. Whose SHA-256 is the payment's hash, in hex: the proof that it was paid; or null.
        public var paymentPreimage: String?
        /// Of one that is held: from this block on it is failed. The height of a block.
        public var settleBeforeBlock: Int64?

        /// Puts one together, for tests and previews.
        public init(
            bolt11: String? = nil, paymentHash: String, amountMsat: Int64? = nil, description: String? = nil, createdAt: Date,
            expiresAt: Date, label: String? = nil, keysend: Bool, status: InvoiceStatusStatus, paidAt: Date? = nil,
            receivedMsat: Int64? = nil, paymentPreimage: String? = nil, settleBeforeBlock: Int64? = nil
        ) {
            self.bolt11 = bolt11
            self.paymentHash = paymentHash
            self.amountMsat = amountMsat
            self.description = description
            self.createdAt = createdAt
            self.expiresAt = expiresAt
            self.label = label
            self.keysend = keysend
            self.status = status
            self.paidAt = paidAt
            self.receivedMsat = receivedMsat
            self.paymentPreimage = paymentPreimage
            self.settleBeforeBlock = settleBeforeBlock
        }

        private enum CodingKeys: String, CodingKey {
            case bolt11
            case paymentHash = "payment_hash"
            case amountMsat = "amount_msat"
            case description
            case createdAt = "created_at"
            case expiresAt = "expires_at"
            case label
            case keysend
            case status
            case paidAt = "paid_at"
            case receivedMsat = "received_msat"
            case paymentPreimage = "payment_preimage"
            case settleBeforeBlock = "settle_before_block"
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum ListinvoicesStatus: RawRepresentable, Codable, Hashable, Sendable {
        /// “paid”.
        case paid
        /// “unpaid”.
        case unpaid
        /// “held”.
        case held
        /// “settling”.
        case settling
        /// “canceled”.
        case canceled
        /// “expired”.
        case expired
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "paid": .paid
                case "unpaid": .unpaid
                case "held": .held
                case "settling": .settling
                case "canceled": .canceled
                case "expired": .expired
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .paid: "paid"
            case .unpaid: "unpaid"
            case .held: "held"
            case .settling: "settling"
            case .canceled: "canceled"
            case .expired: "expired"
            case .other(let word): word
            }
        }
    }

    /// What `ListinvoicesAnswer` stands for.
    public struct ListinvoicesAnswer: Codable, Hashable, Sendable {
        /// The invoices.
        public var invoices: [InvoiceStatus]
        /// Where the next page begins; null where there is none. Where a list goes on.
        public var next: String?

        /// Puts one together, for tests and previews.
        public init(invoices: [InvoiceStatus], next: String? = nil) {
            self.invoices = invoices
            self.next = next
        }

        private enum CodingKeys: String, CodingKey {
            case invoices
            case next
        }
    }

    /// What `SettleAnswer` stands for.
    public struct SettleAnswer: Codable, Hashable, Sendable {
        /// Of the invoice. The SHA-256 of a preimage, in hex.
        public var paymentHash: String

        /// Puts one together, for tests and previews.
        public init(paymentHash: String) {
            self.paymentHash = paymentHash
        }

        private enum CodingKeys: String, CodingKey {
            case paymentHash = "payment_hash"
        }
    }

    /// What `CancelAnswer` stands for.
    public struct CancelAnswer: Codable, Hashable, Sendable {
        /// Of the invoice. The SHA-256 of a preimage, in hex.
        public var paymentHash: String

        /// Puts one together, for tests and previews.
        public init(paymentHash: String) {
            self.paymentHash = paymentHash
        }

        private enum CodingKeys: String, CodingKey {
            case paymentHash = "payment_hash"
        }
    }
}
