public import Foundation
@_exported public import LightningAPI

/// A node in another process or on another machine: a method for each call of the table, and what it answers as Swift.
///
/// ```swift
/// let node = try RemoteNode(url: URL(string: "http://127.0.0.1:8080")!, token: token)
/// let invoice = try await node.invoice(amountMsat: 5_000_000, description: "coffee")
/// for try await event in node.events(from: 1) { … }
/// ```
///
/// Money at risk: whoever has the token, or can use the socket, can do what the token allows, or everything. Over networks it wants `https`.
/// A call that is canceled, or not answered, may have been carried out: an invoice is paid once however often it is asked for, and
/// `lookuppayment` tells how it stands; a `keysend` is another payment each time.
public struct RemoteNode: Sendable {
    private let transport: any ClientTransport

    package init(_ transport: any ClientTransport) { self.transport = transport }

    /// A node on this machine, by its wallet's `control.sock`. It takes every call: only the wallet's owner can use the socket.
    public init(socket path: String) { transport = SocketTransport(path: path) }

    /// A node that serves HTTP: `lnw start --http`.
    ///
    /// - Parameters:
    ///   - url: without a path: `https://node.example:8080`.
    ///   - token: made by `lnw token create`.
    ///   - certificate: a file with the certificates that are trusted, in PEM: for a node that has signed its own. `nil` for the system's.
    /// - Throws: `CallFailure` of kind `usage` where the certificates cannot be read, or the address is none.
    public init(url: URL, token: String, trusting certificate: URL? = nil) throws(CallFailure) {
        transport = try HTTPTransport(url: url, token: token, trusting: certificate)
    }

    /// Makes a call by its name, as JSON.
    ///
    /// - Throws: `CallFailure`, of kind `notRunning` where nobody answers.
    public func call(_ name: String, _ request: JSONValue = [:]) async throws(CallFailure) -> JSONValue {
        try await transport.call(name, request, as: JSONValue.self)
    }

    /// Makes a call; what is left out of the request is `nil`.
    func ask<Answer: Decodable & Sendable>(_ name: String, _ request: [String: JSONValue?]) async throws(CallFailure) -> Answer {
        try await transport.call(name, .object(request.compactMapValues { $0 }), as: Answer.self)
    }

    /// A value of a request as JSON.
    func json(_ value: some Encodable) -> JSONValue {
        if let value = value as? JSONValue { return value }
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        guard let data = try? encoder.encode(value), let json = try? JSONDecoder().decode(JSONValue.self, from: data) else {
            preconditionFailure("texts, whole numbers and times can be written as JSON")
        }
        return json
    }

    /// What happened and lasts, out of the node's database, and then what happens, whoever restarts.
    ///
    /// Where the node cannot be reached it is tried again, for as long as somebody listens. Each event comes at least once: keep its `number`,
    /// and go on with the one after it. The last 100,000 are kept: where older ones were wanted, the first number is another one than was asked
    /// for; a database that was set back may go on with other numbers.
    ///
    /// - Parameter number: of the first event that is wanted; 1 for the oldest that is kept. `LightningNode.events(since:)` takes the last one
    ///   that is not wanted.
    /// - Returns: the events; it throws `CallFailure` where the node refuses to tell them.
    public func events(from number: Int64 = 1) -> AsyncThrowingStream<Event, any Error> {
        AsyncThrowingStream(bufferingPolicy: .unbounded) { continuation in
            let task = Task {
                var next = number
                while !Task.isCancelled {
                    do throws(CallFailure) {
                        let page = try await listevents(from: next, waitMs: 20_000)
                        next = page.next
                        for event in page.events { continuation.yield(event) }
                    } catch {
                        // What cannot be read now cannot be read later.
                        guard error.kind == .notRunning || error.kind == .unreachable, error.data?["unreadable"] != true else {
                            return continuation.finish(throwing: error)
                        }
                        try? await Task.sleep(for: .seconds(1))
                    }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }
}

/// How calls reach a node.
package protocol ClientTransport: Sendable {
    func call<Answer: Decodable & Sendable>(_ name: String, _ request: JSONValue, as type: Answer.Type) async throws(CallFailure) -> Answer
}

/// A failure as it comes over the wire.
struct WireFailure: Decodable {
    var code: String
    var message: String
    var data: JSONValue?

    private enum CodingKeys: String, CodingKey { case code, kind, message, data }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        message = try fields.decode(String.self, forKey: .message)
        data = try fields.decodeIfPresent(JSONValue.self, forKey: .data)
        // Nodes of earlier versions tell the kind on their sockets.
        let kind = try fields.decodeIfPresent(String.self, forKey: .kind).flatMap(CallFailure.Kind.init(rawValue:))
        code = try fields.decodeIfPresent(String.self, forKey: .code) ?? (kind ?? .internal).code
    }

    var failure: CallFailure { CallFailure(.init(code: code), message, data == .null ? nil : data) }
}

/// A node has answered, and this version cannot read it.
///
/// Money at risk: what was asked for was carried out, so it is not to be asked for again.
func unreadable(_ name: String) -> CallFailure {
    CallFailure(
        .unreachable, "\(name) was carried out, and its answer cannot be read: the node is of another version", ["unreadable": true])
}

/// What reads answers.
func answerDecoder() -> JSONDecoder {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    return decoder
}
