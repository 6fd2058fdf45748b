public import BitcoinPrimitives
public import LightningChain
import LightningChannel
public import LightningCore
public import LightningWire

/// An output on chain that is the wallet's.
public struct UnspentOutput: Hashable, Sendable {
    /// Which one.
    public var outPoint: OutPoint
    /// What is in it.
    public var amount: Satoshi
    /// The address that it pays.
    public var address: Address?
    /// The block that confirmed it; `nil` while none has.
    public var height: BlockHeight?
    /// Whether it can be spent now: it is not promised to a channel that is being opened, and old enough.
    public var isSpendable: Bool
    /// Whether it is change, or came out of a channel.
    public var isChange: Bool
}

// The wallet's coins and transactions, and what can be done about those that wait too long.
extension LightningNode {
    /// A fresh address of the wallet. Throws only where the node has stopped.
    public func newAddress() async throws -> Address { try await newAddressAndUnpaid().address }

    /// A fresh address, and how many have been given out without a payment to one of them.
    ///
    /// Other wallets, restored from the words, look 20 unpaid addresses far: what is paid to a later one they
    /// do not find. This one looks 1,000 far.
    public func newAddressAndUnpaid() async throws -> (address: Address, unpaid: Int) {
        guard case .address(let script, let unused) = try await driver.command(.newAddress) else { preconditionFailure() }
        return (Address(script: script, network: network)!, Int(unused))
    }

    /// Sends bitcoin; `amount` of `nil` sends everything but what is kept for the claims of closes. Returns the transaction.
    ///
    /// - Throws: `NodeRefusal.invalid` for an address of another network, `.wallet` where there is not enough.
    public func send(
        to address: Address, amount: Satoshi?, fee: FeeChoice? = nil, mayUseReserve: Bool = false
    ) async throws -> Transaction {
        // Prefixes of test networks are the same, and a QR code has capitals: what counts is what the text means here.
        guard Address(address.description, network: network)?.script == address.script else {
            throw NodeRefusal.invalid("\(address) is an address of \(address.network), and this wallet is on \(network)")
        }
        guard
            case .transaction(let transaction) = try await driver.command(
                .send(address.script, amount: amount, fee: fee, mayUseReserve: mayUseReserve))
        else { preconditionFailure() }
        return transaction
    }

    /// The wallet's coins, those that were confirmed first first.
    public func unspentOutputs() async throws -> [UnspentOutput] {
        let network = network
        return try await driver.read { core in
            core.wallet.unspent.map { coin in
                UnspentOutput(
                    outPoint: coin.outPoint, amount: coin.output.amount, address: Address(script: coin.output.script, network: network),
                    height: coin.height, isSpendable: core.wallet.isSpendable(coin, height: core.height), isChange: coin.path.chain == 1)
            }
        }
    }

    /// Raises what a transaction pays that waits for a block: a payment of ours is replaced by one that pays more (BIP 125); a funding or
    /// closing transaction, and what others sent, by one that spends what it pays to us.
    ///
    /// - Parameter fee: that it, or both together, are to pay; `nil` takes what it needs now.
    /// - Returns: the new transaction.
    /// - Throws: `NodeRefusal.bump`.
    public func bumpFee(_ id: TransactionID, fee: FeeChoice? = nil) async throws -> Transaction {
        guard case .transaction(let transaction) = try await driver.command(.bumpFee(id, fee)) else { preconditionFailure() }
        // Layer 1 may know what we do not, and want more; then what was there before is there still.
        for _ in 0..<40 {
            switch try await driver.read({ $0.outcome(of: transaction.id) }) {
            case .accepted, .confirmed: return transaction
            case .refused(let reason): throw NodeRefusal.invalid("layer 1 refuses it: \(reason). What waited before waits still")
            case nil: try await Task.sleep(for: .milliseconds(50))
            }
        }
        return transaction
    }

    /// Takes back a channel of ours whose funding transaction no block holds: its coins are spent to the wallet.
    ///
    /// Money at risk: none, whichever of the two is mined. Should it be the funding transaction, the channel is force-closed.
    /// - Returns: the transaction that spends the coins.
    public func abandonChannel(_ id: ChannelID, fee: FeeChoice? = nil) async throws -> Transaction {
        guard case .transaction(let transaction) = try await driver.command(.abandonChannel(id, fee)) else { preconditionFailure() }
        return transaction
    }

    /// What layer 1 takes now, by when a transaction should be mined.
    public func feeRates() async throws -> FeeEstimates { try await driver.read { $0.feeRates } }

    /// What opening a channel would come to now.
    ///
    /// - Parameter amount: `nil` for all that can be spent.
    /// - Throws: `NodeRefusal.wallet` where it could not be done.
    public func openQuote(_ amount: Satoshi?, fee: FeeChoice? = nil, mayUseReserve: Bool = false) async throws -> OpenQuote {
        let result = try await driver.read { core in
            Result { () throws(WalletRefusal) in try core.openQuote(amount, fee, mayUseReserve: mayUseReserve) }
        }
        do throws(WalletRefusal) { return try result.get() } catch { throw NodeRefusal.wallet(error) }
    }

    /// What sending would come to now.
    ///
    /// - Parameter amount: `nil` for all that can be spent.
    /// - Throws: `NodeRefusal.wallet` where it could not be done.
    public func sendQuote(
        to address: Address, amount: Satoshi?, fee: FeeChoice? = nil, mayUseReserve: Bool = false
    ) async throws -> OpenQuote {
        let result = try await driver.read { core in
            Result { () throws(WalletRefusal) in try core.sendQuote(amount, to: address.script, fee, mayUseReserve: mayUseReserve) }
        }
        do throws(WalletRefusal) { return try result.get() } catch { throw NodeRefusal.wallet(error) }
    }

    /// What closing a channel together with its peer would come to now; `nil` for one that cannot be closed so.
    public func closeQuote(of id: ChannelID, fee: FeeChoice? = nil) async throws -> CloseQuote? {
        let result = try await driver.read { core in Result { () throws(WalletRefusal) in try core.closeQuote(of: id, fee) } }
        do throws(WalletRefusal) { return try result.get() } catch { throw NodeRefusal.wallet(error) }
    }
}
