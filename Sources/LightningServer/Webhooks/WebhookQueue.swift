import BitcoinPrimitives
import LightningAPI

/// What is to be told to other programs, until each of them has taken it: at least once, in order for each of them, over restarts.
struct WebhookQueue: Sendable {
    /// A word for one of them.
    struct Delivery: Hashable, Sendable {
        let number: UInt64
        let url: String
        let body: String
        /// When it was first tried, or is to be; thousandths of a second.
        let since: UInt64
        var attempts: Int = 0
        /// Not before this moment.
        var next: UInt64
    }

    /// As many as are kept: of a program that is away for long the oldest are lost.
    static let limit = 10_000
    /// For so long one is tried: three days.
    static let patience: UInt64 = 3 * 86_400_000
    /// Between two attempts at the most.
    private static let longestPause: UInt64 = 3_600_000

    private(set) var deliveries: [Delivery] = []
    private var next: UInt64 = 1
    /// What was lost since the start.
    private(set) var lost = 0
    /// The number of the last stored event that was looked at: what is to be told of those until then is in the queue. `nil` where none ever was.
    private(set) var lastEvent: UInt64?

    /// Puts something into the queue for each of several programs.
    ///
    /// - Parameter now: from which on it is tried.
    mutating func add(_ body: String, to urls: [String], at now: UInt64) {
        for url in urls {
            deliveries.append(Delivery(number: next, url: url, body: body, since: now, next: now))
            next += 1
        }
        if deliveries.count > Self.limit {
            lost += deliveries.count - Self.limit
            deliveries.removeFirst(deliveries.count - Self.limit)
        }
    }

    /// All stored events up to a number were looked at.
    mutating func advance(to number: UInt64) { lastEvent = number }

    /// The first one for each program, if its time has come.
    func due(at now: UInt64) -> [Delivery] {
        var seen: Set<String> = []
        return deliveries.filter { seen.insert($0.url).inserted && $0.next <= now }
    }

    /// When something is due again; `nil` where nothing is in the queue.
    var nextTime: UInt64? {
        var seen: Set<String> = []
        return deliveries.filter { seen.insert($0.url).inserted }.map(\.next).min()
    }

    /// It was taken.
    mutating func taken(_ number: UInt64) { deliveries.removeAll { $0.number == number } }

    /// It was not: later again, each time after twice the pause; after three days it is lost.
    ///
    /// - Parameter pause: the first one; thousandths of a second.
    mutating func failed(_ number: UInt64, at now: UInt64, firstPause pause: UInt64 = 1000) {
        guard let index = deliveries.firstIndex(where: { $0.number == number }) else { return }
        guard now < deliveries[index].since + Self.patience else {
            lost += 1
            deliveries.remove(at: index)
            return
        }
        deliveries[index].attempts += 1
        deliveries[index].next =
            now + min(Self.longestPause, min(pause, Self.longestPause) << UInt64(min(deliveries[index].attempts - 1, 22)))
    }

    /// Programs that are not told any more have nothing to wait for.
    mutating func keep(_ urls: [String]) { deliveries.removeAll { !urls.contains($0.url) } }

    // MARK: Its record

    var json: JSONValue {
        [
            "version": 2, "next": .amount(next), "last_event": lastEvent.map { .amount($0) } ?? .null,
            "deliveries": .array(
                deliveries.map {
                    [
                        "number": .amount($0.number), "url": .string($0.url), "body": .string($0.body), "since": .amount($0.since),
                        "attempts": .integer(Int64($0.attempts)), "next": .amount($0.next),
                    ]
                }),
        ]
    }

    init() {}

    init?(_ json: JSONValue) {
        func whole(_ value: JSONValue) -> UInt64? { value.int.flatMap { UInt64(exactly: $0) } }
        guard let next = whole(json["next"]) else { return nil }
        self.next = next
        // Version 1 is of a time when no events were stored: all that there are came after it.
        lastEvent = json["version"] == 1 ? 0 : whole(json["last_event"])
        for one in json["deliveries"].list {
            guard let number = whole(one["number"]), let url = one["url"].text, let body = one["body"].text,
                let since = whole(one["since"]),
                let attempts = whole(one["attempts"]), attempts < 1_000_000, let at = whole(one["next"]), since < UInt64.max / 4
            else { return nil }
            deliveries.append(Delivery(number: number, url: url, body: body, since: since, attempts: Int(attempts), next: at))
        }
    }
}
