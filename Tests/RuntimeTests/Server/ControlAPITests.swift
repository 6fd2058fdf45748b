import BitcoinLedger
import CryptoPrimitives
import Foundation
import Lightning
import LightningAPI
import LightningRuntime
import LightningServer
import TestSupport
import Testing

/// Calls with parameters of the wrong kind: nothing happens.
@Suite("calls over the control socket", .serialized)
struct ControlAPITests {
    @Test("what is no amount, no number, no word is refused, and never means everything")
    func wrongKinds() async throws {
        let world = try await NodeTests.World()
        let api = ControlAPI(node: world.alice, onStop: nil)
        let address = JSONValue.string(try await world.bob.newAddress().description)
        let before = try await world.alice.balance()
        func refused(_ method: String, _ parameters: JSONValue) async {
            do {
                let answer = try await api.handle(method, parameters)
                Issue.record("\(method) \(parameters.line): \(answer.line)")
            } catch let failure as CallFailure {
                #expect(failure.kind == .usage, "\(method) \(parameters.line): \(failure)")
            } catch {
                Issue.record("\(method): \(error)")
            }
        }
        let wrong: [JSONValue] = [nil, "5", "any", "ALL", 0, -1, true, .number(0.5), .number(1e30), [], [:], .integer(.max)]
        for value in wrong {
            await refused("send", ["address": address, "amount_sat": value])
            await refused("openchannel", ["id": .string(world.bob.address!.description), "amount_sat": value])
        }
        await refused("send", ["address": address])
        await refused("send", ["address": address, "amount": 5])
        for value: JSONValue in ["5", -1, true, .number(0.5), [], .integer(.max)] {
            await refused("invoice", ["amount_msat": value])
            await refused("keysend", ["id": .string(world.bob.nodeID.hex), "amount_msat": value])
            await refused("keysend", ["id": .string(world.bob.nodeID.hex), "amount_msat": 5, "max_fee_msat": value])
            await refused("openchannel", ["id": .string(world.bob.address!.description), "amount_sat": 100_000, "push_msat": value])
        }
        for value: JSONValue in ["5", 0, -1, true, .number(1.5)] {
            await refused("keysend", ["id": .string(world.bob.nodeID.hex), "amount_msat": 5, "timeout": value])
            await refused("keysend", ["id": .string(world.bob.nodeID.hex), "amount_msat": 5, "max_parts": value])
        }
        await refused("invoice", ["amount_msat": 5, "expiry": -1])
        await refused("invoice", ["amount_msat": 5, "description": 7])
        await refused("openchannel", ["id": .string(world.bob.address!.description), "amount_sat": 100_000, "announce": 1])
        #expect(try await world.alice.balance() == before)
        #expect(try await world.alice.channels().isEmpty)
        #expect(try await world.bob.channels().isEmpty)
        // All of it: what is said is what happens.
        let answer = try await api.handle("send", ["address": address, "amount_sat": "all"])
        #expect(answer["amount_sat"].int ?? 0 > 4_999_000_000)
        await world.stop()
    }

    @Test("a channel of everything on chain, with and without what is kept for closes", arguments: [false, true])
    func openWithAll(usesReserve: Bool) async throws {
        let world = try await NodeTests.World()
        let wealth = try await world.alice.balance().onChainConfirmed
        let api = ControlAPI(node: world.alice, onStop: nil)
        _ = try await api.handle(
            "openchannel", ["id": .string(world.bob.address!.description), "amount_sat": "all", "use_reserve": .bool(usesReserve)])
        let channel = try #require(try await world.alice.channels().first)
        let left = try await world.alice.balance()
        let kept: UInt64 = usesReserve ? 0 : 10_000
        #expect(channel.parameters.fundingAmount.value + kept + 1000 > wealth.value && channel.parameters.fundingAmount < wealth)
        #expect(left.onChainConfirmed == .zero && left.closeReserve == Satoshi(10_000))
        #expect(usesReserve ? left.onChainUnconfirmed == .zero : (10_000...10_500).contains(left.onChainUnconfirmed.value))
        await world.stop()
    }

    @Test("what is over is found by page and by name, also long after: the channel, and what the log says of it")
    func over() async throws {
        let world = try await NodeTests.World()
        let api = ControlAPI(node: world.alice, onStop: nil)
        let id = try await world.open()
        let name = try #require(try await world.alice.channels()[0].shortChannelID).description
        let invoice = try await world.bob.createInvoice(amount: MilliSatoshi(100_400))
        try await world.alice.pay(invoice)
        try await world.settled()
        let closed = try await api.handle("close", ["channel": .string(name)])
        while await world.chain.mempoolIsEmpty { await Task.yield() }
        // What both have signed is cheaper than what one can do.
        await #expect(throws: CallFailure.self) { _ = try await api.handle("forceclose", ["channel": .string(name)]) }
        let waiting = try await api.handle("explainchannel", ["channel": .string(name)])
        #expect(waiting["waiting_close_txid"] == closed["txid"] && closed["txid"].text != nil)
        try await world.mine(6, to: world.alice)
        // What came back is what came into the wallet, and its fee is known.
        let told = try await api.handle("explainchannel", ["channel": .string(name)])
        let moved = try await api.handle("listtransactions", [:])["transactions"].list.first { $0["purpose"] == "mutual_close" }
        #expect(moved?["amount_sat"] == told["claimed_sat"] && moved?["fee_sat"].int ?? 0 > 0 && moved?["txid"] == closed["txid"])
        func look() async throws {
            let closed = try await api.handle("listclosedchannels", [:])
            #expect(closed["channels"].list.map { $0["channel_id"].text } == [id.hex] && closed["next"] == .null)
            #expect(closed["channels"].list[0]["state"] == "closed")
            #expect(try await api.handle("explainchannel", ["channel": .string(name)])["channel_id"].text == id.hex)
            await #expect(throws: CallFailure.self) { _ = try await api.handle("close", ["channel": .string(name)]) }
            #expect(try await api.handle("listclosedchannels", ["limit": 1, "before": "0000000000000001"])["channels"].list.isEmpty)
            let log = try await api.handle("log", ["limit": 100])
            let texts = log["entries"].list.compactMap { $0["text"].text }.filter { $0.contains(id.hex) }
            #expect(texts.contains { $0.hasSuffix("it can be used") } && texts.first?.contains("it is closed") == true)
            #expect(try await api.handle("log", ["alerts": true])["entries"].list.isEmpty)
            let page = try await api.handle("log", ["limit": 1])
            let rest = try await api.handle("log", ["before": page["next"]])["entries"].list
            #expect(page["entries"].list + rest == log["entries"].list && !rest.isEmpty)
        }
        try await look()
        #expect(try await world.alice.channels().count == 1)
        // Two weeks later it is on disk alone.
        try await world.mine(2016, to: world.alice)
        #expect(try await world.alice.channels().isEmpty)
        #expect(try await world.alice.closedChannels().records.map(\.id) == [id])
        try await look()
        await world.stop()
    }

    @Test("lists can be had by status and by time, page by page")
    func filters() async throws {
        let world = try await NodeTests.World()
        let api = ControlAPI(node: world.alice, onStop: nil)
        for amount in 1...5 { _ = try await api.handle("invoice", ["amount_msat": .integer(Int64(amount) * 1000)]) }
        let hashes = try await api.handle("listinvoices", [:])["invoices"].list.map { $0["payment_hash"] }
        for hash in [hashes[0], hashes[2], hashes[4]] { _ = try await api.handle("cancel", ["payment_hash": hash]) }
        let canceled = try await api.handle("listinvoices", ["status": "canceled", "limit": 2])
        #expect(canceled["invoices"].list.map { $0["payment_hash"] } == [hashes[0], hashes[2]])
        let rest = try await api.handle("listinvoices", ["status": "canceled", "limit": 2, "before": canceled["next"]])
        #expect(rest["invoices"].list.map { $0["payment_hash"] } == [hashes[4]] && rest["next"] == .null)
        #expect(try await api.handle("listinvoices", ["status": "unpaid"])["invoices"].list.count == 2)
        #expect(try await api.handle("listinvoices", ["since": "2001-01-01T00:00:00Z"])["invoices"].list.count == 5)
        #expect(try await api.handle("listinvoices", ["since": "2201-01-01T00:00:00Z"])["invoices"].list.isEmpty)
        for call in ["listpayments", "listinvoices", "listforwards"] {
            for wrong: [String: JSONValue] in [["status": "lost"], ["since": "yesterday"], ["since": "2026-11-27"]] {
                await #expect(throws: CallFailure.self, "\(call)") { _ = try await api.handle(call, .object(wrong)) }
            }
        }
        await world.stop()
    }
}
