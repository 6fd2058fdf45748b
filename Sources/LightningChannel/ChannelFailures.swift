public import LightningWire

/// A peer broke a rule of the protocol; the core turns it into a warning, an error or a force close.
public struct ProtocolViolation: Error, Hashable, Sendable, CustomStringConvertible {
    /// What the BOLT lets us do about it.
    public enum Consequence: Hashable, Sendable {
        /// Send a `warning` and close the connection; the channel goes on after a reconnection.
        case warning
        /// Send a `warning`; the connection goes on, and the channel as if the message had not come.
        case notice
        /// Send an `error` and fail the channel.
        case failChannel
    }

    public var consequence: Consequence
    public var description: String

    public static func warning(_ text: String) -> ProtocolViolation {
        ProtocolViolation(consequence: .warning, description: text)
    }

    public static func notice(_ text: String) -> ProtocolViolation {
        ProtocolViolation(consequence: .notice, description: text)
    }

    public static func failChannel(_ text: String) -> ProtocolViolation {
        ProtocolViolation(consequence: .failChannel, description: text)
    }
}

/// Why a channel does not do what its owner asks; nothing has changed.
public enum ChannelRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// The peer is not connected, or the channel is not re-established yet.
    case notConnected
    /// The channel is not in a state for it.
    case notUsable(String)
    case insufficientBalance(spendable: MilliSatoshi)
    case belowMinimum(MilliSatoshi)
    case tooManyHTLCs(limit: Int)
    case tooMuchInFlight(limit: MilliSatoshi)
    case dustExposure(limit: MilliSatoshi)
    case unknownHTLC
    /// A failure of so many bytes would not fit into a message of every hop on its way.
    case failureTooLong(Int)
    case invalidScript(String)
    case notOpener
    case invalidExpiry

    public var description: String {
        switch self {
        case .notConnected: "the peer is not connected"
        case .notUsable(let state): "the channel is \(state)"
        case .insufficientBalance(let spendable): "only \(spendable) can be sent over the channel now"
        case .belowMinimum(let minimum): "the peer accepts no less than \(minimum)"
        case .tooManyHTLCs(let limit): "\(limit) payments are already under way, as many as the peer allows"
        case .tooMuchInFlight(let limit): "the peer allows no more than \(limit) under way at once"
        case .dustExposure(let limit): "payments too small for the chain would add up to more than \(limit)"
        case .unknownHTLC: "there is no such HTLC to resolve"
        case .failureTooLong(let count): "a failure of \(count) bytes is longer than \(ChannelLimits.maxFailureLength)"
        case .invalidScript(let why): "the closing script cannot be used: \(why)"
        case .notOpener: "only the side that opened the channel sets its fee rate"
        case .invalidExpiry: "the expiry is not a block height in reach"
        }
    }
}
