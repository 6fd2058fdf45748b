import BitcoinPrimitives
public import LightningEnforcement
import LightningTransactions

extension PaymentChannel {
    /// What the channel is doing. Whether the peer is connected is another matter (`connection`).
    ///
    /// Before there is a channel, while it is being agreed on, `ChannelOpening` is what there is.
    public enum Phase: Hashable, Sendable {
        /// The two sides talk about it.
        case live(LivePhase)
        /// Our commitment is published until something that spends the funding output is in a block.
        case failed(Failed)
        /// The peer proved that our data is old. Publishing our commitment would lose everything: we wait for theirs.
        case dataLost(DataLost)
        /// The funding output is spent; outputs are being claimed.
        case closing(Closing)
        /// All that was ours has been claimed for good.
        case closed(Closing)

        /// Where the conversation is, or where it was when it ended: what was signed then may still be mined, and a reorganization may bring
        /// it back.
        var live: LivePhase {
            get {
                switch self {
                case .live(let live): live
                case .failed(let failed): failed.before
                case .dataLost(let lost): lost.before
                case .closing(let closing), .closed(let closing): closing.before
                }
            }
            set {
                switch self {
                case .live: self = .live(newValue)
                case .failed(var failed):
                    failed.before = newValue
                    self = .failed(failed)
                case .dataLost: self = .dataLost(DataLost(before: newValue))
                case .closing(var closing):
                    closing.before = newValue
                    self = .closing(closing)
                case .closed(var closing):
                    closing.before = newValue
                    self = .closed(closing)
                }
            }
        }
    }

    /// Where the two sides' conversation about a channel stands.
    public enum LivePhase: Hashable, Sendable {
        /// Waiting for the funding transaction, or for `channel_ready` of either side.
        case confirming(Confirming)
        /// BOLT 2 "Normal Operation".
        case normal
        /// BOLT 2 "Channel Close": one side wants to close, and both settle what is under way.
        case shuttingDown(ShuttingDown)

        /// Which side has said `channel_ready`.
        var readiness: Confirming {
            switch self {
            case .confirming(let confirming): confirming
            case .normal: .complete
            case .shuttingDown(let ending): ending.readiness
            }
        }

        /// What was said of the end, if anything was.
        var ending: ShuttingDown? {
            if case .shuttingDown(let ending) = self { return ending }
            return nil
        }

        /// The connection is gone, and with it the negotiation of the closing fee.
        mutating func dropNegotiation() {
            guard case .shuttingDown(var ending) = self, ending.negotiation != ClosingNegotiation() else { return }
            ending.negotiation = ClosingNegotiation()
            self = .shuttingDown(ending)
        }

        init(_ readiness: Confirming, _ ending: ShuttingDown?) {
            if var ending {
                ending.readiness = readiness
                self = .shuttingDown(ending)
            } else {
                self = readiness.isComplete ? .normal : .confirming(readiness)
            }
        }
    }

    /// Whether the two sides talk about it still: it is neither given up nor closed.
    public var isAlive: Bool {
        if case .live = phase { return true }
        return false
    }

    /// Whether it is alive, and `channel_ready` of either side is still to come.
    public var isConfirming: Bool { isAlive && !phase.live.readiness.isComplete }

    /// Whether it is alive, and both sides have said `channel_ready`: it may be shutting down, or its peer be away.
    public var isOpen: Bool { isAlive && phase.live.readiness.isComplete }

    /// Whether all that was ours has been claimed for good.
    public var isClosed: Bool {
        if case .closed = phase { return true }
        return false
    }

    /// How it ends, once its funding output is spent.
    public var close: ChannelClose? {
        switch phase {
        case .closing(let closing), .closed(let closing): closing.close
        case .live, .failed, .dataLost: nil
        }
    }

    /// Whether we took its funding transaction back before a block held it.
    public var isAbandoned: Bool {
        guard case .failed = phase else { return false }
        return parameters.isOpener && !funding.wasConfirmed && funding.transaction == nil
    }

    /// Whether one side has said that it wants to close, or means to.
    public var isShuttingDown: Bool { phase.live.ending != nil }

    /// Closing transactions that both sides have signed; one of them will be mined.
    var mutualCloses: [Transaction] { phase.live.ending?.mutualCloses ?? [] }

    /// One word for lists.
    public var stateName: String {
        if funding.conflict != nil, close == nil { return "double-spent" }
        return switch phase {
        case .live(let live):
            if !live.readiness.isComplete {
                fundingHeight == nil ? "opening" : "confirming"
            } else {
                !mutualCloses.isEmpty ? "closing" : isShuttingDown ? "shutdown" : fundingHeight == nil ? "unconfirmed" : "normal"
            }
        case .failed: isAbandoned ? "abandoned" : "forceclosing"
        case .dataLost: "data-lost"
        case .closing: "closing"
        case .closed: "closed"
        }
    }
}
