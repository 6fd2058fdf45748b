import BitcoinBackend
import BitcoinLedger
import BitcoinPrimitives
import Foundation
import LightningSimulation
import Synchronization

/// The time of a layer 1: the system's, or one that goes on by a block interval with each block.
///
/// A chain that ran in virtual time is in the future of the system's clock: from there its time goes on.
final class ActivityClock: Sendable {
    private let virtualTime: Mutex<UInt32>?
    /// Seconds by which a chain is ahead of the system's clock.
    private let lead = Mutex<UInt32>(0)

    init(isVirtual: Bool) { virtualTime = isVirtual ? Mutex(Self.system) : nil }

    private static var system: UInt32 { UInt32(clamping: Int(Date().timeIntervalSince1970)) }

    var now: UInt32 {
        if let time = virtualTime?.withLock({ $0 }) { return time }
        let ahead = lead.withLock { $0 }
        return Self.system > .max - ahead ? .max : Self.system + ahead
    }

    func advance(_ seconds: Int) {
        virtualTime?.withLock { time in
            let (sum, overflow) = time.addingReportingOverflow(UInt32(clamping: seconds))
            time = overflow ? .max : sum
        }
    }

    /// Never behind the chain, whose blocks may be from a virtual future.
    func catchUp(with chain: EmbeddedChain) async {
        let time = await chain.read { ledger, _ in ledger.medianTimePast(height: ledger.height) }
        virtualTime?.withLock { $0 = max($0, time) }
        let system = Self.system
        lead.withLock { $0 = time > system ? time - system : 0 }
    }
}

/// A miner who works by the clock, and people who pay each other on layer 1.
struct ChainActivity: Sendable {
    let chain: EmbeddedChain
    let options: ActivityOptions
    let clock: ActivityClock
    /// What happens instead of mining here, where others have to hear of the blocks.
    var mine: @Sendable () async -> Void

    init(
        chain: EmbeddedChain, options: ActivityOptions, clock: ActivityClock, mine: (@Sendable () async -> Void)? = nil
    ) {
        self.chain = chain
        self.options = options
        self.clock = clock
        self.mine = mine ?? { _ = try? await chain.mine(1, paying: .anchor) }
    }

    /// Goes on until cancelled; without a block interval there is nothing to do but to wait.
    func run() async {
        guard let interval = options.blockInterval?.seconds else {
            while !Task.isCancelled { try? await Task.sleep(for: .seconds(3600)) }
            return
        }
        var load = BaseLayerLoad(seed: UInt64(Date().timeIntervalSince1970))
        if options.load > 0 { await supply(&load) }
        // One step is a tenth of a second; in virtual time ten of them are a block interval.
        let perStep = options.load * (options.virtual ? Double(interval) : 1) / 10
        let stepsPerBlock = options.virtual ? 10 : interval * 10
        var owed = 0.0
        var step = 0
        var next = ContinuousClock.now
        var hasFallenBehind = false
        while !Task.isCancelled {
            next += .milliseconds(100)
            try? await Task.sleep(until: next, clock: .continuous)
            if Task.isCancelled { return }
            if ContinuousClock.now - next > .seconds(2) {
                if !hasFallenBehind { Terminal.error("more is wanted than this machine can do: time goes slower than it should") }
                hasFallenBehind = true
                next = .now
            }
            clock.advance(interval / 10 + (step % 10 < interval % 10 ? 1 : 0))
            owed += perStep
            if owed >= 1 {
                let (outlook, floor) = await chain.read { ledger, now in
                    (ledger.feeOutlook(now: now), ledger.minimumFeeRate(now: now))
                }
                while owed >= 1, !Task.isCancelled {
                    owed -= 1
                    await pay(&load, outlook, floor)
                }
            }
            step += 1
            if step % stepsPerBlock == 0 { await mine() }
        }
    }

    /// Mines coins for the people, and divides them.
    private func supply(_ load: inout BaseLayerLoad) async {
        guard let hashes = try? await chain.mine(10, paying: load.script),
            (try? await chain.mine(100, paying: .anchor)) != nil
        else { return }
        for hash in hashes {
            if let block = try? await chain.block(hash) { load.matured(block) }
        }
        for _ in hashes {
            guard let transaction = load.fanOut(into: 1000, rate: 2000) else { return }
            if (try? await chain.publish(transaction)) != nil { load.add(transaction, id: transaction.id) }
        }
        await mine()
    }

    private func pay(_ load: inout BaseLayerLoad, _ outlook: FeeOutlook, _ floor: UInt64) async {
        let target = [1, 2, 3, 6, 12, 144].randomElement()!
        let rate = max(floor, outlook.estimate(target: target).rate * UInt64.random(in: 85...130) / 100)
        guard let transaction = load.payment(rate: rate), (try? await chain.publish(transaction)) != nil else { return }
        load.add(transaction, id: transaction.id)
    }
}
