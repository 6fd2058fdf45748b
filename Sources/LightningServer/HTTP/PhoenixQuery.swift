import Foundation
import Hummingbird
import LightningAPI

/// What phoenixd's lists of payments are asked with: a time, a page, and whether also those are meant that did not succeed.
struct PhoenixQuery {
    /// Of what is not in all lists.
    let fields: [String: String]
    let wantsAll: Bool
    /// Thousandths of a second since 1970.
    private let from: Int64
    private let to: Int64
    private let limit: Int
    private let offset: Int

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
        from = try whole("from", times, else: 0)
        to = try whole("to", times, else: times.upperBound)
        limit = Int(try whole("limit", 1...1000, else: 20))
        offset = Int(try whole("offset", 0...1_000_000, else: 0))
        guard ["true", "false"].contains(fields["all"] ?? "false") else { throw CallFailure(.usage, "all is true or false") }
        wantsAll = fields["all"] == "true"
        self.fields = fields
    }

    /// What is asked for of one of our lists, those that began last first.
    ///
    /// - Parameters:
    ///   - call: which list.
    ///   - name: of the list in its answer.
    ///   - parameters: which records are counted.
    func list(_ caller: ControlAPI, _ call: String, _ name: String, _ parameters: [String: JSONValue]) async throws -> [JSONValue] {
        var request = parameters.filter { $0.value != .null }
        request["limit"] = 1000
        request["since"] = .string(Date(timeIntervalSince1970: TimeInterval(from / 1000)).formatted(.iso8601))
        var found: [JSONValue] = []
        var skipped = 0
        while true {
            let page = try await caller.handle(call, .object(request))
            for record in page[name].list {
                guard let text = record["created_at"].text, let date = try? Date(text, strategy: .iso8601),
                    (from...max(from, to)).contains(Int64(date.timeIntervalSince1970) * 1000 + (from % 1000))
                else { continue }
                guard skipped == offset else {
                    skipped += 1
                    continue
                }
                found.append(record)
                if found.count == limit { return found }
            }
            guard page["next"] != .null else { return found }
            request["before"] = page["next"]
        }
    }
}
