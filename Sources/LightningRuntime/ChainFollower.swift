import BitcoinBackend
import BitcoinPrimitives
import LightningCore
import Logging
import NIOCore

/// Tells a node of every block, in order, and publishes what the node asks for.
struct ChainFollower {
    let backend: any ChainBackend
    let driver: NodeDriver
    let logger: Logger

    /// Follows until cancelled; a layer 1 that is away is asked again.
    func run() async {
        // Said once, not every second while it lasts.
        var trouble: String?
        while !Task.isCancelled {
            do {
                let tip = try await backend.tip()
                try await catchUp(to: tip.hash)
                if let rate = try? await backend.feeRate() {
                    driver.eventLoop.execute { driver.enqueue(.feeRate(rate)) }
                }
                if trouble != nil { logger.notice("the layer 1 is there again, at block \(tip.height)") }
                trouble = nil
                await backend.waitForChange(from: tip.hash)
            } catch is CancellationError {
                return
            } catch {
                let text = "\(error)"
                if text != trouble { logger.warning("\(text); asking every second") }
                trouble = text
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    /// Feeds blocks until the node is where the layer 1 is.
    func catchUp(to tip: BlockHash) async throws {
        while !Task.isCancelled {
            let position = try await driver.read { $0.chain }
            if position.tip == tip {
                driver.eventLoop.execute { driver.enqueue(.caughtUp) }
                return
            }
            if try await backend.blockHash(height: position.height) == position.tip {
                guard let next = try await backend.blockHash(height: position.height + 1) else { return }
                let block = try await backend.block(next)
                guard block.header.previous == position.tip else { continue }
                try await feed(.blockConnected(block, height: position.height + 1), from: position.tip)
            } else {
                guard position.height > 0, position.recent.count > 1 else {
                    throw ChainFailure.unexpected("it is another chain than the wallet has followed")
                }
                let block = try await backend.block(position.tip)
                try await feed(.blockDisconnected(block, height: position.height), from: position.tip)
            }
        }
    }

    /// Waits until the node has taken the block; a node that has stopped never will, so the following ends with it.
    private func feed(_ input: NodeInput, from tip: BlockHash) async throws {
        driver.eventLoop.execute { driver.enqueue(input) }
        while try await driver.read({ $0.chain.tip }) == tip {
            guard try await !driver.hasStopped() else { throw CancellationError() }
            await Task.yield()
            try Task.checkCancellation()
        }
    }

    /// Publishes transactions in their order.
    func publish(_ transactions: AsyncStream<Transaction>) async {
        for await transaction in transactions {
            do {
                try await backend.publish(transaction)
            } catch {
                // Published again at the next block, where it still makes sense.
                logger.debug("not published: \(error)", metadata: ["transaction": "\(transaction.id)"])
            }
        }
    }
}
