package import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningCore
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningRecords
import LightningSimulation
import LightningWire

/// Good inputs for every entry point, of which bad ones are made: what three nodes wrote, sent and mined.
public struct Corpus: Sendable {
    /// For each entry point.
    public let inputs: [EntryPoint: [[UInt8]]]
    /// The chain of the three nodes.
    package let ledger: Ledger

    /// Lets three nodes live for a while.
    ///
    /// - Throws: what the simulation finds wrong.
    public init() throws {
        var random = SeededRandom(seed: 1)
        var world = SimulatedWorld(seed: 900, names: ["alice", "bob", "carol"])
        try world.build(
            Topology(.line, nodes: 3, using: &random), capacity: { _ in Satoshi(1_000_000) }, push: { _ in MilliSatoshi(400_000_000) })
        for hops in [0, 0, 1] {
            let create = NodeCommand.createInvoice(
                amount: MilliSatoshi(10_000_000), .text("fuzz"), expiry: .seconds(86_400), blindedHops: hops)
            guard case .invoice(let record)? = try world.ask(2, create) else { continue }
            try world.command(0, .pay(record.invoice, amount: nil))
            try world.pass(3)
        }
        var inputs: [EntryPoint: [[UInt8]]] = [:]
        let words = HostileMessages(chain: Network.regtest.chainHash)
        inputs[.decodeMessage] = (0..<200).map { _ in words.message(using: &random) }
        let kinds: [(UInt8, [StoreTable])] = [(0, [.paymentHistory]), (1, [.invoiceHistory]), (2, [.forwardHistory]), (4, [.channels])]
        for node in world.nodes {
            for (kind, tables) in kinds {
                for table in tables { inputs[.readRecord, default: []] += node.store.records(table).map { [kind] + $0 } }
            }
            inputs[.parseInvoice, default: []] += node.invoices.values.map { Array($0.invoice.text.utf8) }
        }
        let position = ByteWriter.bytes { world.nodes[0].core!.chain.encode(to: &$0) }
        inputs[.readRecord, default: []].append([3] + position)
        inputs[.connectBlock] = world.minedBlocks.suffix(12).map { $0.serialized() }
        var next = world.ledger
        inputs[.connectBlock]!.append(try next.mine(paying: .anchor, now: world.now.headerTime + 600).0.serialized())
        let payloads: [HopPayload] = [
            .forward(amount: MilliSatoshi(900_000), cltvExpiry: 450, over: ShortChannelID(block: 1, transaction: 2, output: 3)),
            .final(
                amount: MilliSatoshi(1_000_000), cltvExpiry: 500, paymentSecret: .zero, total: MilliSatoshi(1_000_000), metadata: [1, 2]),
            .keysend(amount: MilliSatoshi(1_000_000), cltvExpiry: 500, preimage: PaymentPreimage(Hash.sha256([6]))),
        ]
        inputs[.peelOnion] = payloads.map { $0.encoded() }
        inputs[.peelOnion]! += payloads.compactMap { payload in
            OnionPacket.create(
                sessionKey: SecretKey(Hash.sha256([8]))!,
                hops: [.init(nodeID: EntryPoint.nodeSecret.publicKey(), payload: payload.encoded())],
                associatedData: PaymentHash(Hash.sha256([7])).bytes.array)?.packet
        }
        self.inputs = inputs
        ledger = world.ledger
    }

    /// Takes bytes as they come, on top of this corpus's chain.
    ///
    /// - Throws: `EntryPoint.Unstable` for what is something else when it is read again.
    @discardableResult
    public func run(_ entry: EntryPoint, _ bytes: [UInt8]) throws -> Bool { try entry.run(bytes, ledger) }
}
