import BitcoinPrimitives
import Foundation
import Hummingbird
import LightningAPI
import LightningInvoice
import LightningPayment
import LightningRecords
import LightningRuntime

/// What phoenixd's lists of payments are asked with: a time, a page, and whether also those are meant that did not succeed.
struct PhoenixQuery {
    /// Of what is not in all lists.
    let fields: [String: String]
    let wantsAll: Bool
    let page: PhoenixPage

    /// - Parameter known: what else the list may be asked with.
    /// - Throws: a `CallFailure` of kind `usage` for what is not known, or not what it should be.
    init(_ request: Request, and known: Set<String>) throws(CallFailure) {
        var fields: [String: String] = [:]
        for (name, value) in request.uri.queryParameters { fields[String(name)] = String(value) }
        let all = known.union(["from", "to", "limit", "offset", "all"])
        if let unknown = Set(fields.keys).subtracting(all).sorted().first { throw CallFailure(.usage, "\(unknown) is not supported") }
        func whole(_ name: String, _ range: ClosedRange<Int64>, else value: Int64) throws(CallFailure) -> Int64 {
            guard let text = fields[name] else { return value }
            guard let number = Int64(text), range.contains(number) else {
                throw CallFailure(.usage, "\(name) is a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        // To the year 9999.
        let times: ClosedRange<Int64> = 0...253_402_300_799_999
        page = PhoenixPage(
            from: UInt64(try whole("from", times, else: 0)), to: UInt64(try whole("to", times, else: times.upperBound)),
            limit: Int(try whole("limit", 1...1000, else: 20)), offset: Int(try whole("offset", 0...100_000, else: 0)))
        guard ["true", "false"].contains(fields["all"] ?? "false") else { throw CallFailure(.usage, "all is true or false") }
        wantsAll = fields["all"] == "true"
        self.fields = fields
    }

    /// Payments that came, those that came last first; with `all` invoices, those that were made last first.
    func incoming(_ caller: ControlAPI) async throws -> [JSONValue] {
        let call = try CallTable.call("listinvoices")
        try caller.checkPermission(call)
        let label = fields["externalId"]
        // An invoice is open for a year at the most, and what is held for it expires soon after: one that came now was not made earlier.
        let since = Timestamp(milliseconds: wantsAll ? page.from : page.from - min(page.from, 400 * 86_400_000))
        let records = try await page.newest(isInOrder: wantsAll) { bound in
            try await caller.node.invoices(limit: PhoenixPage.read, before: bound, since: since) { record in
                guard label == nil || record.label == label else { return false }
                if wantsAll { return true }
                if case .paid = record.status { return true }
                return false
            }
        } time: { record in
            if !wantsAll, case .paid(let at, _) = record.status { at } else { record.createdAt }
        }
        return records.map { caller.shown(ControlAPI.json($0), of: call) }
    }

    /// Payments that were made, those that succeeded last first; with `all` also others, those that began last first.
    func outgoing(_ caller: ControlAPI) async throws -> [JSONValue] {
        let call = try CallTable.call("listpayments")
        try caller.checkPermission(call)
        let records = try await page.newest(isInOrder: wantsAll) { bound in
            try await caller.node.payments(limit: PhoenixPage.read, before: bound) { payment in
                guard !payment.isProbe, payment.stream == nil else { return false }
                if wantsAll { return true }
                if case .succeeded = payment.status { return true }
                return false
            }
        } time: { payment in
            if !wantsAll, case .succeeded(_, let at) = payment.status { at } else { payment.firstStart }
        }
        return records.map { caller.shown(ControlAPI.json($0, description: nil, since: nil), of: call) }
    }
}

/// Which of the records of a history are wanted: of a time, a page.
struct PhoenixPage {
    /// Thousandths of a second since 1970, both included.
    var from: UInt64
    var to: UInt64
    var limit: Int
    var offset: Int

    /// Records that are read at a time.
    static let read = 1000

    /// The records of the page, the last first.
    ///
    /// What happened until a moment began before it: later records are not read. The times that are told are known to the second only, and it is by
    /// them that records are chosen; of the second in which the time begins all come, for who asks again from where it ended would miss some otherwise.
    ///
    /// - Parameters:
    ///   - isInOrder: whether the time is that by which the history is ordered: then it is read no further than is wanted.
    ///   - read: what is in the history before a place, the last first.
    ///   - time: of a record.
    func newest<Record: Sendable>(
        isInOrder: Bool, _ read: (HistoryPosition) async throws -> HistoryPage<Record>, time: (Record) -> Timestamp
    ) async throws -> [Record] {
        var found: [(time: UInt64, record: Record)] = []
        let wanted = offset + limit
        // What is told of a second began somewhere in it.
        var bound: HistoryPosition? = HistoryPosition(order: to + 1000, id: [])
        while let before = bound {
            try Task.checkCancellation()
            let page = try await read(before)
            for record in page.records {
                let moment = time(record).milliseconds / 1000 * 1000
                if moment <= to, moment + 999 >= from { found.append((moment, record)) }
            }
            // No more in memory than can be asked for.
            if found.count > wanted + 10 * Self.read { found = Self.sorted(found, wanted) }
            bound = isInOrder && found.count >= wanted ? nil : page.next
        }
        return Self.sorted(found, wanted).dropFirst(offset).map(\.record)
    }

    /// The last ones, the last first; of one moment as they are.
    private static func sorted<Record>(_ found: [(time: UInt64, record: Record)], _ count: Int) -> [(time: UInt64, record: Record)] {
        found.enumerated().sorted { ($1.element.time, $0.offset) < ($0.element.time, $1.offset) }.prefix(count).map(\.element)
    }
}
