/// Why a hold invoice cannot be settled or canceled; nothing has changed.
public enum HoldRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is no invoice with this hash.
    case unknownInvoice
    /// Nothing is held for it; what it is instead.
    case notHeld(String)
    /// Its hash is another.
    case wrongPreimage

    public var description: String {
        switch self {
        case .unknownInvoice: "there is no such invoice"
        case .notHeld(let state): "nothing is held for this invoice: it is \(state)"
        case .wrongPreimage: "the preimage does not belong to the invoice's payment hash"
        }
    }
}
