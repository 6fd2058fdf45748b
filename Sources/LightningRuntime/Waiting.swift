public import BitcoinPrimitives
public import LightningChannel
import LightningCore
public import LightningPayment
public import LightningWire

// What an application waits for. A task that is cancelled waits no more: `CancellationError`; what it waited for goes on.
extension LightningNode {
    /// Waits until the node has seen a block of the given height.
    ///
    /// - Throws: `NodeRefusal.stopped` where the node stops before, `CancellationError` where the task is cancelled.
    public func waitForBlock(_ height: BlockHeight) async throws {
        _ = try await waitFor { node in try await node.height() >= height ? true : nil }
    }

    /// Waits until payments can be sent over a channel: at once where they can be now.
    ///
    /// - Returns: the channel as it is then.
    /// - Throws: `NodeRefusal.unknownChannel` where there is none, `NodeRefusal.channel` where it is over or being closed, so that it never will be
    ///   usable; `NodeRefusal.stopped` where the node stops before.
    @discardableResult
    public func waitUntilUsable(_ id: ChannelID) async throws -> PaymentChannel {
        try await waitFor { node in
            guard let channel = try await node.driver.read({ $0.channels[id] }) else { throw NodeRefusal.unknownChannel }
            guard channel.isAlive, !channel.isShuttingDown else {
                throw NodeRefusal.channel(.notUsable(channel.stateName))
            }
            return channel.isUsable ? channel : nil
        }
    }

    /// Waits until all that was ours of a channel has been claimed, six blocks deep: at once where that is over.
    ///
    /// - Throws: `NodeRefusal.unknownChannel` where there is none, or it is forgotten because it was never funded; `NodeRefusal.stopped` where the
    ///   node stops before.
    public func waitUntilClosed(_ id: ChannelID) async throws {
        _ = try await waitFor { node in
            if let channel = try await node.driver.read({ $0.channels[id] }) { return channel.isClosed ? true : nil }
            guard try await node.closedChannel(id) != nil else { throw NodeRefusal.unknownChannel }
            return true
        }
    }

    /// Waits until a payment of ours has ended, whoever began it and when: at once where it has.
    ///
    /// - Returns: the payment, which succeeded.
    /// - Throws: `NodeRefusal.paymentFailed` where it failed and nothing of it is under way, `NodeRefusal.invalid` where there is none with this
    ///   hash; `NodeRefusal.stopped` where the node stops before: it goes on after the next start.
    public func waitForPayment(_ hash: PaymentHash) async throws -> OutgoingPayment {
        try await waitFor { node in
            guard let payment = try await node.payment(hash) else { throw NodeRefusal.invalid("there is no payment with the hash \(hash)") }
            switch payment.status {
            case .pending: return nil
            case .succeeded: return payment
            case .failed(let why, _): throw NodeRefusal.paymentFailed(payment, why)
            }
        }
    }

    /// Asks until there is an answer: now, whenever something has happened, and a few times a second, for a channel that is established again
    /// is no event of its own.
    private func waitFor<Answer: Sendable>(_ answer: @Sendable (LightningNode) async throws -> Answer?) async throws -> Answer {
        // Heard from before the first question on, so that nothing happens between it and the next.
        let events = events
        let (moments, moment) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let watcher = Task {
            for await _ in events { moment.yield() }
            moment.finish()
        }
        let clock = Task {
            while !Task.isCancelled {
                try await Task.sleep(for: .milliseconds(200))
                moment.yield()
            }
        }
        defer {
            watcher.cancel()
            clock.cancel()
        }
        moment.yield()
        for await _ in moments {
            do {
                if let found = try await answer(self) { return found }
            } catch let error as CancellationError {
                // The node stops, or whoever waits was cancelled.
                if Task.isCancelled { throw error }
                throw NodeRefusal.stopped
            }
        }
        try Task.checkCancellation()
        throw NodeRefusal.stopped
    }
}
