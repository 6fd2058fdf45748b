import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningChain
import LightningCore
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningRecords
import LightningSimulation
import LightningWire
import TestSupport
import Testing

/// Bytes that were changed in many ways, at every place where bytes of others come in.
///
/// A number of seeded inputs for each: the seed of a run is `FUZZ_SEED`, and their number `FUZZ_COUNT`. What fails is printed as hexadecimal digits.
@Suite("bytes of others", .ownThreads)
struct FuzzTests {
    static let seed = ProcessInfo.processInfo.environment["FUZZ_SEED"].flatMap { UInt64($0) } ?? 1
    static let count = ProcessInfo.processInfo.environment["FUZZ_COUNT"].flatMap { Int($0) } ?? 2000

    /// Good inputs, of which bad ones are made.
    struct Corpus: Sendable {
        var inputs: [EntryPoint: [[UInt8]]] = [:]
        var ledger: Ledger
    }

    static let corpus = Result { try makeCorpus() }

    private static func makeCorpus() throws -> Corpus {
        var random = SeededRandom(seed: 1)
        var world = SimulatedWorld(seed: 900, names: ["alice", "bob", "carol"])
        try world.build(
            Topology(.line, nodes: 3, using: &random), capacity: { _ in Satoshi(1_000_000) }, push: { _ in MilliSatoshi(400_000_000) })
        for hops in [0, 0, 1] {
            let create = NodeCommand.createInvoice(amount: MilliSatoshi(10_000_000), .text("fuzz"), expiry: 86_400, blindedHops: hops)
            guard case .invoice(let record)? = try world.ask(2, create) else { continue }
            try world.command(0, .pay(record.invoice, amount: nil))
            try world.pass(3)
        }
        var corpus = Corpus(ledger: world.ledger)
        let words = HostileMessages(chain: Network.regtest.chainHash)
        corpus.inputs[.decodeMessage] = (0..<200).map { _ in words.message(using: &random) }
        let kinds: [(UInt8, [StoreTable])] = [(0, [.paymentHistory]), (1, [.invoiceHistory]), (2, [.forwardHistory]), (4, [.channels])]
        for node in world.nodes {
            for (kind, tables) in kinds {
                for table in tables { corpus.inputs[.readRecord, default: []] += node.store.records(table).map { [kind] + $0 } }
            }
            corpus.inputs[.parseInvoice, default: []] += node.invoices.values.map { Array($0.invoice.text.utf8) }
        }
        let position = ByteWriter.bytes { world.nodes[0].core!.chain.encode(to: &$0) }
        corpus.inputs[.readRecord, default: []].append([3] + position)
        corpus.inputs[.connectBlock] = world.minedBlocks.suffix(12).map { $0.serialized() }
        var next = world.ledger
        corpus.inputs[.connectBlock]!.append(try next.mine(paying: .anchor, now: UInt32(world.now / 1000) + 600).0.serialized())
        let payloads: [HopPayload] = [
            .forward(amount: MilliSatoshi(900_000), cltvExpiry: 450, over: ShortChannelID(block: 1, transaction: 2, output: 3)),
            .final(
                amount: MilliSatoshi(1_000_000), cltvExpiry: 500, paymentSecret: .zero, total: MilliSatoshi(1_000_000), metadata: [1, 2]),
            .keysend(amount: MilliSatoshi(1_000_000), cltvExpiry: 500, preimage: PaymentPreimage(Hash.sha256([6]))),
        ]
        corpus.inputs[.peelOnion] = payloads.map { $0.encoded() }
        corpus.inputs[.peelOnion]! += payloads.compactMap { payload in
            OnionPacket.create(
                sessionKey: SecretKey(Hash.sha256([8]))!,
                hops: [.init(nodeID: EntryPoint.nodeSecret.publicKey(), payload: payload.encoded())],
                associatedData: PaymentHash(Hash.sha256([7])).bytes.array)
        }
        return corpus
    }

    /// One of many things that can happen to bytes.
    static func changed(_ input: [UInt8], _ other: [UInt8], using random: inout SeededRandom) -> [UInt8] {
        var bytes = input
        for _ in 0...Int.random(in: 0...3, using: &random) {
            let place = bytes.isEmpty ? 0 : Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0...7, using: &random) {
            case 0: if !bytes.isEmpty { bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random) }
            case 1: if !bytes.isEmpty { bytes[place] = [0, 1, 0x7f, 0x80, 0xfc, 0xfd, 0xfe, 0xff].randomElement(using: &random)! }
            case 2: bytes.removeSubrange(place...)
            case 3:
                bytes.insert(
                    contentsOf: (0..<Int.random(in: 1...9, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) },
                    at: place)
            case 4: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...40, using: &random)))
            case 5: bytes = Array(bytes.prefix(place)) + other.suffix(max(0, other.count - place))
            case 6:
                // A length or an amount as large as it can be.
                for index in place..<min(bytes.count, place + [1, 2, 4, 8].randomElement(using: &random)!) { bytes[index] = 0xff }
            default: bytes += bytes.suffix(place)
            }
            if bytes.count > 200_000 { bytes = Array(bytes.prefix(200_000)) }
        }
        return bytes
    }

    @Test("none of them traps, and what is read is the same when it is written and read again", arguments: EntryPoint.allCases)
    func changedInputs(_ entry: EntryPoint) throws {
        let corpus = try Self.corpus.get()
        let inputs = try #require(corpus.inputs[entry])
        func run(_ bytes: [UInt8]) -> Bool {
            do throws(EntryPoint.Unstable) { return try entry.run(bytes, corpus.ledger) } catch {
                Issue.record("\(entry.rawValue), seed \(Self.seed), is not read again as it was: \(Hex.encode(bytes))")
                return false
            }
        }
        // Of messages that a hostile peer makes up not all can be read.
        for input in inputs { #expect(run(input) || entry == .decodeMessage, "\(entry.rawValue) \(Hex.encode(input))") }
        var random = SeededRandom(seed: Self.seed)
        var read = 0
        for _ in 0..<Self.count {
            let bytes = Self.changed(inputs.randomElement(using: &random)!, inputs.randomElement(using: &random)!, using: &random)
            if run(bytes) { read += 1 }
        }
        #expect(read < Self.count, "some of them must be refused")
    }
}
