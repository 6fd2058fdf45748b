public import BitcoinPrimitives
import LightningRouting
public import LightningWire

/// Why a payment is not even tried; nothing has changed.
public enum PaymentRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// It is too late to pay it.
    case expired
    /// It is to be paid on another network.
    case wrongNetwork(Network)
    /// It was paid: nothing is paid twice.
    case alreadyPaid
    /// A payment of it is under way.
    case inProgress
    /// It names no amount, and neither did the caller.
    case amountMissing
    /// Another amount than the invoice's; BOLT 4 allows up to twice as much.
    case wrongAmount(MilliSatoshi)
    /// It is our own.
    case ownInvoice
    /// More than all bitcoin.
    case tooLarge
    /// The cheapest way costs so much, which is more than it may.
    case tooExpensive(MilliSatoshi)
    /// No way leads to the payee.
    case noRoute(String)

    public var description: String {
        switch self {
        case .expired: "the invoice has expired: ask for a new one"
        case .wrongNetwork(let network): "the invoice is for \(network.rawValue)"
        case .alreadyPaid: "the invoice is paid already"
        case .inProgress: "a payment of this invoice is under way"
        case .amountMissing: "the invoice names no amount: say how much to pay"
        case .wrongAmount(let amount): "the invoice asks for \(amount)"
        case .ownInvoice: "that would pay this node itself"
        case .tooLarge: "there is not so much bitcoin"
        case .tooExpensive(let cheapest): RouteRefusal.tooExpensive(cheapest: cheapest).description
        case .noRoute(let why): why
        }
    }
}
