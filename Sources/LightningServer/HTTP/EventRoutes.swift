import Hummingbird
import LightningAPI
import NIOCore
import ServiceLifecycle

/// The calls that tell events, and so can be followed.
enum EventSource: String {
    /// All that happens, out of memory: `id` is `<feed>:<number>`, and without one it begins now.
    case events
    /// What is stored: `id` is the number, and without one it begins with the oldest that is kept.
    case listevents

    /// What to ask for after an event.
    ///
    /// - Throws: a `CallFailure` of kind `usage` for what is no id of an event.
    func position(after id: String) throws(CallFailure) -> [String: JSONValue] {
        let parts = id.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == (self == .events ? 2 : 1), let number = Int64(parts[parts.count - 1]), number >= 0, number < .max else {
            throw CallFailure(.usage, "Last-Event-ID is the id of an event")
        }
        var position: [String: JSONValue] = ["from": .integer(number + 1)]
        if self == .events { position["feed"] = .string(String(parts[0])) }
        return position
    }

    /// The id of an event.
    func id(_ number: Int64, _ page: JSONValue) -> String { self == .events ? "\(page["feed"].text ?? ""):\(number)" : "\(number)" }
}

// Events as they happen: server-sent events, as browsers read them.
extension HTTPRoutes {
    /// Events from an id on, with which a browser goes on after a lost connection.
    func eventStream(of source: EventSource, _ request: Request, _ context: HTTPContext) throws -> Response {
        let token = try token(request, context)
        guard token.allows(.read) else { throw CallFailure(.forbidden, "the token does not allow events: it needs read") }
        if let unknown = request.uri.queryParameters.map({ String($0.key) }).first(where: { !["after", "from"].contains($0) }) {
            throw CallFailure(
                .usage,
                "\(unknown) is not known here: a stream of events takes after, the id of the last event that is known, or from, the number of the first that is not"
            )
        }
        var start: [String: JSONValue] = [:]
        if let last = request.headers[.init("Last-Event-ID")!] ?? request.uri.queryParameters["after"].map(String.init) {
            start = try source.position(after: last)
        } else if let first = request.uri.queryParameters["from"] {
            guard let number = Int64(String(first)), number > 0 else {
                throw CallFailure(.usage, "from is the number of an event: 1 or more")
            }
            start = ["from": .integer(number)]
        }
        let caller = api.with(token)
        let (tokens, first) = (tokens, start)
        guard let place = followers.hold(token.id) else { throw HTTPFailure.tooMany(15) }
        let body = ResponseBody { writer in
            defer { withExtendedLifetime(place) {} }
            var (position, isFirst) = (first, true)
            // Until the caller is gone, which the next line that is written tells, the token is revoked, or the node stops.
            while !Task.isCancelled, !Task.isShuttingDownGracefully, tokens.isValid(token), !caller.feed.hasEnded {
                var request = position
                request["limit"] = 500
                request["wait_ms"] = isFirst ? 0 : 15_000
                let page: JSONValue
                do {
                    page = try await cancelWhenGracefulShutdown { [request] in try await caller.handle(source.rawValue, .object(request)) }
                } catch {
                    // The token was revoked, or the node stops: the stream ends.
                    break
                }
                var lines = ""
                if page["missed"].flag, !isFirst || first["from"] != nil { lines += "event: missed\ndata: {}\n\n" }
                for event in page["events"].list {
                    lines +=
                        "id: \(source.id(event["number"].int ?? 0, page))\nevent: \(event["event"].text ?? "")\ndata: \(event.line)\n\n"
                }
                // A comment keeps what is between from taking the connection for dead.
                if lines.isEmpty { lines = ":\n\n" }
                try await writer.write(ByteBuffer(string: lines))
                position = ["from": page["next"]]
                if source == .events { position["feed"] = page["feed"] }
                isFirst = false
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/event-stream", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
            ], body: body)
    }
}
