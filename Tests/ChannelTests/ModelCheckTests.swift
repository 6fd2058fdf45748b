import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
import LightningWire
import TestSupport
import Testing

@testable import LightningChannel

/// Every order in which things can happen to a small channel, to the end: the real machine on both sides.
///
/// Alice offers an HTLC that bob fulfils, and bob offers one that alice fails. Offers, decisions, signatures and the arrival of each message come in any order;
/// once or twice at most, and at any moment, the connection breaks, or one side dies and is rebuilt from its records. Messages under way are lost then.
@Suite("all interleavings of two HTLCs and a fault or two", .ownThreads)
struct ModelCheckTests {
    /// All that decides what can happen next.
    private struct Key: Hashable {
        var sides: [CommitmentState]
        var connections: [PaymentChannel.Connection]
        var toBob: [[UInt8]]
        var toAlice: [[UInt8]]
        var offers: [Bool]
        var decisions: [UInt64?]
        var faults: Int
        var isConnected: Bool
    }

    private struct State {
        var pair: ChannelPair
        var toBob: [LightningMessage] = []
        var toAlice: [LightningMessage] = []
        /// Whether each side has its offer still to make.
        var offers = [true, true]
        /// The HTLC that each side has to decide about.
        var decisions: [UInt64?] = [nil, nil]
        var faults = 1
        var isConnected = true

        var key: Key {
            Key(
                sides: [pair.alice.commitments, pair.bob.commitments], connections: [pair.alice.connection, pair.bob.connection],
                toBob: toBob.map(\.encoded), toAlice: toAlice.map(\.encoded), offers: offers, decisions: decisions, faults: faults,
                isConnected: isConnected)
        }

        subscript(side: Int) -> PaymentChannel {
            get { side == 0 ? pair.alice : pair.bob }
            set { if side == 0 { pair.alice = newValue } else { pair.bob = newValue } }
        }

        func environment(_ side: Int) -> ChannelEnvironment { side == 0 ? pair.environments.alice : pair.environments.bob }

        mutating func say(_ messages: [LightningMessage], by side: Int) {
            // What is said without a connection arrives nowhere.
            guard isConnected else { return }
            if side == 0 { toBob += messages } else { toAlice += messages }
        }

        /// Takes what a side wants.
        mutating func take(_ effects: [ChannelEffect], of side: Int) throws {
            say(ChannelPair.messages(effects), by: side)
            for effect in effects {
                switch effect {
                case .received(let htlc): decisions[side] = htlc.id
                case .violated(let violation): throw violation
                case .alert(let text): throw Unexpected(what: text)
                case .withdrawn: offers[side] = true
                default: break
                }
            }
        }

        mutating func drop() {
            (toBob, toAlice) = ([], [])
            isConnected = false
            for side in 0...1 {
                for case .withdrawn in self[side].disconnect() { offers[side] = true }
            }
        }
    }

    private struct Unexpected: Error {
        var what: String
    }

    private static let preimages = [PaymentPreimage(Hash.sha256([1])), PaymentPreimage(Hash.sha256([2]))]
    private static let amounts: [UInt64] = [50_000_123, 40_000_456]

    /// What can happen in a state, each as the state after it.
    private static func successors(_ state: State) throws -> [State] {
        var result: [State] = []
        func add(_ change: (inout State) throws -> Void) rethrows {
            var next = state
            try change(&next)
            result.append(next)
        }
        // A message arrives.
        if let message = state.toBob.first {
            try add { next in
                next.toBob.removeFirst()
                try next.take(next[1].handle(.message(message), next.environment(1)), of: 1)
            }
        }
        if let message = state.toAlice.first {
            try add { next in
                next.toAlice.removeFirst()
                try next.take(next[0].handle(.message(message), next.environment(0)), of: 0)
            }
        }
        for side in 0...1 {
            // What waits is signed.
            if state.isConnected, state[side].connection == .established {
                var next = state
                let effects = next[side].flush(next.environment(side))
                if !effects.isEmpty {
                    try next.take(effects, of: side)
                    result.append(next)
                }
            }
            if state.offers[side], state[side].isUsable {
                try add { next in
                    next.offers[side] = false
                    let offer = HTLCOffer(
                        amount: MilliSatoshi(amounts[side]), paymentHash: preimages[side].paymentHash, cltvExpiry: 500,
                        onion: [UInt8](repeating: 0, count: 1366), pathKey: nil, origin: nil)
                    try next.take(next[side].handle(.offer(offer), next.environment(side)), of: side)
                }
            }
            if let id = state.decisions[side] {
                try add { next in
                    next.decisions[side] = nil
                    // Bob knows the preimage of alice's; alice does not want bob's.
                    let resolution: HTLC.Resolution =
                        side == 1 ? .fulfilled(preimages[0]) : .failed(reason: [UInt8](repeating: 9, count: 292))
                    try next.take(next[side].handle(.resolve(id, resolution), next.environment(side)), of: side)
                }
            }
            if state.faults > 0 {
                try add { next in
                    next.faults -= 1
                    next.drop()
                    next[side] = try stored(state[side])
                    try next.take(next[side].handle(.restarted(), next.environment(side)), of: side)
                    // Decided or not is in the records: what is not is told again.
                    next.decisions[side] = next[side].undecidedHTLCs.first?.id
                }
            }
        }
        if state.faults > 0 {
            add { next in
                next.faults -= 1
                next.drop()
            }
        }
        if !state.isConnected {
            try add { next in
                next.isConnected = true
                for side in 0...1 { try next.take(next[side].connect(next.environment(side)), of: side) }
            }
        }
        return result
    }

    /// A channel as its records rebuild it.
    private static func stored(_ channel: PaymentChannel) throws -> PaymentChannel {
        var channel = channel
        channel.isChanged = true
        guard let head = channel.takeWrites().head else { throw Unexpected(what: "no record") }
        let htlcs = channel.commitments.htlcs.values.filter { $0.state != .receivedAddHTLC }.map(PaymentChannel.encode)
        return try PaymentChannel(head: head, htlcs: htlcs)
    }

    @Test(
        "no order breaks a rule, and each ends with both sides of one mind",
        arguments: zip([ChannelType.anchors, .staticRemoteKey, .anchors], [1, 1, 2]))
    func all(type: ChannelType, faults: Int) throws {
        var first = State(pair: try ChannelPair(type: type))
        first.pair.effects = []
        first.faults = faults
        let capacity = MilliSatoshi(first.pair.alice.parameters.fundingAmount)
        var seen: Set<Key> = [first.key]
        var open = [first]
        var (ends, steps) = (0, 0)
        while let state = open.popLast() {
            let next = try Self.successors(state)
            steps += next.count
            if next.isEmpty {
                ends += 1
                let (alice, bob) = (state.pair.alice.commitments, state.pair.bob.commitments)
                let isSettled =
                    alice.htlcs.isEmpty && bob.htlcs.isEmpty && alice.toLocal == bob.toRemote && alice.toRemote == bob.toLocal
                    && alice.toLocal.adding(alice.toRemote) == capacity && alice.localNumber == bob.remoteNumber
                    && alice.remoteNumber == bob.localNumber && !alice.awaitsRevocation && !bob.awaitsRevocation
                    && bob.toLocal == MilliSatoshi(300_000_000 + Self.amounts[0])
                #expect(isSettled, "\(state.key)")
                if !isSettled { return }
            }
            for state in next where seen.insert(state.key).inserted { open.append(state) }
        }
        print("model check, \(type), \(faults) faults: \(seen.count) states, \(steps) steps, \(ends) ends")
        #expect(seen.count > 1000 && ends >= 1)
    }
}
