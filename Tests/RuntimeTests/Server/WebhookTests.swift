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
    /// Programs that take what they are told, refuse it, or are away, over restarts of the teller: each gets all of it, in order, whatever the
    /// others do.
    @Test("everything is told to everybody, in order, until it is taken", arguments: 0..<40)
    func progress(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let urls = ["http://one", "http://two", "http://three"]
        var progress = WebhookProgress()
        var now: UInt64 = 1_000_000
        // Of the numbers of the store some are of events that nobody wants.
        var stored: [UInt64] = []
        var last: UInt64 = random.next() % 5
        for url in urls { progress.begin(url, after: last) }
        var told: [String: [UInt64]] = [:]
        func tell(_ url: String, hears: Bool, takes: Bool) {
            guard let program = progress.programs[url], program.next <= now, let number = stored.first(where: { $0 > program.lastEvent })
            else { return }
            if hears { told[url, default: []].append(number) }
            if hears, takes {
                progress.taken(.stored(number), by: url)
            } else {
                let isLost = progress.failed(.stored(number), by: url, isRefused: hears, at: now)
                #expect(!isLost, "seed \(seed)")
            }
        }
        for _ in 0..<300 {
            switch random.next() % 4 {
            case 0:
                last += 1 + random.next() % 3
                stored.append(last)
            case 1, 2:
                // An answer that is lost: it is told again. One program never answers.
                for url in urls.dropLast() { tell(url, hears: random.next() % 3 > 0, takes: random.next() % 2 > 0) }
                tell(urls[2], hears: false, takes: false)
            default:
                let before = progress.programs
                progress = try #require(WebhookProgress(progress.json, urls: urls))
                #expect(progress.programs == before)
                // Who is known goes on where it was.
                for url in urls { progress.begin(url, after: last) }
                #expect(progress.programs == before)
            }
            now += random.next() % 4000
            #expect(progress.programs.values.allSatisfy { $0.next <= now + 3_600_000 }, "seed \(seed)")
        }
        // Everybody is well again, however long it was away.
        now += 30 * 86_400_000
        for _ in 0..<500 { for url in urls { tell(url, hears: true, takes: true) } }
        for url in urls {
            // Once those are left out that came again.
            var once: [UInt64] = []
            for number in told[url] ?? [] where number > once.last ?? 0 { once.append(number) }
            #expect(once == stored, "seed \(seed)")
        }
    }

    @Test(
        "what a program answers and does not take is given up after three days, with longer and longer pauses; what nobody answers is not")
    func patience() {
        var progress = WebhookProgress()
        progress.begin("http://one", after: 6)
        var (now, tries): (UInt64, Int) = (0, 0)
        var isLost = false
        while !isLost {
            tries += 1
            isLost = progress.failed(.stored(9), by: "http://one", isRefused: true, at: now)
            now = max(now, progress.programs["http://one"]?.next ?? 0)
        }
        #expect((75...90).contains(tries) && now >= WebhookProgress.patience - 3_600_000)
        #expect(progress.programs["http://one"] == WebhookProgress.Program(lastEvent: 9))
        for _ in 0..<1000 {
            let isGivenUp = progress.failed(.stored(10), by: "http://one", isRefused: false, at: now)
            #expect(!isGivenUp)
            now = progress.programs["http://one"]?.next ?? 0
        }
        #expect(progress.programs["http://one"]?.lastEvent == 9)
    }

    @Test("what is not stored and was refused for three days takes nothing of the patience with a payment that comes then")
    func patienceOfEach() {
        var progress = WebhookProgress()
        progress.begin("http://one", after: 6)
        var now: UInt64 = 1000
        while now < WebhookProgress.patience - 3_600_000 {
            let isGivenUp = progress.failed(.live(3), by: "http://one", isRefused: true, at: now)
            #expect(!isGivenUp)
            now = progress.programs["http://one"]?.next ?? 0
        }
        #expect(progress.programs["http://one"]?.failing == .live(3))
        // After a restart it is gone, and so is what was counted of it.
        #expect(WebhookProgress(progress.json, urls: [])?.programs["http://one"] == WebhookProgress.Program(lastEvent: 6))
        now += WebhookProgress.patience
        let isGivenUp = progress.failed(.stored(7), by: "http://one", isRefused: true, at: now)
        let program = progress.programs["http://one"]
        #expect(!isGivenUp && program?.attempts == 1 && program?.refusedSince == now && program?.next == now + 1000)
        #expect(WebhookProgress(progress.json, urls: [])?.programs == progress.programs)
    }

    @Test("what the queue of an earlier version had still to tell is told; damaged files are no empty ones")
    func earlier() throws {
        let old: JSONValue = [
            "version": 1, "next": 4, "mark": 7, "told": [],
            "deliveries": [
                ["number": 1, "url": "http://one", "body": "a", "since": 1, "attempts": 2, "next": 5],
                ["number": 2, "url": "http://gone", "body": "a", "since": 1, "attempts": 2, "next": 5],
                ["number": 3, "url": "http://one", "body": "b", "since": 1, "attempts": 0, "next": 5],
            ],
        ]
        var progress = try #require(WebhookProgress(old, urls: ["http://one", "http://two"]))
        #expect(
            progress.programs == [
                "http://one": WebhookProgress.Program(lastEvent: 0, backlog: ["a", "b"]),
                "http://two": WebhookProgress.Program(lastEvent: 0),
            ])
        #expect(WebhookProgress(progress.json, urls: [])?.programs == progress.programs)
        progress.taken(.old, by: "http://one")
        #expect(progress.programs["http://one"]?.backlog == ["b"])
        for bad: JSONValue in [
            [:], ["version": 4], ["version": 3], ["version": 3, "programs": []], ["version": 3, "programs": ["http://one": [:]]],
            ["version": 3, "programs": ["http://one": ["last_event": -1, "backlog": [], "attempts": 0, "next": 0]]],
        ] {
            #expect(WebhookProgress(bad, urls: ["http://one"]) == nil, "\(bad.line)")
        }
    }

    @Test("of what is not stored so much waits for a program, and nothing else is lost with it")
    func live() {
        var waiting = LiveEvents()
        var lost = 0
        for number in 1...UInt64(LiveEvents.limit * 2) { if waiting.add(number, "\(number)") { lost += LiveEvents.limit } }
        #expect(lost == LiveEvents.limit && waiting.first?.number == UInt64(LiveEvents.limit) + 1)
        // One that was lost while it was told takes no other with it.
        waiting.done(1)
        #expect(waiting.first?.number == UInt64(LiveEvents.limit) + 1)
        waiting.done(UInt64(LiveEvents.limit) + 1)
        #expect(waiting.first?.body == "\(LiveEvents.limit + 2)")
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
            // Another one is never there.
            var options = try Webhooks.Options(urls: ["http://127.0.0.1:1/", url])
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
        // The one that was never there has all of it before it still.
        let kept = try #require(DurableFile.read(folder.appending(path: "webhooks.json").path, upTo: 100_000))
        let programs = try #require(WebhookProgress(JSONValue(parsing: Data(kept)), urls: [])).programs
        #expect(programs["http://127.0.0.1:1/"].map { $0.attempts > 0 && $0.refusedSince == nil } == true)
        #expect(programs[url].map { $0.attempts == 0 && $0.lastEvent > programs["http://127.0.0.1:1/"]!.lastEvent } == true)
        await group.triggerGracefulShutdown()
        try await running.value
        await world.stop()
    }

    @Test(
        "what is no address, or no event, is refused",
        arguments: ["", "x", "ftp://a", "http://", "file:///etc/passwd", "http://a:99999/", "http://a:0/"])
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
