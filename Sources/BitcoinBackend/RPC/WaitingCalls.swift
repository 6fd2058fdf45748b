import BitcoinLedger
import BitcoinPrimitives

/// Calls that wait for the chain, and the one that moves its clock.
extension RPCMethod {
    static let waiting: [RPCMethod] = [
        RPCMethod(
            "waitfornewblock", ["timeout", "current_tip"], "blockchain", "Waits for another tip than the present one, or the given one."
        ) {
            arguments, context in
            let former = arguments[1] == nil ? await context.chain.tip().hash : try arguments.identifier(1, BlockHash.self)
            return try await wait(try milliseconds(arguments, 0), context) { $0.hash != former }
        },
        RPCMethod("waitforblock", ["blockhash", "timeout"], required: 1, "blockchain", "Waits until a block is the tip.") {
            arguments, context in
            let wanted = try arguments.identifier(0, BlockHash.self)
            return try await wait(try milliseconds(arguments, 1), context) { $0.hash == wanted }
        },
        RPCMethod("waitforblockheight", ["height", "timeout"], required: 1, "blockchain", "Waits until the chain is so high.") {
            arguments, context in
            let wanted = BlockHeight(try arguments.integer(0))
            return try await wait(try milliseconds(arguments, 1), context) { $0.height >= wanted }
        },
        RPCMethod(
            "setmocktime", ["timestamp"], required: 1, "hidden", "What time it is from now on, in seconds since 1970; 0 for the real one."
        ) {
            arguments, context in
            let time = try arguments.integer(0)
            guard (0...Int(UInt32.max)).contains(time) else {
                throw RPCFailure.parameter("Mocktime must be in the range [0, \(UInt32.max)], not \(time).")
            }
            await context.chain.setTime(time == 0 ? nil : UInt32(time))
            return .null
        },
    ]

    /// `nil` for as long as it takes.
    private static func milliseconds(_ arguments: RPCArguments, _ position: Int) throws(RPCFailure) -> Int? {
        let timeout = try arguments.optionalInteger(position) ?? 0
        guard timeout >= 0 else { throw .misc("Negative timeout") }
        return timeout == 0 ? nil : timeout
    }

    /// Waits for a tip; the tip there is at the end, whether or not it is such a one.
    private static func wait(
        _ timeout: Int?, _ context: RPCContext, until isReached: @escaping @Sendable ((height: BlockHeight, hash: BlockHash)) -> Bool
    ) async throws -> RPCValue {
        let chain = context.chain
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled {
                    let tip = await chain.tip()
                    if isReached(tip) { return }
                    await chain.waitForChange(from: tip.hash)
                }
            }
            if let timeout { group.addTask { try? await Task.sleep(for: .milliseconds(timeout)) } }
            await group.next()
            group.cancelAll()
        }
        let tip = await chain.tip()
        return ["hash": .text(tip.hash), "height": .height(tip.height)]
    }
}
