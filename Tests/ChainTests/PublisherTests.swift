import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningWire
import Testing

/// The publishing machine by itself.
@Suite("the publisher")
struct PublisherTests {
    static let channel = ChannelID(Hash.sha256([1]))

    static func publication(_ number: UInt8, _ purpose: Publication.Purpose = .payment) -> Publication {
        let input = TransactionInput(OutPoint(TransactionID(Hash.sha256([number])), 0))
        return Publication(Transaction(inputs: [input], outputs: [TransactionOutput(Satoshi(1000), .anchor)]), purpose)
    }

    private static let synced = Publisher.Context(isSynced: true)
    private static let behind = Publisher.Context(isSynced: false)

    @Test("while the chain is being followed publications wait, each once, in their order; at its tip they go out")
    func waiting() {
        var machine = Publisher()
        let (one, two) = (Self.publication(1), Self.publication(2))
        for publication in [one, two, one] { #expect(machine.handle(.publish(publication), Self.behind).isEmpty) }
        #expect(machine.handle(.tipReached, Self.synced) == [.publish(two), .publish(one)])
        #expect(machine.handle(.tipReached, Self.synced).isEmpty)
        #expect(machine.handle(.publish(one), Self.synced) == [.publish(one)])
    }

    @Test("what was mined while it waited is not published")
    func minedMeanwhile() {
        var machine = Publisher()
        let (one, two) = (Self.publication(1), Self.publication(2))
        for publication in [one, two] { _ = machine.handle(.publish(publication), Self.behind) }
        _ = machine.handle(.answered(one.transaction.id, .confirmed), Self.behind)
        #expect(machine.handle(.tipReached, Self.synced) == [.publish(two)])
    }

    @Test("a refusal is told once for each reason, and is over when layer 1 takes it, or a block holds it")
    func refusals() {
        for end in [PublicationOutcome.accepted, .confirmed] {
            var machine = Publisher()
            let publication = Self.publication(1, .claim(Self.channel))
            let id = publication.transaction.id
            // Nobody asked for that one.
            #expect(machine.handle(.answered(id, .refused("dust")), Self.synced).isEmpty && machine.refusals.isEmpty)
            _ = machine.handle(.publish(publication), Self.synced)
            #expect(machine.handle(.answered(id, .refused("dust")), Self.synced) == [.refused(publication, "dust")])
            #expect(machine.handle(.answered(id, .refused("dust")), Self.synced).isEmpty)
            #expect(machine.handle(.answered(id, .refused("min relay fee not met")), Self.synced).count == 1)
            #expect(machine.refusals == [id: "min relay fee not met"])
            #expect(machine.handle(.answered(id, end), Self.synced).isEmpty && machine.refusals.isEmpty)
            #expect((machine.purpose(of: id) == nil) == (end == .confirmed))
        }
    }

    @Test("of two closes of one channel the mempool holds one: that is no alarm; for anything else it is")
    func anotherIsThere() {
        let purposes: [(Publication.Purpose, Bool)] = [
            (.commitment(Self.channel), true), (.mutualClose(Self.channel), true), (.claim(Self.channel), false),
            (.penalty(Self.channel), false), (.funding(Self.channel), false), (.payment, false), (.recovery, false),
        ]
        for (purpose, isExpected) in purposes {
            for reason in ["txn-mempool-conflict", "bad-txns-inputs-missingorspent", "insufficient fee, rejecting replacement"] {
                var machine = Publisher()
                let publication = Self.publication(1, purpose)
                _ = machine.handle(.publish(publication), Self.synced)
                let effects = machine.handle(.answered(publication.transaction.id, .refused(reason)), Self.synced)
                #expect(effects == [isExpected ? .anotherIsThere(publication, reason) : .refused(publication, reason)])
            }
        }
    }
}
