import LightningTransactions
import LightningWire

/// The HTLCs of a channel by key, with an outline of each: what most rules ask of all HTLCs at once, several times for each payment, is read
/// from the outlines without touching the HTLCs, which carry onions.
package struct HTLCTable: Hashable, Sendable {
    /// What balances, limits and steps are worked out from.
    struct Outline: Hashable, Sendable {
        var amount: MilliSatoshi
        var state: HTLCState
        /// Whether its preimage is known to the channel.
        var isFulfilled: Bool

        init(_ htlc: HTLC) {
            (amount, state, isFulfilled) = (htlc.amount, htlc.state, htlc.preimage != nil)
        }
    }

    private var positions: [HTLC.Key: Int] = [:]
    /// In no order.
    private var htlcs: [HTLC] = []
    /// Of each HTLC, at the same position.
    private(set) var outlines: [Outline] = []

    package var count: Int { htlcs.count }
    package var isEmpty: Bool { htlcs.isEmpty }
    /// The HTLCs, in no order.
    package var values: [HTLC] { htlcs }
    package var keys: Dictionary<HTLC.Key, Int>.Keys { positions.keys }

    package subscript(key: HTLC.Key) -> HTLC? {
        get { positions[key].map { htlcs[$0] } }
        set {
            switch (positions[key], newValue) {
            case (let position?, let htlc?):
                htlcs[position] = htlc
                outlines[position] = Outline(htlc)
            case (nil, let htlc?):
                positions[key] = htlcs.count
                htlcs.append(htlc)
                outlines.append(Outline(htlc))
            case (let position?, nil):
                positions[key] = nil
                // The last one takes its place.
                let last = htlcs.removeLast()
                outlines.removeLast()
                guard position < htlcs.count else { return }
                htlcs[position] = last
                outlines[position] = Outline(last)
                positions[last.key] = position
            case (nil, nil): break
            }
        }
    }

    /// Moves everything one step; the HTLCs that changed, in their fixed order.
    mutating func apply(_ step: HTLCState.Step) -> [HTLC] {
        var changed: [HTLC] = []
        for position in outlines.indices {
            let state = outlines[position].state.after(step)
            guard state != outlines[position].state else { continue }
            outlines[position].state = state
            htlcs[position].state = state
            changed.append(htlcs[position])
        }
        return changed.sorted { $0.key < $1.key }
    }

    package static func == (left: HTLCTable, right: HTLCTable) -> Bool {
        left.count == right.count && left.htlcs.allSatisfy { right[$0.key] == $0 }
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(count) }
}
