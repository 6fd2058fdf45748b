import BitcoinBackend
import Foundation
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
package import LightningAPI
import LightningRuntime
package import Logging
import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Synchronization

/// The calls of the table over HTTP, for those who have a token; the dashboard, and what monitoring asks for.
///
/// Money at risk: whoever reads what goes over the line has the token: away from this machine it takes `Options.tls`. Behind a proxy all clients have one address, and
/// share what an address may.
package final class HTTPServer: Sendable {
    package struct Options: Sendable {
        package var host = "127.0.0.1"
        /// 0 takes any free port.
        package var port = 8080
        /// Connections at a time.
        package var maxConnections = 256
        /// Of one address.
        package var maxConnectionsOfAddress = 64
        /// Requests that an address may make without a token that is known: so many at once, and so many a second.
        package var strangers: (burst: Int, perSecond: Double) = (60, 10)
        /// How long a request may take to arrive.
        package var bodyTimeout = Duration.seconds(30)
        /// PEM files of a certificate with its chain, and of its key; `nil` for no TLS.
        package var tls: (certificate: String, key: String)?
        package init() {}

        /// - Parameter text: `<host>:<port>`, `[<IPv6>]:<port>` or a port alone.
        package init(parsing text: String) throws(CallFailure) {
            let failure = CallFailure(.usage, "“\(text)” is no address to listen on: write 127.0.0.1:8080")
            let (host, port): (Substring, Substring)
            if let colon = text.lastIndex(of: ":") {
                (host, port) = (text[..<colon], text[text.index(after: colon)...])
            } else {
                (host, port) = ("127.0.0.1", text[...])
            }
            guard let number = Int(port), (0...65535).contains(number), !host.isEmpty else { throw failure }
            self.host = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
            guard self.host.contains(":") == host.hasPrefix("[") else { throw failure }
            self.port = number
        }
    }

    /// On which it listens.
    package let port: Int
    private let group: ServiceGroup
    private let task: Task<Void, any Error>

    /// Listens.
    ///
    /// - Throws: a `ListenFailure` where the port cannot be listened on.
    package init(_ api: ControlAPI, tokens: TokenStore, options: Options, logger: Logger) async throws {
        let routes = HTTPRoutes(api: api, tokens: tokens, options: options, logger: logger)
        let (started, start) = AsyncStream<Int?>.makeStream()
        let application = Application(
            router: routes.router, server: try Self.builder(options),
            configuration: .init(
                address: .hostname(options.host, port: options.port), serverName: nil,
                availableConnectionsDelegate: MaximumAvailableConnections(options.maxConnections)),
            onServerRunning: { start.yield($0.localAddress?.port) },
            logger: logger)
        var configuration = ServiceGroupConfiguration(services: [.init(service: application)], logger: logger)
        // Whoever waits for an event or a payment does not keep the node from stopping.
        configuration.maximumGracefulShutdownDuration = .seconds(2)
        let group = ServiceGroup(configuration: configuration)
        self.group = group
        let startup = Startup()
        task = Task {
            defer { start.finish() }
            do { try await group.run() } catch {
                startup.failure.withLock { $0 = error }
                throw error
            }
        }
        var port: Int?
        for await running in started {
            port = running
            break
        }
        guard let port else {
            let error: (any Error)? = startup.failure.withLock { $0 }
            throw ListenFailure(error ?? CallFailure(.internal, "the server does not start"), host: options.host, port: options.port)
        }
        self.port = port
    }

    private static func builder(_ options: Options) throws(CallFailure) -> HTTPServerBuilder {
        let places = Places<String>(each: options.maxConnectionsOfAddress)
        // What an answer takes does not count as idle, what a request takes does.
        let plain = HTTPServerBuilder.http1(
            configuration: .init(additionalChannelHandlers: [AddressLimit(places)], idleTimeout: .seconds(20)))
        guard let files = options.tls else { return plain }
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(files.certificate).map { NIOSSLCertificateSource.certificate($0) }
            let key = try NIOSSLPrivateKey(file: files.key, format: .pem)
            return try .tls(plain, tlsConfiguration: .makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key)))
        } catch {
            throw CallFailure(.refused, "TLS cannot be used with \(files.certificate) and \(files.key): \(error)")
        }
    }

    /// Ends all connections.
    package func stop() async {
        await group.triggerGracefulShutdown()
        _ = try? await task.value
    }
}

/// Why a server did not start.
private final class Startup: Sendable {
    let failure = Mutex<(any Error)?>(nil)
}
