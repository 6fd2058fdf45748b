import Foundation
import LightningAPI
import LightningSimulation
import LightningWire
import TestSupport
import Testing

@testable import LightningServer

@Suite("tokens and their limits")
struct TokenTests {
    @Test("in no time of its length does more leave than a limit says, also over restarts", arguments: 0..<60)
    func window(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let period: UInt64? = seed % 3 == 0 ? nil : [60, 3600, 86_400][Int(seed % 3)]
        var limit = SpendingLimit(amount: MilliSatoshi(100_000), period: period)
        var now: UInt64 = 1_000_000
        var left: [(time: UInt64, amount: UInt64)] = []
        var underWay: [(number: UInt64, most: UInt64)] = []
        for _ in 0..<400 {
            now += random.next() % ((period ?? 1000) / 8 + 1)
            switch random.next() % 8 {
            case 0...3:
                let most = random.next() % 40_000
                if let number = limit.reserve(MilliSatoshi(most), at: now) { underWay.append((number, most)) }
            case 4...6:
                guard !underWay.isEmpty else { continue }
                let payment = underWay.remove(at: Int(random.next() % UInt64(underWay.count)))
                let sum = random.next() % 3 == 0 ? 0 : random.next() % (payment.most + 1)
                limit.settle(payment.number, MilliSatoshi(sum), at: now)
                // A second word of the same payment changes nothing.
                limit.settle(payment.number, .zero, at: now)
                if sum > 0 { left.append((now, sum)) }
            default:
                let again = try #require(SpendingLimit(limit.json, at: now))
                #expect(again.spent(at: now) == limit.spent(at: now) && again.reserved.isEmpty, "seed \(seed)")
                limit = again
                left += underWay.map { (now, $0.most) }
                underWay = []
            }
            #expect(limit.spent(at: now) <= MilliSatoshi(100_000), "seed \(seed)")
            #expect(limit.paid.count <= 140, "seed \(seed)")
        }
        for first in left {
            let sum = left.filter { $0.time >= first.time && $0.time - first.time < period ?? .max }
                .reduce(0) { $0 + $1.amount }
            #expect(sum <= 100_000, "seed \(seed)")
        }
        #expect(left.count > 5, "seed \(seed)")
    }

    @Test("a clock that was set back makes no room")
    func clock() throws {
        var limit = SpendingLimit(amount: MilliSatoshi(1000), period: 100)
        let first = limit.reserve(MilliSatoshi(1000), at: 5000)
        let number = try #require(first)
        limit.settle(number, MilliSatoshi(1000), at: 5000)
        #expect(limit.reserve(MilliSatoshi(1), at: 4000) == nil)
        #expect(limit.reserve(MilliSatoshi(1), at: 4099) == nil)
        #expect(limit.reserve(MilliSatoshi(1), at: 4100) != nil)
    }

    @Test("the file has no token, outlives a restart, and what cannot be read is no empty list")
    func file() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "tokens.json").path
        let store = try TokenStore(path: path)
        let pocket = try store.create(name: "pocket", permissions: [.pay], limit: (MilliSatoshi(5000), 86_400))
        let reader = try store.create(name: "", permissions: [.read], limit: nil)
        let text = try String(contentsOfFile: path, encoding: .utf8)
        #expect(!text.contains(pocket.secret) && !text.contains(String(pocket.secret.dropFirst(4))))
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let token = try #require(store.token(pocket.secret))
        #expect(token.allows(.pay) && !token.allows(.read) && store.token(pocket.secret + "x") == nil && store.token("") == nil)
        let reservation = try #require(try store.reserve(MilliSatoshi(3000), of: token))
        #expect(throws: CallFailure.self) { _ = try store.reserve(MilliSatoshi(2001), of: token) }
        // After a restart it counts as paid where nobody knows which payment it was, and stays set aside where one does.
        let again = try TokenStore(path: path)
        #expect(again.shown.list.map { $0["spent_msat"] } == [3000, 0])
        store.settle(reservation, MilliSatoshi(1000))
        #expect(try TokenStore(path: path).shown.list[0]["spent_msat"] == 1000)
        #expect(fails(.notFound) { _ = try store.revoke("") } && fails(.notFound) { _ = try store.revoke("shop") })
        #expect(try store.revoke(String(reader.id.prefix(6))) == reader.id)
        #expect(store.token(reader.secret) == nil && fails(.notFound) { _ = try store.revoke(reader.id) })
        // Limits are of payments, and of tokens that can pay no other way.
        #expect(fails(.usage) { _ = try store.create(name: "", permissions: [.chain], limit: (MilliSatoshi(5), nil)) })
        #expect(fails(.usage) { _ = try store.create(name: "", permissions: [], limit: nil) })
        for wrong in [
            "", "{}", "[]", text.replacing("\"limit_msat\" : 5000", with: "\"limit_msat\" : \"5000\""), String(text.dropLast(20)),
        ] {
            try wrong.write(toFile: path, atomically: true, encoding: .utf8)
            #expect(fails(.corrupt) { _ = try TokenStore(path: path) }, "\(wrong)")
        }
    }

    private func fails(_ kind: CallFailure.Kind, _ body: () throws -> Void) -> Bool {
        do { try body() } catch let failure as CallFailure { return failure.kind == kind } catch {}
        return false
    }
}
