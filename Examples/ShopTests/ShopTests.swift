import Lightning
import Testing

/// Somebody's own code: a shop that ships what was paid for three blocks ago.
struct Shop {
    let chain: any ChainBackend
    let script: Script

    func confirmations() async throws -> Int {
        let tip = try await chain.tip().height
        for height in stride(from: tip, through: 0, by: -1) {
            guard let hash = try await chain.blockHash(height: height) else { continue }
            let block = try await chain.contents(of: hash, height: height, concerning: .init(scripts: [script]))
            let outputs = block.entries.flatMap(\.transaction.outputs)
            if outputs.contains(where: { $0.script == script }) { return tip - height + 1 }
        }
        return 0
    }
}

// Its test in twenty lines: a whole Bitcoin chain in memory, with a reorganization in the middle.
@Test("the shop ships after three blocks, and not when the payment is undone")
func shop() async throws {
    let chain = try EmbeddedChain(path: nil)
    let shop = Shop(chain: chain, script: Address("bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080", network: .regtest)!.script)
    try await chain.mine(10, paying: .anchor)
    #expect(try await shop.confirmations() == 0)

    let paid = try await chain.mine(1, paying: shop.script)[0]
    try await chain.mine(1, paying: .anchor)
    #expect(try await shop.confirmations() == 2)

    // Another branch wins: the payment is gone.
    try await chain.invalidate(paid)
    try await chain.mine(1, paying: .anchor)
    #expect(try await shop.confirmations() == 0)

    // The first one comes back, and grows.
    try await chain.reconsider(paid)
    try await chain.mine(1, paying: .anchor)
    #expect(try await shop.confirmations() == 3)
}
