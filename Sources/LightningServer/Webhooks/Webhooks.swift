import AsyncHTTPClient
import BitcoinPrimitives
import CryptoPrimitives
package import Foundation
package import LightningAPI
import LightningCore
import LightningInvoice
import LightningPayment
import LightningRecords
import LightningRuntime
package import Logging
import NIOCore
import NIOHTTP1
import Synchronization

/// Tells other programs what happens: a POST for each event, signed, and repeated until it is taken.
///
/// What is stored is told at least once and in order, also over crashes: each program has its own place in the events of the node's store, which is
/// on disk, and moves on when the program has taken one. Who gets something twice knows it by `number`. What is not stored, as the payments of a
/// stream, is told while it happens, and lost with the process, or where too much of it waits.
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
                guard let url = URL(string: text), ["http", "https"].contains(url.scheme?.lowercased()), url.host()?.isEmpty == false,
                    url.port.map({ (1...65_535).contains($0) }) ?? true
                else {
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
    private let progress: Mutex<WebhookProgress>
    /// What is not stored and is still to be told, for each program the oldest first.
    private let live: Mutex<[String: LiveEvents]>
    private let client: HTTPClient
    private let isEnding = Mutex(false)
    private let tasks = Mutex<[Task<Void, Never>]>([])
    /// Where each program's teller hears that there is something to tell.
    private let news: [String: (stream: AsyncStream<Void>, word: AsyncStream<Void>.Continuation)]

    /// - Parameter folder: of the wallet: the key lies there in `webhook.secret`, how far each program is in `webhooks.json`.
    /// - Throws: a `CallFailure` where one of them cannot be read or written.
    package convenience init(_ api: ControlAPI, folder: URL, options: Options, logger: Logger) throws(CallFailure) {
        let path = folder.appending(path: "webhooks.json").path
        let key = Array(try Self.secret(in: folder).utf8)
        let progress = try Self.read(path, options)
        self.init(api, path: path, key: key, progress: progress, options: options, logger: logger)
    }

    private init(_ api: ControlAPI, path: String, key: [UInt8], progress: WebhookProgress, options: Options, logger: Logger) {
        self.api = api
        self.options = options
        self.logger = logger
        self.path = path
        self.key = key
        self.progress = Mutex(progress)
        live = Mutex([:])
        news = Dictionary(
            options.urls.map { ($0, AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))) }, uniquingKeysWith: { $1 }
        ).mapValues { (stream: $0.stream, word: $0.continuation) }
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout = .init(connect: .seconds(5), read: .seconds(10))
        // That nobody is there is known at once, and tried again after the pause that is kept.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    private static func read(_ path: String, _ options: Options) throws(CallFailure) -> WebhookProgress {
        guard FileManager.default.fileExists(atPath: path) else { return WebhookProgress() }
        guard let bytes = DurableFile.read(path, upTo: 256_000_000), let json = try? JSONValue(parsing: Data(bytes)),
            var progress = WebhookProgress(json, urls: options.urls)
        else { throw CallFailure(.corrupt, "\(path) cannot be read: how far each program was told is not known. Restore it, or remove it") }
        progress.keep(options.urls)
        return progress
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
        // What happened before is nobody's business; from now on, also where the process ends before anything is to be told.
        let last = try await api.node.lastEvent()
        change { [urls = options.urls] progress in for url in urls { progress.begin(url, after: last) } }
        let listener = Task { await self.listen(from: mark) }
        let tellers = news.map { url, news in Task { await self.tell(url, news.stream) } }
        tasks.withLock { $0 = tellers + [listener] }
    }

    /// Ends; what is still to be told is told after the next start.
    package func stop() async {
        let tasks = tasks.withLock { $0 }
        tasks.last?.cancel()
        // What was just told may still be taken: it would be told again otherwise.
        isEnding.withLock { $0 = true }
        wake()
        let patience = Task {
            try? await Task.sleep(for: .seconds(2))
            for task in tasks { task.cancel() }
        }
        for task in tasks { await task.value }
        patience.cancel()
        // How far the events were looked at of which nothing was to be told.
        change { _ in }
        try? await client.shutdown()
    }

    private func wake() { for one in news.values { one.word.yield() } }

    // MARK: What is to be told

    /// Keeps what is not stored while it happens, and wakes the tellers for what is.
    private func listen(from first: UInt64) async {
        var next = first
        while !Task.isCancelled, !api.feed.hasEnded {
            let (entries, isIncomplete) = api.feed.events(from: next, limit: 1000)
            if isIncomplete { logger.error("webhooks: events came too fast: what is not stored of them is not told") }
            var isNews = isIncomplete
            for entry in entries {
                guard StoredEvent.Kind(entry.event) == nil else {
                    isNews = true
                    continue
                }
                guard case .object(var fields)? = ControlAPI.json(entry), options.events.contains(fields["event"]?.text ?? "") else {
                    continue
                }
                // It means something on that feed only.
                fields["number"] = nil
                guard let body = Self.body(of: .object(fields)) else { continue }
                add(live: body, entry.number)
                isNews = true
            }
            if isNews { wake() }
            next = entries.last.map { $0.number + 1 } ?? next
            if entries.isEmpty { await api.feed.wait(for: next, atMost: .seconds(30)) }
        }
        // The node has stopped: so do the tellers.
        wake()
    }

    private func add(live body: String, _ number: UInt64) {
        let isFull = live.withLock { live in
            news.keys.reduce(false) { live[$1, default: LiveEvents()].add(number, body) || $0 }
        }
        if isFull { logger.error("webhooks: \(LiveEvents.limit) events that are not stored were lost: a program does not take them") }
    }

    /// What a program is told next; `nil` where there is nothing.
    ///
    /// - Parameter page: stored events that were read already, and not dealt with.
    private func next(for url: String, _ page: inout ArraySlice<StoredEvent>) async throws -> (WebhookProgress.Item, String)? {
        if let old = progress.withLock({ $0.programs[url]?.backlog.first }) { return (.old, old) }
        while true {
            if page.isEmpty {
                let last = progress.withLock { $0.programs[url]?.lastEvent } ?? 0
                guard let (events, isIncomplete) = try await stored(after: last, url) else { continue }
                if isIncomplete {
                    logger.error("webhooks: some events are not kept any more, or the database is another one: they are not told")
                    if events.isEmpty { progress.withLock { $0.advance(url, to: 0) } }
                }
                page = events[...]
            }
            guard let event = page.first else { break }
            if options.events.contains(event.kind.name), let body = Self.body(of: try await described(event)) {
                return (.stored(event.number), body)
            }
            page.removeFirst()
            // On disk with the next one that is told: after a crash it is looked at again.
            progress.withLock { $0.advance(url, to: event.number) }
        }
        return live.withLock { $0[url]?.first }.map { (.live($0.number), $0.body) }
    }

    /// The next events; one that cannot be read is passed over, and `nil`.
    private func stored(after last: UInt64, _ url: String) async throws -> (events: [StoredEvent], isIncomplete: Bool)? {
        for limit in [100, 1] {
            do { return try await api.node.storedEvents(after: last, limit: limit) } catch let failure as StoreFailure {
                guard case .damaged = failure else { throw failure }
                guard limit == 1 else { continue }
                logger.error("webhooks: event \(last + 1): \(failure)")
            }
        }
        progress.withLock { $0.advance(url, to: last + 1) }
        return nil
    }

    /// An event whose record of what it is about cannot be read is told without it: it holds up nothing.
    private func described(_ event: StoredEvent) async throws -> JSONValue {
        do { return try await api.json(event) } catch let failure as StoreFailure {
            guard case .damaged = failure else { throw failure }
            logger.error("webhooks: event \(event.number): \(failure)")
            return ["event": .string(event.kind.name), "number": .amount(event.number), "time": .time(event.time)]
        }
    }

    private static func body(of event: JSONValue) -> String? {
        guard case .object(var fields) = event else { return nil }
        if event["event"] == "payment_received" {
            // As phoenixd tells it.
            fields["type"] = "payment_received"
            fields["timestamp"] = .amount(Timestamp.now.milliseconds)
            fields["amountSat"] = .integer((event["received_msat"].int ?? 0) / 1000)
            fields["paymentHash"] = event["payment_hash"]
            if event["label"] != .null { fields["externalId"] = event["label"] }
        }
        return JSONValue.object(fields).line
    }

    // MARK: Telling

    private func tell(_ url: String, _ stream: AsyncStream<Void>) async {
        // One reader for all of its life: a stream whose reader is cancelled has ended.
        var news = stream.makeAsyncIterator()
        var page: ArraySlice<StoredEvent> = []
        while !Task.isCancelled, !isEnding.withLock({ $0 }), !api.feed.hasEnded {
            guard let pause = await tellNext(url, &page) else { continue }
            let word = self.news[url]?.word
            let timer = Task {
                try? await Task.sleep(for: .milliseconds(Int64(clamping: pause) + 1))
                if !Task.isCancelled { word?.yield() }
            }
            await news.next()
            timer.cancel()
        }
    }

    /// Tells a program one thing, if its time has come.
    ///
    /// - Returns: how long there is nothing to do, but for news; thousandths of a second. `nil` where there may be more at once.
    private func tellNext(_ url: String, _ page: inout ArraySlice<StoredEvent>) async -> UInt64? {
        do {
            // What is stored is told next again, whatever comes.
            if let program = progress.withLock({ $0.programs[url] }), let failing = program.failing, !failing.isLive,
                program.next > Timestamp.now.milliseconds
            {
                return program.next - min(program.next, Timestamp.now.milliseconds)
            }
            guard let (item, body) = try await next(for: url, &page) else { return 3_600_000 }
            let now = Timestamp.now.milliseconds
            let due = progress.withLock { $0.programs[url].map { $0.failing == item ? $0.next : 0 } } ?? 0
            guard due <= now else { return due - now }
            guard await tell(url, item, body) else { return nil }
            switch item {
            case .old: break
            case .stored: page.removeFirst()
            // It may have been lost meanwhile.
            case .live(let number): live.withLock { $0[url]?.done(number) }
            }
            return nil
        } catch {
            if !Task.isCancelled, !api.feed.hasEnded { logger.error("webhooks: \(error); it is tried again") }
            return 1000
        }
    }

    /// - Returns: whether it is done with: taken, or given up.
    private func tell(_ url: String, _ item: WebhookProgress.Item, _ body: String) async -> Bool {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        let signature = MAC.hmacSHA256(key: key, Array(body.utf8)).hex
        request.headers = [
            "Content-Type": "application/json", "User-Agent": "swift-lightning", "X-Lightning-Signature": "sha256=\(signature)",
            "X-Phoenix-Signature": signature,
        ]
        request.body = .bytes(ByteBuffer(string: body))
        var (why, isRefused) = ("", false)
        do {
            let status = try await client.execute(request, timeout: .init(options.timeout)).status.code
            if (200..<300).contains(status) {
                change { $0.taken(item, by: url) }
                return true
            }
            why = "it answers \(status)"
            isRefused = true
        } catch {
            if Task.isCancelled { return false }
            why = "\(error)"
            // Somebody is there who does not answer in time, or hangs up: over what it is told, perhaps.
            let answers: [HTTPClientError] = [.deadlineExceeded, .readTimeout, .remoteConnectionClosed]
            isRefused = (error as? HTTPClientError).map(answers.contains) ?? false
        }
        let pause = options.firstPause.wholeMilliseconds
        let isLost = change { [isRefused] in
            $0.failed(item, by: url, isRefused: isRefused, at: Timestamp.now.milliseconds, firstPause: pause)
        }
        // The address may have a password in it.
        let host = URL(string: url)?.host() ?? ""
        let isFirst = progress.withLock { $0.programs[url]?.attempts == 1 }
        logger.log(
            level: isLost ? .error : isFirst ? .warning : .notice,
            "webhook to \(host): \(why)\(isLost ? "; it is not told this any more, which it has not taken for three days" : "; it is told again later")"
        )
        return isLost
    }

    /// Changes how far the programs are, and keeps it.
    @discardableResult
    private func change<Result: Sendable>(_ body: @Sendable (inout WebhookProgress) -> Result) -> Result {
        progress.withLock { progress in
            let result = body(&progress)
            do throws(DurableFile.Failure) { try DurableFile.write(Array((progress.json.line + "\n").utf8), to: path) } catch {
                logger.error("webhooks: \(error): after the next start programs are told again what they were told since")
            }
            return result
        }
    }
}
