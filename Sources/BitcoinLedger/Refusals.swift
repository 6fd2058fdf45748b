/// Why a block is refused; the raw values are Bitcoin Core's reject reasons.
public enum BlockRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// A rule is broken; the text is Bitcoin Core's reason.
    case rule(String)
    /// The block's parent is not known.
    case orphan
    /// The block, or an ancestor of it, was refused before.
    case knownInvalid
    case duplicate

    public var description: String {
        switch self {
        case .rule(let reason): reason
        case .orphan: "prev-blk-not-found"
        case .knownInvalid: "duplicate-invalid"
        case .duplicate: "duplicate"
        }
    }
}

/// Why a transaction does not enter the mempool; `reason` is Bitcoin Core's text.
public struct TransactionRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    public var reason: String
    public init(_ reason: String) { self.reason = reason }
    public var description: String { reason }
}
