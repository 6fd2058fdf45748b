/// Why a hold invoice cannot be settled or canceled; nothing has changed.
public enum HoldRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no invoice with this hash.
    case unknownInvoice
    /// Nothing is held for it; what it is instead.
    case notHeld(String)
    /// Its hash is another.
    case wrongPreimage
    /// Its channel was closed, and nothing of what was held can be claimed: too small for an output, or taken back.
    case lost

    public var description: String {
        switch self {
        case .unknownInvoice: "there is no such invoice"
        case .notHeld(let state): "nothing is held for this invoice: it is \(state)"
        case .lost: "its channel was closed, and nothing of what was held can be claimed any more. It is given back: cancel it"
        case .wrongPreimage: "the preimage does not belong to the invoice's payment hash"
        }
    }
}
