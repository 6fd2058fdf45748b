import BitcoinBackend
import BitcoinPrimitives
import LightningChannel
import LightningCore
import LightningWire
import Logging

/// Finds what became of channels out of a backup: they may have been closed before this node knew of them, and then the blocks that tell it
/// have gone by.
struct PastCloses {
    let backend: any ChainBackend
    let driver: NodeDriver
    let logger: Logger

    /// Looks once for what was restored in earlier runs, and then whenever something is restored.
    func run() async {
        let events = driver.events()
        if let known = try? await driver.read({ core in core.channels.values.filter(\.isRecovered).map(\.id) }) { await look(for: known) }
        for await event in events {
            if case .channelsRestored(let ids) = event { await look(for: ids) }
        }
    }

    /// Until layer 1 has answered.
    private func look(for ids: [ChannelID]) async {
        var trouble = false
        while !Task.isCancelled {
            do {
                return try await search(for: ids)
            } catch {
                if !trouble { logger.warning("\(error): whether restored channels were closed before is asked again every ten seconds") }
                trouble = true
                try? await Task.sleep(for: .seconds(10))
            }
        }
    }

    private func search(for ids: [ChannelID]) async throws {
        let waiting = try await driver.read { core in
            ids.compactMap { id in
                core.channels[id].flatMap { channel in channel.close == nil ? channel.shortChannelID.map { (id, $0) } : nil }
            }
        }
        var wanted: Set<ChannelID> = []
        var height = BlockHeight.never
        for (id, place) in waiting {
            let isUnspent =
                try await backend.unspentOutput(height: place.block, transaction: place.transaction, output: place.output) != nil
            guard !isUnspent else { continue }
            wanted.insert(id)
            height = min(height, place.block)
        }
        guard !wanted.isEmpty else { return }
        logger.notice("\(wanted.count) restored channels were closed before: the blocks from \(height) on are looked through")
        let searched = wanted
        var watched = try await outPoints(of: searched)
        while try await height <= driver.read({ $0.height }), !Task.isCancelled {
            guard let hash = try await backend.blockHash(height: height) else { return }
            let interests = try await driver.read { $0.chainInterests }
            let block = try await backend.contents(of: hash, height: height, concerning: interests)
            if block.transactions.contains(where: { $0.inputs.contains { watched.contains($0.previousOutput) } }) {
                try await driver.handle(.pastBlock(block, height: height, for: searched))
                watched = try await outPoints(of: searched)
            }
            height += 1
        }
    }

    private func outPoints(of ids: Set<ChannelID>) async throws -> Set<OutPoint> {
        try await driver.read { core in Set(ids.flatMap { core.channels[$0]?.watchedOutPoints ?? [] }) }
    }
}
