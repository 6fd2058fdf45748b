import Foundation
import Lightning
import LightningAPI
import LightningCore
import LightningRuntime
import LightningServer
import TestSupport
import Testing

@testable import struct LightningServer.ControlAPI
@testable import class LightningServer.EventFeed

@Suite("what callers wait for", .serialized)
struct EventAPITests {
    // The limit: who is not woken goes on after a minute.
    @Test("an invoice is waited for until it is paid, and events are told in their order, each once", .timeLimit(.minutes(1)))
    func paid() async throws {
        let world = try await NodeTests.World()
        _ = try await world.open()
        let (alice, bob) = (ControlAPI(node: world.alice, onStop: nil), ControlAPI(node: world.bob, onStop: nil))
        let invoice = try await bob.handle("invoice", ["amount_msat": 50_000, "description": "tea"])
        let hash = invoice["payment_hash"]
        let begun = try await alice.handle("events", [:])
        #expect(begun["events"].list.isEmpty && begun["missed"] == false)
        // Nobody pays: it comes back as it was when the time is over.
        #expect(try await bob.handle("waitinvoice", ["invoice": hash, "wait_ms": 20])["status"] == "unpaid")
        async let waiting = bob.handle("waitinvoice", ["invoice": hash, "wait_ms": 60_000])
        _ = try await alice.handle("pay", ["bolt11": invoice["bolt11"]])
        let paid = try await waiting
        #expect(paid["status"] == "paid" && paid["received_msat"] == 50_000 && paid["description"] == "tea")
        // Once more it is answered at once; and found by its text and by the beginning of its hash.
        for name in [hash, invoice["bolt11"], .string(String(hash.text!.prefix(10)))] {
            #expect(try await bob.handle("waitinvoice", ["invoice": name])["status"] == "paid")
            #expect(try await bob.handle("lookupinvoice", ["invoice": name]) == paid)
        }
        // Page by page, waiting where there is nothing yet.
        var names: [String] = []
        var numbers: [Int64] = []
        var next = begun["next"]
        while !names.contains("payment_settled") {
            let page = try await alice.handle(
                "events", ["from": next, "feed": begun["feed"], "limit": 2, "wait_ms": 10_000])
            #expect(page["missed"] == false && page["events"].list.count <= 2)
            names += page["events"].list.compactMap(\.["event"].text)
            numbers += page["events"].list.compactMap(\.["number"].int)
            next = page["next"]
        }
        #expect(names.contains("payment_succeeded") && names.contains("payment_updated"))
        #expect(numbers == numbers.sorted() && Set(numbers).count == numbers.count)
        // What is asked for again comes again; of another start everything, and it is said.
        let again = try await alice.handle("events", ["from": begun["next"], "feed": begun["feed"]])
        #expect(again["events"].list.first?["number"].int == numbers.first)
        let other = try await alice.handle("events", ["from": next, "feed": "0011223344556677"])
        #expect(other["missed"] == true && other["events"].list.count >= numbers.count)
        await world.stop()
    }

    @Test("what lasts is told out of the store, also after a restart, to whoever knows the number of the last one", .timeLimit(.minutes(1)))
    func stored() async throws {
        var world = try await NodeTests.World()
        let channel = try await world.open()
        let alice = ControlAPI(node: world.alice, onStop: nil)
        let first = try await alice.handle("listevents", [:])
        #expect(first["missed"] == false && first["events"].list.map(\.["event"]) == ["channel_usable"])
        #expect(first["events"].list[0]["channel_id"].text == channel.hex)
        // What comes is waited for, and what does not last is no answer.
        async let waiting = alice.handle("listevents", ["from": first["next"], "wait_ms": 60_000])
        while alice.waiting == 0 { await Task.yield() }
        try await world.mine(1, to: world.alice)
        let invoice = try await world.bob.createInvoice(amount: MilliSatoshi(5_000), description: "tea")
        try await world.alice.pay(invoice)
        let paid = try await waiting
        #expect(paid["events"].list.map(\.["event"]) == ["payment_succeeded"] && paid["events"].list[0]["amount_msat"] == 5_000)
        #expect(paid["events"].list[0]["payment_hash"].text == invoice.paymentHash.hex)
        try await world.settled()
        await world.alice.stop()
        world.alice = try await NodeTests.World.start(world.folder, "alice", world.chain)
        let again = ControlAPI(node: world.alice, onStop: nil)
        let all = try await again.handle("listevents", [:])
        #expect(all["events"].list.map(\.["number"]) == [1, 2])
        #expect(try await again.handle("listevents", ["from": 2, "limit": 1])["events"].list.map(\.["event"]) == ["payment_succeeded"])
        let none = try await again.handle("listevents", ["from": all["next"]])
        #expect(none["events"].list.isEmpty && none["missed"] == false && none["next"] == all["next"])
        // Of a number that this database does not have yet, everything comes again, and it is said.
        let other = try await again.handle("listevents", ["from": 1000])
        #expect(other["missed"] == true && other["events"].list.count == 2 && other["next"] == all["next"])
        // The payee has its own; the library reads them, waits, and ends with the node.
        var kinds: [StoredEvent.Kind] = []
        let bob = world.bob
        for try await event in bob.events(since: 0) {
            kinds.append(event.kind)
            if kinds.count == 2 { Task { await bob.stop() } }
        }
        #expect(kinds == [.channelUsable(channel), .paymentReceived(invoice.paymentHash, MilliSatoshi(5_000), isKeysend: false)])
        #expect(Shape.storedEventNames.isSuperset(of: kinds.map(\.name)))
        await world.stop()
    }

    @Test("a payment that failed and was made later is told as both, each with what was so then", .timeLimit(.minutes(1)))
    func failedThenPaid() async throws {
        let world = try await NodeTests.World()
        let alice = ControlAPI(node: world.alice, onStop: nil)
        _ = try await world.open()
        let invoice = try await world.bob.createInvoice(amount: MilliSatoshi(5_000), description: "tea")
        try await world.alice.pay(invoice)
        let made = try #require(try await world.alice.storedEvents(after: 0, limit: 10).events.last)
        var failed = made
        failed.kind = .paymentFailed(invoice.paymentHash, MilliSatoshi(4_000))
        let events: [JSONValue] = [try await alice.json(failed), try await alice.json(made)]
        #expect(events.map(\.["event"]) == ["payment_failed", "payment_succeeded"])
        #expect(events.map(\.["status"]) == ["failed", "succeeded"] && events.map(\.["amount_msat"]) == [4_000, 5_000])
        #expect(events.map { $0["payment_preimage"].text?.count } == [nil, 64])
        #expect(events.allSatisfy { $0["payment_hash"].text == invoice.paymentHash.hex })
        await world.stop()
    }

    @Test("a probe, which always fails, is no payment that failed", .timeLimit(.minutes(1)))
    func probes() async throws {
        let world = try await NodeTests.World()
        _ = try await world.open()
        let alice = ControlAPI(node: world.alice, onStop: nil)
        let mark = alice.feed.next
        _ = try await alice.handle("probe", ["id": .string(world.bob.nodeID.hex), "amount_msat": 5_000])
        try await world.alice.keysend(world.bob.nodeID, amount: MilliSatoshi(5_000))
        let stored = try await alice.handle("listevents", [:])["events"].list.map(\.["event"])
        #expect(stored.contains("payment_succeeded") && !stored.contains("payment_failed"))
        let live = alice.feed.events(from: mark, limit: 1000).entries.compactMap(ControlAPI.json).map(\.["event"])
        #expect(live.contains("payment_succeeded") && !live.contains("payment_failed"))
        await world.stop()
    }

    @Test("of each channel it is told whether a watchtower has all that it takes", .timeLimit(.minutes(1)))
    func coverage() async throws {
        let world = try await NodeTests.World()
        let old = try await world.open()
        let alice = ControlAPI(node: world.alice, onStop: nil)
        // One that never answers.
        let id = "03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad"
        _ = try await alice.handle("addwatchtower", ["address": .string("\(id)@127.0.0.1:1")])
        let new = try await world.open()
        // A state in which the peer has nothing needs no kit; and the last one is revoked a moment after the payment is made.
        for _ in 0..<2 { try await world.alice.keysend(world.bob.nodeID, amount: MilliSatoshi(5_000_000)) }
        while try await world.alice.watchtowers()[0].0.waiting == 0 { await Task.yield() }
        let tower = try await alice.handle("listwatchtowers", [:])["watchtowers"].list
        #expect(tower.map { $0["id"].text } == [id])
        let channels = Dictionary(uniqueKeysWithValues: tower[0]["channels"].list.map { ($0["channel_id"].text ?? "", $0) })
        // All of its kits wait here.
        #expect(channels[old.hex]?["complete"] == false && channels[new.hex]?["complete"] == false && channels.count == 2)
        let revoked = channels.values.reduce(0) { $0 + ($1["revoked_states"].int ?? 0) }
        #expect(revoked > 0 && tower[0]["kits_waiting"].int ?? 0 > 0)
        await world.stop()
    }

    @Test("an expired or canceled invoice ends the wait; one that is not ours, and wrong parameters, are refused", .timeLimit(.minutes(1)))
    func expired() async throws {
        let world = try await NodeTests.World()
        let bob = ControlAPI(node: world.bob, onStop: nil)
        let invoice = try await bob.handle("invoice", ["amount_msat": 50_000, "expiry": 1])
        let record = try await bob.handle("waitinvoice", ["invoice": invoice["payment_hash"]])
        #expect(record["status"] == "expired")
        let wrong: [(String, JSONValue)] = [
            ("waitinvoice", ["invoice": "00ff"]), ("lookupinvoice", [:]), ("waitinvoice", ["invoice": invoice["bolt11"], "wait_ms": -1]),
            ("waitinvoice", ["invoice": invoice["bolt11"], "wait_ms": 60_001]), ("events", ["from": 0]), ("events", ["wait_ms": "1"]),
            ("disconnect", ["id": "nobody"]),
        ]
        for (method, parameters) in wrong {
            await #expect(throws: CallFailure.self, "\(method) \(parameters.line)") { try await bob.handle(method, parameters) }
        }
        // One that waits hears of it when it is canceled, and soon.
        let hash = String(repeating: "cd", count: 32)
        _ = try await bob.handle("holdinvoice", ["payment_hash": .string(hash), "amount_msat": 1000])
        async let canceled = bob.handle("waitinvoice", ["invoice": .string(hash), "wait_ms": 60_000])
        while bob.feed.waiters == 0 { await Task.yield() }
        _ = try await bob.handle("cancel", ["payment_hash": .string(hash)])
        #expect(try await canceled["status"] == "canceled")
        // Nobody is connected.
        await #expect(throws: CallFailure.self) { try await bob.handle("disconnect", ["id": .string(world.alice.nodeID.hex)]) }
        await world.stop()
    }

    @Test("a failed payment says to programs who failed it, and with which code")
    func failure() async throws {
        let world = try await NodeTests.World()
        _ = try await world.open()
        let alice = ControlAPI(node: world.alice, onStop: nil)
        // Bob does not know what it is for.
        let hash = String(repeating: "ab", count: 32)
        let held = try await ControlAPI(node: world.bob, onStop: nil).handle(
            "holdinvoice", ["payment_hash": .string(hash), "amount_msat": 70_000])
        async let paying = alice.handle("pay", ["bolt11": held["bolt11"]])
        _ = try await ControlAPI(node: world.bob, onStop: nil).handle("waitinvoice", ["invoice": .string(hash)])
        _ = try await ControlAPI(node: world.bob, onStop: nil).handle("cancel", ["payment_hash": .string(hash)])
        do {
            _ = try await paying
            Issue.record("it was paid")
        } catch let failure as CallFailure {
            let data = try #require(failure.data)
            #expect(failure.kind == .paymentFailed && failure.kind.code == "payment_failed")
            // BOLT 4: incorrect_or_unknown_payment_details (PERM|15).
            #expect(data["payment_hash"].text == hash && data["failure_code"].int == 0x400f && data["failed_hop"].int == 0)
            #expect(data["failed_hop_id"].text == world.bob.nodeID.hex && data["num_attempts"].int == 1)
        }
        await world.stop()
    }

    @Test("a feed keeps the last events, says where some are missing, and ends with its node")
    func feed() async throws {
        let (stream, continuation) = AsyncStream<NodeEvent>.makeStream()
        let feed = EventFeed(stream)
        for height in 1...UInt32(EventFeed.kept * 2) { continuation.yield(.block(height: BlockHeight(Int(height)))) }
        await feed.wait(for: UInt64(EventFeed.kept * 2), atMost: .seconds(60))
        #expect(feed.next == UInt64(EventFeed.kept * 2) + 1)
        let all = feed.events(from: 1, limit: .max)
        #expect(all.isIncomplete && all.entries.count == EventFeed.kept)
        let last = feed.events(from: feed.next - 3, limit: 2)
        #expect(!last.isIncomplete && last.entries.map(\.number) == [feed.next - 3, feed.next - 2])
        #expect(feed.events(from: feed.next, limit: 5).entries.isEmpty && !feed.events(from: feed.next, limit: 5).isIncomplete)
        #expect(feed.events(from: feed.next + 1, limit: 5).isIncomplete)
        continuation.finish()
        await feed.wait(for: .max, atMost: .seconds(600))
        #expect(feed.hasEnded)
    }
}
