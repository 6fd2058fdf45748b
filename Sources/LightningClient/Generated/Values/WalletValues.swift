public import Foundation

// The wallet on chain: what calls take and give. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// What `NewaddressAnswer` stands for.
    public struct NewaddressAnswer: Codable, Hashable, Sendable {
        /// Of this wallet. A Bitcoin address.
        public var address: String
        /// Addresses before it that nobody has paid.
        public var numUnpaid: Int64

        /// Puts one together, for tests and previews.
        public init(address: String, numUnpaid: Int64) {
            self.address = address
            self.numUnpaid = numUnpaid
        }

        private enum CodingKeys: String, CodingKey {
            case address
            case numUnpaid = "num_unpaid"
        }
    }

    /// What `FeeratesAnswer` stands for.
    public struct FeeratesAnswer: Codable, Hashable, Sendable {
        /// Within 2 blocks. Satoshi for a thousand units of weight: 250 for each satoshi per virtual byte.
        public var urgentSatKw: Int64
        /// Within 6 blocks. Satoshi for a thousand units of weight: 250 for each satoshi per virtual byte.
        public var hourSatKw: Int64
        /// Within 144 blocks. Satoshi for a thousand units of weight: 250 for each satoshi per virtual byte.
        public var daySatKw: Int64

        /// Puts one together, for tests and previews.
        public init(urgentSatKw: Int64, hourSatKw: Int64, daySatKw: Int64) {
            self.urgentSatKw = urgentSatKw
            self.hourSatKw = hourSatKw
            self.daySatKw = daySatKw
        }

        private enum CodingKeys: String, CodingKey {
            case urgentSatKw = "urgent_sat_kw"
            case hourSatKw = "hour_sat_kw"
            case daySatKw = "day_sat_kw"
        }
    }

    /// What `SendAnswer` stands for.
    public struct SendAnswer: Codable, Hashable, Sendable {
        /// By which it is known. A transaction's id, in hex as block explorers show it.
        public var txid: String
        /// How large it is. Virtual bytes.
        public var vsize: Int64
        /// What it pays; null where it is not known. Satoshi.
        public var feeSat: Int64?
        /// What it pays to the address. Satoshi.
        public var amountSat: Int64
        /// What comes back. Satoshi.
        public var changeSat: Int64

        /// Puts one together, for tests and previews.
        public init(txid: String, vsize: Int64, feeSat: Int64? = nil, amountSat: Int64, changeSat: Int64) {
            self.txid = txid
            self.vsize = vsize
            self.feeSat = feeSat
            self.amountSat = amountSat
            self.changeSat = changeSat
        }

        private enum CodingKeys: String, CodingKey {
            case txid
            case vsize
            case feeSat = "fee_sat"
            case amountSat = "amount_sat"
            case changeSat = "change_sat"
        }
    }

    /// A transaction that was made.
    public struct Transaction: Codable, Hashable, Sendable {
        /// By which it is known. A transaction's id, in hex as block explorers show it.
        public var txid: String
        /// How large it is. Virtual bytes.
        public var vsize: Int64
        /// What it pays; null where it is not known. Satoshi.
        public var feeSat: Int64?

        /// Puts one together, for tests and previews.
        public init(txid: String, vsize: Int64, feeSat: Int64? = nil) {
            self.txid = txid
            self.vsize = vsize
            self.feeSat = feeSat
        }

        private enum CodingKeys: String, CodingKey {
            case txid
            case vsize
            case feeSat = "fee_sat"
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum ListtransactionsAnswerTransactionPurpose: RawRepresentable, Codable, Hashable, Sendable {
        /// “received”.
        case received
        /// “payment”.
        case payment
        /// “funding”.
        case funding
        /// “mutual_close”.
        case mutualClose
        /// “commitment”.
        case commitment
        /// “claim”.
        case claim
        /// “fee_bump”.
        case feeBump
        /// “penalty”.
        case penalty
        /// “recovery”.
        case recovery
        /// “watchtower”.
        case watchtower
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "received": .received
                case "payment": .payment
                case "funding": .funding
                case "mutual_close": .mutualClose
                case "commitment": .commitment
                case "claim": .claim
                case "fee_bump": .feeBump
                case "penalty": .penalty
                case "recovery": .recovery
                case "watchtower": .watchtower
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .received: "received"
            case .payment: "payment"
            case .funding: "funding"
            case .mutualClose: "mutual_close"
            case .commitment: "commitment"
            case .claim: "claim"
            case .feeBump: "fee_bump"
            case .penalty: "penalty"
            case .recovery: "recovery"
            case .watchtower: "watchtower"
            case .other(let word): word
            }
        }
    }

    /// What `ListtransactionsAnswerTransaction` stands for.
    public struct ListtransactionsAnswerTransaction: Codable, Hashable, Sendable {
        /// Which. A transaction's id, in hex as block explorers show it.
        public var txid: String
        /// In which block; null where in none yet. The height of a block.
        public var blockheight: Int64?
        /// Blocks from that one on.
        public var confirmations: Int64
        /// Of that block. RFC 3339, in UTC.
        public var time: Date?
        /// What came less what went. Satoshi.
        public var amountSat: Int64
        /// What came. Satoshi.
        public var receivedSat: Int64
        /// What went. Satoshi.
        public var spentSat: Int64
        /// What it paid; null where it is not known. Satoshi.
        public var feeSat: Int64?
        /// What it was for.
        public var purpose: ListtransactionsAnswerTransactionPurpose
        /// Of which channel. BOLT 2's channel_id, in hex.
        public var channelId: String?

        /// Puts one together, for tests and previews.
        public init(
            txid: String, blockheight: Int64? = nil, confirmations: Int64, time: Date? = nil, amountSat: Int64, receivedSat: Int64,
            spentSat: Int64, feeSat: Int64? = nil, purpose: ListtransactionsAnswerTransactionPurpose, channelId: String? = nil
        ) {
            self.txid = txid
            self.blockheight = blockheight
            self.confirmations = confirmations
            self.time = time
            self.amountSat = amountSat
            self.receivedSat = receivedSat
            self.spentSat = spentSat
            self.feeSat = feeSat
            self.purpose = purpose
            self.channelId = channelId
        }

        private enum CodingKeys: String, CodingKey {
            case txid
            case blockheight
            case confirmations
            case time
            case amountSat = "amount_sat"
            case receivedSat = "received_sat"
            case spentSat = "spent_sat"
            case feeSat = "fee_sat"
            case purpose
            case channelId = "channel_id"
        }
    }

    /// What `ListtransactionsAnswer` stands for.
    public struct ListtransactionsAnswer: Codable, Hashable, Sendable {
        /// The transactions.
        public var transactions: [ListtransactionsAnswerTransaction]
        /// Where the next page begins; null where there is none. Where a list goes on.
        public var next: String?

        /// Puts one together, for tests and previews.
        public init(transactions: [ListtransactionsAnswerTransaction], next: String? = nil) {
            self.transactions = transactions
            self.next = next
        }

        private enum CodingKeys: String, CodingKey {
            case transactions
            case next
        }
    }

    /// What `ListunspentAnswerOutput` stands for.
    public struct ListunspentAnswerOutput: Codable, Hashable, Sendable {
        /// The transaction that made it. A transaction's id, in hex as block explorers show it.
        public var txid: String
        /// Which of its outputs.
        public var output: Int64
        /// What it is worth. Satoshi.
        public var amountSat: Int64
        /// Whom it pays. A Bitcoin address.
        public var address: String?
        /// In which block; null where in none yet. The height of a block.
        public var blockheight: Int64?
        /// Blocks from that one on.
        public var confirmations: Int64
        /// Whether it can be spent now.
        public var spendable: Bool
        /// Whether it came back from a payment of ours.
        public var change: Bool

        /// Puts one together, for tests and previews.
        public init(
            txid: String, output: Int64, amountSat: Int64, address: String? = nil, blockheight: Int64? = nil, confirmations: Int64,
            spendable: Bool, change: Bool
        ) {
            self.txid = txid
            self.output = output
            self.amountSat = amountSat
            self.address = address
            self.blockheight = blockheight
            self.confirmations = confirmations
            self.spendable = spendable
            self.change = change
        }

        private enum CodingKeys: String, CodingKey {
            case txid
            case output
            case amountSat = "amount_sat"
            case address
            case blockheight
            case confirmations
            case spendable
            case change
        }
    }

    /// What `ListunspentAnswer` stands for.
    public struct ListunspentAnswer: Codable, Hashable, Sendable {
        /// The coins.
        public var outputs: [ListunspentAnswerOutput]

        /// Puts one together, for tests and previews.
        public init(outputs: [ListunspentAnswerOutput]) {
            self.outputs = outputs
        }

        private enum CodingKeys: String, CodingKey {
            case outputs
        }
    }
}
