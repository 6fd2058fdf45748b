import LightningChannel
import Testing

@Suite("the table of HTLC states")
struct HTLCStateTests {
    @Test("every state moves on with exactly the step that its name foretells, and no other")
    func transitions() {
        let expected: [HTLCState: (HTLCState.Step, HTLCState)] = [
            .sentAddHTLC: (.sentCommit, .sentAddCommit), .sentAddCommit: (.receivedRevocation, .receivedAddRevocation),
            .receivedAddRevocation: (.receivedCommit, .receivedAddAckCommit),
            .receivedAddAckCommit: (.sentRevocation, .sentAddAckRevocation),
            .receivedRemoveHTLC: (.receivedCommit, .receivedRemoveCommit),
            .receivedRemoveCommit: (.sentRevocation, .sentRemoveRevocation),
            .sentRemoveRevocation: (.sentCommit, .sentRemoveAckCommit),
            .sentRemoveAckCommit: (.receivedRevocation, .receivedRemoveAckRevocation),
            .receivedAddHTLC: (.receivedCommit, .receivedAddCommit), .receivedAddCommit: (.sentRevocation, .sentAddRevocation),
            .sentAddRevocation: (.sentCommit, .sentAddAckCommit),
            .sentAddAckCommit: (.receivedRevocation, .receivedAddAckRevocation),
            .sentRemoveHTLC: (.sentCommit, .sentRemoveCommit), .sentRemoveCommit: (.receivedRevocation, .receivedRemoveRevocation),
            .receivedRemoveRevocation: (.receivedCommit, .receivedRemoveAckCommit),
            .receivedRemoveAckCommit: (.sentRevocation, .sentRemoveAckRevocation),
        ]
        for state in HTLCState.allCases {
            for step in HTLCState.Step.allCases {
                let next = expected[state].flatMap { $0.0 == step ? $0.1 : nil } ?? state
                #expect(state.after(step) == next, "\(state) after \(step)")
            }
        }
    }

    @Test("an HTLC is in a commitment from one step to another, without a gap, and both sides see it alike")
    func membership() {
        for first in [HTLCState.sentAddHTLC, .receivedAddHTLC] {
            for view in HTLCState.View.allCases {
                var phases: [Int] = []
                for position in 0..<10 {
                    let state = HTLCState(rawValue: first.rawValue + UInt8(position))!
                    // Not yet, in it, or removed from it: exactly one.
                    let isIn = state.isIn(view)
                    let isRemoved = state.isRemoved(from: view)
                    #expect(!(isIn && isRemoved))
                    phases.append(isIn ? 1 : isRemoved ? 2 : 0)
                    #expect(state.hasReached(view) == (isIn || isRemoved))
                }
                #expect(phases == phases.sorted())
            }
        }
        // What the offerer calls its remote's commitment is the receiver's local one.
        for position in UInt8(0)..<10 {
            let offered = HTLCState(rawValue: position)!
            let received = HTLCState(rawValue: position + 10)!
            if offered.isIn(.local) { #expect(received.isIn(.remoteLatest)) }
        }
    }
}
