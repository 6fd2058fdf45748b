/// Why a block is refused; the texts are Bitcoin Core's reject reasons.
package enum BlockRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// A rule is broken; the text is Bitcoin Core's reason.
    case rule(String)
    /// The block's parent is not known.
    case orphan
    /// The block was refused before.
    case knownInvalid
    case duplicate

    package var description: String {
        switch self {
        case .rule(let reason): reason
        case .orphan: "prev-blk-not-found"
        case .knownInvalid: "duplicate-invalid"
        case .duplicate: "duplicate"
        }
    }
}

/// Why a transaction does not enter the mempool.
package struct TransactionRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// Bitcoin Core's reject reason, which programs compare.
    package var reason: String
    /// More about it, for people; may be empty.
    package var details: String

    package init(_ reason: String, _ details: String = "") {
        self.reason = reason
        self.details = details
    }

    package var description: String { details.isEmpty ? reason : "\(reason), \(details)" }

    /// What can become acceptable in the company of a child that pays for it.
    var isReconsiderable: Bool { reason == "min relay fee not met" || reason == "mempool min fee not met" }
}
