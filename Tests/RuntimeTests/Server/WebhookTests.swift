import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import Hummingbird
import LightningAPI
import LightningInvoice
import LightningRuntime
import LightningSimulation
import LightningWire
import Logging
import ServiceLifecycle
import Testing

@testable import LightningServer

@Suite("webhooks", .serialized)
struct WebhookTests {
    /// Programs that take what they are told, refuse it, or are away, over restarts of the teller: each gets all of it, in order.
    @Test("everything is told to everybody, in order, until it is taken", arguments: 0..<40)
    func queue(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let urls = ["http://one", "http://two", "http://three"]
        var queue = WebhookQueue()
        var now: UInt64 = 1_000_000
        queue.advance(to: 0)
        var told: [String: [String]] = [:]
        var said: [String] = []
        for step in 0..<300 {
            switch random.next() % 4 {
            case 0:
                said.append("\(step)")
                queue.add("\(step)", to: urls, at: now)
                queue.advance(to: UInt64(step))
            case 1, 2:
                for delivery in queue.due(at: now) {
                    // An answer that is lost: it is told again.
                    let (isHeard, isTaken) = (random.next() % 3 > 0, random.next() % 2 > 0)
                    if isHeard { told[delivery.url, default: []].append(delivery.body) }
                    if isHeard, isTaken { queue.taken(delivery.number) } else { queue.failed(delivery.number, at: now) }
                }
            default:
                let last = queue.lastEvent
                queue = try #require(WebhookQueue(queue.json))
                #expect(queue.lastEvent == last)
            }
            now += random.next() % 4000
            #expect(queue.nextTime.map { $0 <= now + 3_600_000 } ?? true, "seed \(seed)")
        }
        // Everybody is well again.
        for _ in 0..<5000 where !queue.deliveries.isEmpty {
            now = max(now, queue.nextTime ?? now)
            for delivery in queue.due(at: now) {
                told[delivery.url, default: []].append(delivery.body)
                queue.taken(delivery.number)
            }
        }
        #expect(queue.deliveries.isEmpty && queue.lost == 0, "seed \(seed)")
        for url in urls {
            // Once those are left out that came again.
            var last = -1
            var once: [String] = []
            for body in told[url] ?? [] where Int(body)! > last {
                last = Int(body)!
                once.append(body)
            }
            #expect(once == said, "seed \(seed)")
        }
    }

    @Test("a program that is away is tried for three days, with longer and longer pauses")
    func patience() {
        var queue = WebhookQueue()
        queue.add("x", to: ["http://one"], at: 0)
        var now: UInt64 = 0
        var tries = 0
        while let delivery = queue.due(at: now).first {
            tries += 1
            queue.failed(delivery.number, at: now)
            now = queue.nextTime ?? now
        }
        #expect((75...90).contains(tries) && queue.lost == 1 && now >= WebhookQueue.patience - 3_600_000)
        // One that is away for ever does not fill the memory.
        for number in 0..<(WebhookQueue.limit + 5) { queue.add("\(number)", to: ["http://one"], at: now) }
        #expect(queue.deliveries.count == WebhookQueue.limit && queue.lost == 6 && queue.deliveries.first?.body == "5")
    }

    /// A shop's program.
    private actor Shop {
        private(set) var bodies: [(text: String, signature: String)] = []
        private var waiting: [CheckedContinuation<Void, Never>] = []

        /// How often it refuses before it takes anything.
        private var refusals = 2
        private(set) var calls = 0

        func take(_ text: String, _ signature: String) -> Bool {
            calls += 1
            refusals -= 1
            guard refusals < 0 else { return false }
            bodies.append((text, signature))
            for one in waiting { one.resume() }
            waiting = []
            return true
        }

        func wait(for count: Int) async {
            while bodies.count < count { await withCheckedContinuation { waiting.append($0) } }
        }
    }

    @Test("what comes is told, signed; and what came while nobody told it is told after the next start, once", .timeLimit(.minutes(1)))
    func payments() async throws {
        let shop = Shop()
        let router = Router()
        router.post("paid") { request, _ -> HTTPResponse.Status in
            let body = try await request.body.collect(upTo: 1_000_000)
            let isTaken = await shop.take(String(buffer: body), request.headers[.init("X-Lightning-Signature")!] ?? "")
            return isTaken ? .noContent : .internalServerError
        }
        let (ports, port) = AsyncStream<Int>.makeStream()
        let server = Application(
            router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { port.yield($0.localAddress?.port ?? 0) }, logger: Self.quiet)
        let group = ServiceGroup(configuration: .init(services: [.init(service: server)], logger: Self.quiet))
        let running = Task { try await group.run() }
        var iterator = ports.makeAsyncIterator()
        let url = "http://127.0.0.1:\(await iterator.next() ?? 0)/paid"

        let world = try await NodeTests.World()
        _ = try await world.open()
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func start() async throws -> Webhooks {
            let api = ControlAPI(node: world.bob, onStop: nil)
            var options = try Webhooks.Options(urls: [url])
            options.firstPause = .milliseconds(1)
            let webhooks = try Webhooks(api, folder: folder, options: options, logger: Self.quiet)
            try await webhooks.start()
            return webhooks
        }
        func pay(_ msat: UInt64) async throws -> String {
            let invoice = try await world.bob.createInvoice(amount: MilliSatoshi(msat), description: "tea")
            try await world.alice.pay(invoice)
            _ = try await ControlAPI(node: world.bob, onStop: nil).handle("waitinvoice", ["invoice": .string(invoice.paymentHash.hex)])
            return invoice.paymentHash.hex
        }
        let first = try await start()
        let one = try await pay(5_500)
        await shop.wait(for: 1)
        await first.stop()
        // While it is away.
        let two = try await pay(7_000)
        let second = try await start()
        await shop.wait(for: 2)
        let three = try await pay(9_000)
        await shop.wait(for: 3)
        await second.stop()
        let told = try await shop.bodies.map { try JSONDecoder().decode(JSONValue.self, from: Data($0.text.utf8)) }
        #expect(told.map { $0["payment_hash"].text } == [one, two, three])
        #expect(
            told.map { $0["amountSat"] } == [5, 7, 9] && told.allSatisfy { $0["type"] == "payment_received" && $0["description"] == "tea" })
        let secret = try String(contentsOf: folder.appending(path: "webhook.secret"), encoding: .utf8).trimmingCharacters(
            in: .whitespacesAndNewlines)
        for (text, signature) in await shop.bodies {
            #expect(signature == "sha256=" + MAC.hmacSHA256(key: Array(secret.utf8), Array(text.utf8)).hex)
        }
        // Refused twice, and told a third time; nothing was told oftener than it was refused.
        #expect(await shop.calls == 5)
        await group.triggerGracefulShutdown()
        try await running.value
        await world.stop()
    }

    @Test("what is no address, or no event, is refused", arguments: ["", "x", "ftp://a", "http://", "file:///etc/passwd"])
    func wrong(_ url: String) {
        #expect(throws: CallFailure.self) { _ = try Webhooks.Options(urls: [url]) }
        #expect(throws: CallFailure.self) { _ = try Webhooks.Options(urls: ["http://a"], events: ["payment_recieved"]) }
    }

    private static let quiet: Logger = {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }()
}
