import Foundation
import HTTPTypes
import Hummingbird
import LightningAPI
import LightningCore
import Logging
import NIOCore

/// What is known of a request beside what it says.
struct HTTPContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Where it comes from.
    let address: String

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        address = source.channel.remoteAddress?.ipAddress ?? ""
    }
}

/// Which path does what.
struct HTTPRoutes: Sendable {
    let api: ControlAPI
    let tokens: TokenStore
    let options: HTTPServer.Options
    let logger: Logger
    /// Of those who have a token: each of its own.
    private let requests = RateLimiter<String>(burst: 400, perSecond: 200)
    /// Of addresses from which somebody calls without a token, or with a wrong one.
    private let strangers: RateLimiter<String>
    /// Of addresses that ask for what takes no token.
    private let visitors = RateLimiter<String>(burst: 200, perSecond: 20)
    /// Streams of events, by token.
    let followers = Places<String>(each: 16)
    /// Lists that may read a whole history, by token.
    let lists = Places<String>(each: 1)

    init(api: ControlAPI, tokens: TokenStore, options: HTTPServer.Options, logger: Logger) {
        self.api = api
        self.tokens = tokens
        self.options = options
        strangers = RateLimiter(burst: options.strangers.burst, perSecond: options.strangers.perSecond)
        self.logger = logger
    }

    var router: Router<HTTPContext> {
        let router = Router(context: HTTPContext.self, options: .autoGenerateHeadEndpoints)
        addStatus(to: router)
        addDashboard(to: router)
        addPhoenix(to: router)
        router.get("v1/{call}") { request, context in
            await answer(context) {
                if let feed = EventSource(rawValue: context.parameters.get("call") ?? ""),
                    request.headers[.accept]?.contains("text/event-stream") == true
                {
                    return try eventStream(of: feed, request, context)
                }
                return try await get(request, context)
            }
        }
        router.post("v1/{call}") { request, context in
            await answer(context) { try await post(request, context) }
        }
        for method in [HTTPRequest.Method.get, .post, .put, .patch, .delete, .options] {
            router.on("**", method: method) { _, context in
                await answer(context) { throw [.get, .post].contains(method) ? HTTPFailure.notFound : .method }
            }
            guard ![.get, .post].contains(method) else { continue }
            router.on("v1/{call}", method: method) { _, context in await answer(context) { throw HTTPFailure.method } }
        }
        return router
    }

    // MARK: Calls

    private func get(_ request: Request, _ context: HTTPContext) async throws -> Response {
        let caller = try authorized(request, context)
        let call = try call(context)
        guard call.canBeGot else { throw HTTPFailure.method }
        let parameters = try call.parameters(request.uri.queryParameters.map { (String($0.key), String($0.value)) })
        return Self.json(try await caller.handle(call.name, parameters))
    }

    private func post(_ request: Request, _ context: HTTPContext) async throws -> Response {
        let caller = try authorized(request, context)
        let call = try call(context)
        // Nobody makes the node read what it would not carry out.
        try caller.checkPermission(call)
        if let field = request.uri.queryParameters.first.map({ String($0.key) }) {
            throw CallFailure(.usage, "\(field) stands in the address: with POST all fields are in the body")
        }
        let body = try await body(request, upTo: ["readbackup", "restorechannels"].contains(call.name) ? 16_000_000 : 1_000_000)
        let parameters: JSONValue
        do { parameters = body.isEmpty ? [:] : try JSONValue(parsing: body, values: 500_000) } catch let failure as CallFailure {
            throw failure
        } catch {
            throw CallFailure(.usage, "the body is not JSON")
        }
        return Self.json(try await caller.handle(call.name, parameters))
    }

    private func call(_ context: HTTPContext) throws -> Call {
        guard let call = try? CallTable.call(context.parameters.get("call") ?? "") else { throw HTTPFailure.notFound }
        return call
    }

    // MARK: Who calls

    /// The calls for whoever sends a token.
    ///
    /// - Throws: a `HTTPFailure` without one, with a wrong one, or where there are too many requests.
    func authorized(_ request: Request, _ context: HTTPContext) throws -> ControlAPI { api.with(try token(request, context)) }

    func token(_ request: Request, _ context: HTTPContext) throws -> Token {
        let secret = Self.secret(request.headers[.authorization])
        guard let secret, let token = tokens.token(secret) else {
            if let seconds = strangers.take(context.address) { throw HTTPFailure.tooMany(seconds) }
            throw HTTPFailure.unauthorized(hasToken: secret != nil)
        }
        if let seconds = requests.take(token.id) { throw HTTPFailure.tooMany(seconds) }
        return token
    }

    /// The token that a header has: as a bearer's, or as the password of basic authentication.
    static func secret(_ header: String?) -> String? {
        let parts = (header ?? "").split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        switch parts[0].lowercased() {
        case "bearer": return String(parts[1])
        case "basic":
            guard let bytes = Data(base64Encoded: String(parts[1])), let colon = bytes.firstIndex(of: 0x3a) else { return nil }
            return String(decoding: bytes[bytes.index(after: colon)...], as: UTF8.self)
        default: return nil
        }
    }

    /// What takes no token is told to everybody, and to nobody all the time.
    func admit(_ context: HTTPContext) throws {
        if let seconds = visitors.take(context.address) { throw HTTPFailure.tooMany(seconds) }
    }

    // MARK: Bodies and answers

    /// The body, if it comes in time and is not too long.
    func body(_ request: Request, upTo limit: Int) async throws -> Data {
        let time = options.bodyTimeout
        return try await withThrowingTaskGroup(of: Data?.self) { group in
            group.addTask {
                do { return Data(try await request.body.collect(upTo: limit).readableBytesView) } catch is NIOTooManyBytesError {
                    throw HTTPFailure.tooLarge(limit)
                }
            }
            group.addTask {
                try await Task.sleep(for: time)
                return nil
            }
            defer { group.cancelAll() }
            guard let first = try await group.next(), let body = first else { throw HTTPFailure.slow }
            return body
        }
    }

    /// An answer, also where there is none: every failure is JSON.
    func answer(_ context: HTTPContext, _ make: () async throws -> Response) async -> Response {
        do { return try await make() } catch let failure as CallFailure {
            return Self.json(failure.json, status: .init(code: failure.kind.httpStatus))
        } catch let failure as HTTPFailure {
            return Self.json(failure.json, status: failure.status, headers: failure.headers)
        } catch is CancellationError {
            // The node stops: nobody knows what became of it.
            let failure = CallFailure(.unreachable, NodeRefusal.stopped.description)
            return Self.json(failure.json, status: .init(code: failure.kind.httpStatus))
        } catch {
            logger.error("a request over HTTP failed: \(error)")
            return Self.json(CallFailure(.internal, "the request could not be carried out").json, status: .internalServerError)
        }
    }

    static func json(_ value: JSONValue, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]) -> Response {
        text(value.line + "\n", type: "application/json", status: status, headers: headers)
    }

    static func text(
        _ text: String, type: String, status: HTTPResponse.Status = .ok, headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = type
        headers[.cacheControl] = "no-store"
        headers[.xContentTypeOptions] = "nosniff"
        return Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(string: text)))
    }
}

/// What is wrong with a request as a request.
enum HTTPFailure: Error {
    case notFound, method, slow
    case unauthorized(hasToken: Bool)
    /// Bytes.
    case tooLarge(Int)
    /// Seconds.
    case tooMany(Int)

    private var kind: RequestFailure {
        switch self {
        case .unauthorized: .unauthorized
        case .notFound: .noSuchCall
        case .method: .methodNotAllowed
        case .slow: .timeout
        case .tooLarge: .tooLarge
        case .tooMany: .tooManyRequests
        }
    }

    var status: HTTPResponse.Status { .init(code: kind.httpStatus) }

    var headers: HTTPFields {
        switch self {
        case .unauthorized: [.wwwAuthenticate: "Bearer"]
        case .tooMany(let seconds): [.retryAfter: "\(seconds)"]
        case .method: [.allow: "POST"]
        case .notFound, .slow, .tooLarge: [:]
        }
    }

    var json: JSONValue {
        let message =
            switch self {
            case .unauthorized(hasToken: true): "this token is not known: it may have been revoked, or be another node's"
            case .unauthorized(hasToken: false):
                "send a token: Authorization: Bearer <token>. Make one: lnw token create --can read"
            case .notFound: "there is nothing here. The calls are in /openapi.json"
            case .method: "calls are made by POST, with the request as JSON; what changes nothing may be got"
            case .slow: "the request did not arrive in time"
            case .tooLarge(let limit): "the body has more than \(limit) bytes"
            case .tooMany(let seconds): "too many requests: again in \(seconds) s"
            }
        return ["error": ["code": .string(kind.code), "message": .string(message)]]
    }
}

extension Call {
    /// A request out of the query of an address, where everything is text.
    func parameters(_ query: [(String, String)]) throws(CallFailure) -> JSONValue {
        var fields: [String: JSONValue] = [:]
        for (name, text) in query {
            guard fields[name] == nil else { throw CallFailure(.usage, "\(name) stands there twice") }
            guard let field = request.first(where: { $0.name == name }) else {
                fields[name] = .string(text)
                continue
            }
            fields[name] = field.shape.value(of: text)
        }
        return .object(fields)
    }
}

extension Shape {
    /// What a text means where this is expected; the text itself where it is none, which the check tells then.
    fileprivate func value(of text: String) -> JSONValue {
        switch kind {
        case .flag, .done: text == "true" ? true : text == "false" ? false : .string(text)
        case .integer: Int64(text).map { .integer($0) } ?? .string(text)
        case .either(let shapes):
            shapes.map { $0.value(of: text) }.first { if case .string = $0 { false } else { true } } ?? .string(text)
        case .text, .choice, .list, .object, .map, .null: .string(text)
        }
    }
}
