import AsyncHTTPClient
package import Foundation
package import LightningAPI
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Calls over HTTP: `POST /v1/<call>`.
package final class HTTPTransport: ClientTransport {
    private let base: String
    private let token: String
    private let client: HTTPClient
    /// An answer of more bytes is none.
    private static let longest = 1 << 28

    package init(url: URL, token: String, trusting certificate: URL?) throws(CallFailure) {
        guard let scheme = url.scheme?.lowercased(), ["http", "https"].contains(scheme), let host = url.host(percentEncoded: true) else {
            throw CallFailure(.usage, "a node's address begins with http:// or https://, and names a host")
        }
        guard !token.isEmpty, token.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw CallFailure(.usage, "a token is letters and digits, without blanks or line feeds")
        }
        guard certificate == nil || scheme == "https" else { throw CallFailure(.usage, "certificates are for https://") }
        guard url.path(percentEncoded: true).isEmpty || url.path(percentEncoded: true) == "/", url.query() == nil else {
            throw CallFailure(.usage, "a node's address has no path: https://host:port")
        }
        let bare = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        base = "\(scheme)://\(bare)" + (url.port.map { ":\($0)" } ?? "")
        self.token = token
        var configuration = HTTPClient.Configuration(timeout: .init(connect: .seconds(10)))
        // Whoever does not answer is told at once; and a token goes to nobody that somebody else names.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.redirectConfiguration = .disallow
        // As many at once as a node takes from one address; and a connection is given up before the node gives it up.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        configuration.connectionPool.idleTimeout = .seconds(10)
        if let certificate {
            do {
                var tls = TLSConfiguration.makeClientConfiguration()
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(certificate.path(percentEncoded: false)))
                configuration.tlsConfiguration = tls
            } catch {
                throw CallFailure(.usage, "the certificates in \(certificate.lastPathComponent) cannot be read: \(error)")
            }
        }
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    deinit { client.shutdown { _ in } }

    private struct Refusal: Decodable {
        var error: WireFailure
    }

    package func call<Result: Decodable & Sendable>(
        _ name: String, _ request: JSONValue, as type: Result.Type
    ) async throws(CallFailure) -> Result {
        let (status, body) = try await exchange(name, request)
        guard status == .ok else {
            if let refusal = try? answerDecoder().decode(Refusal.self, from: body) { throw Self.failure(refusal.error, status) }
            // Nothing is there, or what stands before the node has given up waiting for it.
            if status == .notFound { throw CallFailure(.usage, "there is no node at \(base)") }
            throw CallFailure(
                .unreachable,
                "\(base) answered \(name) with status \(status.code), and is no node, or stands before one: it may have been done")
        }
        guard let answer = try? answerDecoder().decode(Result.self, from: body) else {
            throw unreadable(name)
        }
        return answer
    }

    private func exchange(_ name: String, _ request: JSONValue) async throws(CallFailure) -> (HTTPResponseStatus, Data) {
        var message = HTTPClientRequest(url: "\(base)/v1/\(name)")
        message.method = .POST
        message.headers.add(name: "Authorization", value: "Bearer \(token)")
        message.headers.add(name: "Content-Type", value: "application/json")
        message.body = .bytes(ByteBuffer(string: request.line))
        do {
            // A payment is waited for a minute, and a list that waits for news half of one.
            let response = try await client.execute(message, timeout: .seconds(150))
            let body = try await response.body.collect(upTo: Self.longest)
            return (response.status, Data(body.readableBytesView))
        } catch let error where Self.isRefusal(error) {
            throw CallFailure(.notRunning, "nobody answers at \(base)")
        } catch let error where error is NIOSSLError || error is NIOSSLExtraError {
            throw CallFailure(.usage, "\(base) is not who it should be, or speaks no TLS: \(error)")
        } catch {
            throw CallFailure(.unreachable, "\(base) did not answer \(name): it may have been done (\(error))")
        }
    }

    /// Whether no connection came about: then nothing was asked.
    private static func isRefusal(_ error: any Error) -> Bool {
        if error is NIOConnectionError { return true }
        if let error = error as? IOError { return error.errnoCode == ECONNREFUSED }
        return [.connectTimeout, .getConnectionFromPoolTimeout].contains(error as? HTTPClientError)
    }

    /// What is wrong with a request before it is a call has codes of its own.
    private static func failure(_ failure: WireFailure, _ status: HTTPResponseStatus) -> CallFailure {
        guard let code = RequestFailure(rawValue: failure.code) else { return failure.failure }
        let kind: CallFailure.Kind =
            switch code {
            case .unauthorized: .forbidden
            case .noSuchCall, .methodNotAllowed, .tooLarge: .usage
            case .timeout, .tooManyRequests: .unreachable
            }
        return CallFailure(kind, failure.message, failure.data)
    }
}
