import Hummingbird
import LightningAPI
import NIOCore
import ServiceLifecycle

// Events as they happen: server-sent events, as browsers read them.
extension HTTPRoutes {
    /// Events from a number on, or from now: `id` is `<feed>:<number>`, with which a browser goes on after a lost connection.
    func eventStream(_ request: Request, _ context: HTTPContext) throws -> Response {
        let token = try token(request, context)
        guard token.allows(.read) else { throw CallFailure(.forbidden, "the token does not allow events: it needs read") }
        if let unknown = request.uri.queryParameters.map({ String($0.key) }).first(where: { $0 != "after" }) {
            throw CallFailure(
                .usage, "\(unknown) is not known here: a stream of events takes after, the id of the last event that is known")
        }
        var start: [String: JSONValue] = [:]
        if let last = request.headers[.init("Last-Event-ID")!] ?? request.uri.queryParameters["after"].map(String.init) {
            let parts = last.split(separator: ":")
            guard parts.count == 2, let number = Int64(parts[1]), number > 0, number < .max else {
                throw CallFailure(.usage, "Last-Event-ID is the id of an event")
            }
            start = ["feed": .string(String(parts[0])), "from": .integer(number + 1)]
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
                    page = try await cancelWhenGracefulShutdown { [request] in try await caller.handle("events", .object(request)) }
                } catch {
                    // The token was revoked, or the node stops: the stream ends.
                    break
                }
                let feed = page["feed"].text ?? ""
                var lines = ""
                if page["missed"].flag, !isFirst || first["from"] != nil { lines += "event: missed\ndata: {}\n\n" }
                for event in page["events"].list {
                    lines += "id: \(feed):\(event["number"].int ?? 0)\nevent: \(event["event"].text ?? "")\ndata: \(event.line)\n\n"
                }
                // A comment keeps what is between from taking the connection for dead.
                if lines.isEmpty { lines = ": \(feed)\n\n" }
                try await writer.write(ByteBuffer(string: lines))
                position = ["feed": .string(feed), "from": page["next"]]
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
