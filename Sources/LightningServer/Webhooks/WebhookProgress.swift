import BitcoinPrimitives
import LightningAPI

/// How far each program is that is told what happens, over restarts: the events themselves are in the node's store, which every program reads by
/// itself. One that is away keeps no other from being told, and nothing pushes out what it has still to be told.
struct WebhookProgress: Sendable {
    struct Program: Hashable, Sendable {
        /// All stored events up to this number it was told, or need not be.
        var lastEvent: UInt64
        /// What the queue of an earlier version had for it still: told first.
        var backlog: [String] = []
        /// What it was told in vain last: that is tried again after a pause. Anything else is told at once.
        var failing: Item?
        /// How often in vain.
        var attempts = 0
        /// When somebody first answered, and did not take it; thousandths of a second.
        var refusedSince: UInt64?
        /// Not before this moment.
        var next: UInt64 = 0

        /// It took what it was told, or will not be told it any more.
        fileprivate mutating func goOn(past item: Item) {
            switch item {
            case .old: if !backlog.isEmpty { backlog.removeFirst() }
            case .stored(let number): lastEvent = number
            case .live: break
            }
            if failing == item { (failing, attempts, refusedSince, next) = (nil, 0, nil, 0) }
        }
    }

    /// What a program is told next.
    enum Item: Hashable, Sendable {
        /// The first of its backlog.
        case old
        /// The stored event of this number.
        case stored(UInt64)
        /// What is not stored, by its number on the feed.
        case live(UInt64)

        var isLive: Bool {
            if case .live = self { return true }
            return false
        }

        fileprivate var json: JSONValue {
            switch self {
            case .old: 0
            case .stored(let number): .amount(number)
            case .live: .null
            }
        }

        fileprivate init?(_ json: JSONValue) {
            guard let number = json.int.flatMap({ UInt64(exactly: $0) }) else { return nil }
            self = number == 0 ? .old : .stored(number)
        }
    }

    /// For so long something is told again that is answered, and not taken: three days. While nobody answers nothing is given up.
    static let patience: UInt64 = 3 * 86_400_000
    /// So often at the least, also where the node was away meanwhile.
    static let leastAttempts = 20
    /// Between two attempts at the most.
    private static let longestPause: UInt64 = 3_600_000

    /// By their addresses.
    private(set) var programs: [String: Program] = [:]

    init() {}

    /// Begins to tell a program: what happened before is not its business. One that is known goes on.
    mutating func begin(_ url: String, after event: UInt64) { programs[url] = programs[url] ?? Program(lastEvent: event) }

    /// Programs that are not told any more are forgotten.
    mutating func keep(_ urls: [String]) { programs = programs.filter { urls.contains($0.key) } }

    /// Nothing of the stored events up to a number is to be told.
    mutating func advance(_ url: String, to number: UInt64) { programs[url]?.lastEvent = number }

    /// It was taken.
    mutating func taken(_ item: Item, by url: String) { programs[url]?.goOn(past: item) }

    /// It was not: later again, each time after twice the pause.
    ///
    /// - Parameters:
    ///   - isRefused: whether somebody answered, and did not take it.
    ///   - pause: the first one; thousandths of a second.
    /// - Returns: whether it is given up.
    mutating func failed(_ item: Item, by url: String, isRefused: Bool, at now: UInt64, firstPause pause: UInt64 = 1000) -> Bool {
        guard var program = programs[url] else { return false }
        defer { programs[url] = program }
        if program.failing != item { (program.failing, program.attempts, program.refusedSince, program.next) = (item, 0, nil, 0) }
        if isRefused {
            let since = program.refusedSince ?? now
            program.refusedSince = since
            guard now < since + Self.patience || program.attempts < Self.leastAttempts else {
                program.goOn(past: item)
                return true
            }
        }
        if !isRefused { program.refusedSince = nil }
        program.attempts += 1
        program.next = now + min(Self.longestPause, min(pause, Self.longestPause) << UInt64(min(program.attempts - 1, 22)))
        return false
    }

    // MARK: Its record

    var json: JSONValue {
        [
            "version": 3,
            "programs": .object(
                programs.mapValues {
                    [
                        "last_event": .amount($0.lastEvent), "backlog": .array($0.backlog.map { .string($0) }),
                        "failing": $0.failing?.json ?? .null, "attempts": .integer(Int64($0.attempts)),
                        "refused_since": $0.refusedSince.map { .amount($0) } ?? .null,
                        "next": .amount($0.next),
                    ]
                }),
        ]
    }

    /// - Parameter urls: of the programs, which earlier versions did not keep.
    init?(_ json: JSONValue, urls: [String]) {
        func whole(_ value: JSONValue) -> UInt64? { value.int.flatMap { UInt64(exactly: $0) } }
        guard json["version"] == 3 else {
            // A queue for all of them, of a time when no events were stored: all that there are came after it.
            guard json["version"] == 1, whole(json["next"]) != nil else { return nil }
            for url in urls { programs[url] = Program(lastEvent: 0) }
            for one in json["deliveries"].list {
                guard let url = one["url"].text, let body = one["body"].text else { return nil }
                programs[url]?.backlog.append(body)
            }
            return
        }
        guard case .object(let fields) = json["programs"] else { return nil }
        for (url, one) in fields {
            guard let last = whole(one["last_event"]), let attempts = whole(one["attempts"]), attempts < 1_000_000,
                let next = whole(one["next"]), one["refused_since"] == .null || whole(one["refused_since"]) != nil,
                // Added to, below.
                (whole(one["refused_since"]) ?? 0) < UInt64.max / 4
            else { return nil }
            programs[url] = Program(lastEvent: last, backlog: one["backlog"].list.compactMap(\.text))
            // What was not stored is gone with the process.
            guard let failing = Item(one["failing"]) else { continue }
            programs[url]?.failing = failing
            programs[url]?.attempts = Int(attempts)
            programs[url]?.refusedSince = whole(one["refused_since"])
            programs[url]?.next = next
        }
    }
}
