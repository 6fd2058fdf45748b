import AsyncHTTPClient
import BitcoinPrimitives
import CryptoPrimitives
package import Foundation
package import LightningAPI
import LightningCore
import LightningInvoice
import LightningPayment
import LightningRuntime
package import Logging
import NIOCore
import NIOHTTP1
import Synchronization

/// Tells other programs what happens: a POST for each event, signed, and repeated until it is taken.
///
/// What lasts is told at least once, also over crashes: it is read out of the node's store, and what is to be told is on disk before it is told.
/// A program that gets something twice knows it by `number`. What is not stored, as the payments of a stream, is lost with the process.
package final class Webhooks: Sendable {
    package struct Options: Sendable {
        /// Whom to tell.
        package var urls: [String]
        /// The events that are told, by their names.
        package var events: Set<String> = ["payment_received"]
        /// How long one may take to answer.
        package var timeout = Duration.seconds(10)
        /// Until one that did not take something is told again; each time it is twice as long.
        package var firstPause = Duration.seconds(1)

        /// - Parameter events: `nil` for payments received.
        /// - Throws: a `CallFailure` of kind `usage` for what is no address of HTTP, or no event.
        package init(urls: [String], events: [String]? = nil) throws(CallFailure) {
            for text in urls {
                guard let url = URL(string: text), ["http", "https"].contains(url.scheme?.lowercased()), url.host()?.isEmpty == false else {
                    throw CallFailure(.usage, "“\(text)” is no address to call: http://… or https://…")
                }
            }
            self.urls = urls
            guard let events else { return }
            if let unknown = events.first(where: { !Shape.eventNames.contains($0) }) {
                let near = LikelyWord.of(unknown, among: Shape.eventNames).map { ". There is \($0)" } ?? ""
                throw CallFailure(.usage, "there is no event “\(unknown)”\(near)")
            }
            self.events = Set(events)
        }
    }

    private let api: ControlAPI
    private let options: Options
    private let logger: Logger
    private let path: String
    /// With which what is told is signed.
    private let key: [UInt8]
    private let queue: Mutex<WebhookQueue>
    private let client: HTTPClient
    private let isEnding = Mutex(false)
    private let tasks = Mutex<[Task<Void, Never>]>([])
    private let (changes, change) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// - Parameter folder: of the wallet: the key lies there in `webhook.secret`, the queue in `webhooks.json`.
    /// - Throws: a `CallFailure` where one of them cannot be read or written.
    package convenience init(_ api: ControlAPI, folder: URL, options: Options, logger: Logger) throws(CallFailure) {
        let path = folder.appending(path: "webhooks.json").path
        let key = Array(try Self.secret(in: folder).utf8)
        let queue = try Self.read(path, options)
        self.init(api, path: path, key: key, queue: queue, options: options, logger: logger)
    }

    private init(_ api: ControlAPI, path: String, key: [UInt8], queue: WebhookQueue, options: Options, logger: Logger) {
        self.api = api
        self.options = options
        self.logger = logger
        self.path = path
        self.key = key
        self.queue = Mutex(queue)
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout = .init(connect: .seconds(5), read: .seconds(10))
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    private static func read(_ path: String, _ options: Options) throws(CallFailure) -> WebhookQueue {
        guard FileManager.default.fileExists(atPath: path) else { return WebhookQueue() }
        guard let bytes = DurableFile.read(path, upTo: 256_000_000), let json = try? JSONValue(parsing: Data(bytes)),
            var queue = WebhookQueue(json)
        else { throw CallFailure(.corrupt, "\(path) cannot be read: what is still to be told is not known. Restore it, or remove it") }
        queue.keep(options.urls)
        return queue
    }

    /// The key, made when it is first wanted.
    private static func secret(in folder: URL) throws(CallFailure) -> String {
        let path = folder.appending(path: "webhook.secret").path
        if let bytes = DurableFile.read(path, upTo: 1000) {
            let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
            guard !text.isEmpty else { throw CallFailure(.corrupt, "\(path) is empty: nothing can be signed with it") }
            return text
        }
        var entropy = Entropy.system()
        let text = entropy.bytes32().hex
        do throws(DurableFile.Failure) { try DurableFile.write(Array((text + "\n").utf8), to: path) } catch {
            throw CallFailure(.refused, error.description)
        }
        return text
    }

    /// Begins to tell.
    package func start() async throws {
        let mark = api.feed.next
        if queue.withLock({ $0.lastEvent }) == nil {
            // What happened before is nobody's business; from now on, also where the process ends before anything is to be told.
            let last = try await api.node.lastEvent()
            change { $0.advance(to: last) }
        }
        let reader = Task { await self.readStored() }
        let listener = Task { await self.listen(from: mark) }
        let teller = Task { await self.tell() }
        tasks.withLock { $0 = [reader, listener, teller] }
    }

    /// Ends; what is still to be told is told after the next start.
    package func stop() async {
        let tasks = tasks.withLock { $0 }
        for task in tasks.dropLast() { task.cancel() }
        // What was just told may still be taken: it would be told again otherwise.
        isEnding.withLock { $0 = true }
        change.yield()
        let patience = Task {
            try? await Task.sleep(for: .seconds(2))
            for task in tasks { task.cancel() }
        }
        for task in tasks { await task.value }
        patience.cancel()
        // How far the events were looked at.
        change { _ in }
        try? await client.shutdown()
    }

    // MARK: What is to be told

    /// What the store has, from where the last run ended.
    private func readStored() async {
        // What is in the store already need not be in the queue: it is read as there is room.
        let room = WebhookQueue.limit / 2
        var last = queue.withLock { $0.lastEvent } ?? 0
        while !Task.isCancelled, !api.feed.hasEnded {
            guard queue.withLock({ $0.deliveries.count }) < room else {
                try? await Task.sleep(for: .seconds(1))
                continue
            }
            do {
                let (events, isIncomplete) = try await api.storedEvents(
                    after: last, limit: max(1, min(500, room / max(1, options.urls.count))), wait: .seconds(30))
                if isIncomplete {
                    logger.error("webhooks: some events are not kept any more, or the database is another one: they are not told")
                }
                var wanted: [JSONValue] = []
                for event in events where options.events.contains(event.kind.name) { wanted.append(try await api.json(event)) }
                last = events.last?.number ?? (isIncomplete ? 0 : last)
                // In one write: neither twice nor not at all. What nobody wants is looked at again after a crash.
                if !wanted.isEmpty { add(wanted) { [last] in $0.advance(to: last) } } else { queue.withLock { $0.advance(to: last) } }
            } catch {
                if Task.isCancelled || api.feed.hasEnded { return }
                logger.error("webhooks: \(error); it is tried again")
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    /// What is not stored, while it happens.
    private func listen(from first: UInt64) async {
        var next = first
        while !Task.isCancelled, !api.feed.hasEnded {
            let (entries, isIncomplete) = api.feed.events(from: next, limit: 1000)
            if isIncomplete { logger.error("webhooks: events came too fast: what is not stored of them is not told") }
            let wanted = entries.filter { StoredEvent.Kind($0.event) == nil }.compactMap { entry -> JSONValue? in
                guard case .object(var fields)? = ControlAPI.json(entry), options.events.contains(fields["event"]?.text ?? "") else {
                    return nil
                }
                // It means something on that feed only.
                fields["number"] = nil
                return .object(fields)
            }
            if !wanted.isEmpty { add(wanted) { _ in } }
            next = entries.last.map { $0.number + 1 } ?? next
            if entries.isEmpty { await api.feed.wait(for: next, atMost: .seconds(30)) }
        }
    }

    /// Puts events into the queue, in one write with another change of it.
    private func add(_ events: [JSONValue], _ also: @escaping @Sendable (inout WebhookQueue) -> Void) {
        let bodies = events.compactMap { Self.body(of: $0) }
        change { queue in
            for body in bodies { queue.add(body, to: options.urls, at: Timestamp.now.milliseconds) }
            also(&queue)
        }
        if !bodies.isEmpty { change.yield() }
    }

    private static func body(of event: JSONValue) -> String? {
        guard case .object(var fields) = event else { return nil }
        if event["event"] == "payment_received" {
            // As phoenixd tells it.
            fields["type"] = "payment_received"
            fields["timestamp"] = .amount(Timestamp.now.milliseconds)
            fields["amountSat"] = .integer((event["received_msat"].int ?? 0) / 1000)
            fields["paymentHash"] = event["payment_hash"]
        }
        return JSONValue.object(fields).line
    }

    // MARK: Telling

    private func tell() async {
        // One reader for all of its life: a stream whose reader is cancelled has ended.
        var news = changes.makeAsyncIterator()
        while !Task.isCancelled, !isEnding.withLock({ $0 }) {
            let now = Timestamp.now.milliseconds
            let due = queue.withLock { $0.due(at: now) }
            // One that hangs keeps no other from being told.
            await withTaskGroup(of: Void.self) { group in
                for delivery in due { group.addTask { await self.tell(delivery) } }
            }
            guard due.isEmpty else { continue }
            let pause = queue.withLock { $0.nextTime }.map { $0 - min($0, Timestamp.now.milliseconds) } ?? 3_600_000
            let timer = Task { [change] in
                try? await Task.sleep(for: .milliseconds(Int64(clamping: pause) + 1))
                if !Task.isCancelled { change.yield() }
            }
            await news.next()
            timer.cancel()
        }
    }

    private func tell(_ delivery: WebhookQueue.Delivery) async {
        var request = HTTPClientRequest(url: delivery.url)
        request.method = .POST
        let signature = MAC.hmacSHA256(key: key, Array(delivery.body.utf8)).hex
        request.headers = [
            "Content-Type": "application/json", "User-Agent": "swift-lightning", "X-Lightning-Signature": "sha256=\(signature)",
            "X-Phoenix-Signature": signature,
        ]
        request.body = .bytes(ByteBuffer(string: delivery.body))
        var why: String
        do {
            let response = try await client.execute(request, timeout: .init(options.timeout))
            if (200..<300).contains(Int(response.status.code)) {
                change { $0.taken(delivery.number) }
                return
            }
            why = "it answers \(response.status.code)"
        } catch {
            if Task.isCancelled { return }
            why = "\(error)"
        }
        let lost = queue.withLock { $0.lost }
        change { $0.failed(delivery.number, at: Timestamp.now.milliseconds, firstPause: options.firstPause.wholeMilliseconds) }
        let isLost = queue.withLock { $0.lost } > lost
        // The address may have a password in it.
        let host = URL(string: delivery.url)?.host() ?? ""
        logger.log(
            level: isLost ? .error : .notice, "webhook to \(host): \(why)\(isLost ? "; after three days nothing more is tried" : "")")
    }

    /// Changes the queue, and keeps it.
    private func change(_ body: @Sendable (inout WebhookQueue) -> Void) {
        queue.withLock { queue in
            body(&queue)
            do throws(DurableFile.Failure) { try DurableFile.write(Array((queue.json.line + "\n").utf8), to: path) } catch {
                logger.error("webhooks: \(error): what is to be told is lost with the process")
            }
        }
    }
}
