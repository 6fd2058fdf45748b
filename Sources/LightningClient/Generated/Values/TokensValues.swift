public import Foundation

// Tokens: what calls take and give. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// One of some words; `other` is one of a later version.
    public enum CreatetokenPermission: RawRepresentable, Codable, Hashable, Sendable {
        /// “read”.
        case read
        /// “invoice”.
        case invoice
        /// “pay”.
        case pay
        /// “chain”.
        case chain
        /// “admin”.
        case admin
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "read": .read
                case "invoice": .invoice
                case "pay": .pay
                case "chain": .chain
                case "admin": .admin
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .read: "read"
            case .invoice: "invoice"
            case .pay: "pay"
            case .chain: "chain"
            case .admin: "admin"
            case .other(let word): word
            }
        }
    }

    /// What `CreatetokenAnswer` stands for.
    public struct CreatetokenAnswer: Codable, Hashable, Sendable {
        /// What a caller sends: Authorization: Bearer <token>.
        public var token: String
        /// By which it is known here.
        public var id: String

        /// Puts one together, for tests and previews.
        public init(token: String, id: String) {
            self.token = token
            self.id = id
        }

        private enum CodingKeys: String, CodingKey {
            case token
            case id
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum TokenPermission: RawRepresentable, Codable, Hashable, Sendable {
        /// “read”.
        case read
        /// “invoice”.
        case invoice
        /// “pay”.
        case pay
        /// “chain”.
        case chain
        /// “admin”.
        case admin
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "read": .read
                case "invoice": .invoice
                case "pay": .pay
                case "chain": .chain
                case "admin": .admin
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .read: "read"
            case .invoice: "invoice"
            case .pay: "pay"
            case .chain: "chain"
            case .admin: "admin"
            case .other(let word): word
            }
        }
    }

    /// What a token allows.
    public struct Token: Codable, Hashable, Sendable {
        /// By which it is known here.
        public var id: String
        /// For whom it is.
        public var name: String
        /// What it allows.
        public var permissions: [TokenPermission]
        /// What may be paid with it. Thousandths of a satoshi.
        public var limitMsat: Int64?
        /// In which time; null for in all. Seconds.
        public var limitPeriodS: Int64?
        /// What was paid with it in that time, and what is reserved for payments under way. Thousandths of a satoshi.
        public var spentMsat: Int64
        /// When it was made. RFC 3339, in UTC.
        public var createdAt: Date

        /// Puts one together, for tests and previews.
        public init(
            id: String, name: String, permissions: [TokenPermission], limitMsat: Int64? = nil, limitPeriodS: Int64? = nil, spentMsat: Int64,
            createdAt: Date
        ) {
            self.id = id
            self.name = name
            self.permissions = permissions
            self.limitMsat = limitMsat
            self.limitPeriodS = limitPeriodS
            self.spentMsat = spentMsat
            self.createdAt = createdAt
        }

        private enum CodingKeys: String, CodingKey {
            case id
            case name
            case permissions
            case limitMsat = "limit_msat"
            case limitPeriodS = "limit_period_s"
            case spentMsat = "spent_msat"
            case createdAt = "created_at"
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum WhoamiAnswerPermission: RawRepresentable, Codable, Hashable, Sendable {
        /// “read”.
        case read
        /// “invoice”.
        case invoice
        /// “pay”.
        case pay
        /// “chain”.
        case chain
        /// “admin”.
        case admin
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "read": .read
                case "invoice": .invoice
                case "pay": .pay
                case "chain": .chain
                case "admin": .admin
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .read: "read"
            case .invoice: "invoice"
            case .pay: "pay"
            case .chain: "chain"
            case .admin: "admin"
            case .other(let word): word
            }
        }
    }

    /// What `WhoamiAnswer` stands for.
    public struct WhoamiAnswer: Codable, Hashable, Sendable {
        /// For whom it is.
        public var name: String
        /// What it allows.
        public var permissions: [WhoamiAnswerPermission]
        /// What may be paid with it. Thousandths of a satoshi.
        public var limitMsat: Int64?
        /// In which time; null for in all. Seconds.
        public var limitPeriodS: Int64?
        /// What was. Thousandths of a satoshi.
        public var spentMsat: Int64

        /// Puts one together, for tests and previews.
        public init(
            name: String, permissions: [WhoamiAnswerPermission], limitMsat: Int64? = nil, limitPeriodS: Int64? = nil, spentMsat: Int64
        ) {
            self.name = name
            self.permissions = permissions
            self.limitMsat = limitMsat
            self.limitPeriodS = limitPeriodS
            self.spentMsat = spentMsat
        }

        private enum CodingKeys: String, CodingKey {
            case name
            case permissions
            case limitMsat = "limit_msat"
            case limitPeriodS = "limit_period_s"
            case spentMsat = "spent_msat"
        }
    }

    /// What `RevoketokenAnswer` stands for.
    public struct RevoketokenAnswer: Codable, Hashable, Sendable {
        /// Which.
        public var id: String

        /// Puts one together, for tests and previews.
        public init(id: String) {
            self.id = id
        }

        private enum CodingKeys: String, CodingKey {
            case id
        }
    }
}
