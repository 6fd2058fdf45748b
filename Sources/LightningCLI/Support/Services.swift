import BitcoinBackend
import Foundation
import LightningAPI
import LightningRuntime
import LightningServer
import Logging
import ServiceLifecycle
import Synchronization
import UnixSignals

enum Logging {
    /// Warnings and worse on standard error; everything with LNW_LOG=debug.
    static func logger(_ name: String) -> Logger {
        var logger = Logger(label: name) { StreamLogHandler.standardError(label: $0) }
        let level = ProcessInfo.processInfo.environment["LNW_LOG"] ?? "warning"
        logger.logLevel = Logger.Level(rawValue: level) ?? .warning
        return logger
    }

    /// The same with a level that was said.
    static func logger(_ name: String, level: String?) throws(CallFailure) -> Logger {
        var logger = logger(name)
        guard let level else { return logger }
        guard let known = Logger.Level(rawValue: level) else {
            throw CallFailure(.usage, "“\(level)” is no level: \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        logger.logLevel = known
        return logger
    }

    /// From now on what would go to standard error goes behind what is in a file, which only its owner can read.
    static func redirect(to path: String) throws(CallFailure) {
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0, dup2(file, STDERR_FILENO) >= 0 else {
            throw CallFailure(.refused, "\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
        close(file)
    }
}

/// A node with its control socket, until it is asked to stop.
final class NodeService: Service, @unchecked Sendable {
    let node: LightningNode
    private let directory: WalletDirectory
    private let stopRequest = AsyncStream<Void>.makeStream()
    // Written once, before `run`.
    private var server: ControlServer?
    private var web: HTTPServer?
    private var webhooks: Webhooks?
    private let failure = Mutex<String?>(nil)

    private let isAlone: Bool

    /// - Parameter isAlone: whether `lnw stop` may stop it.
    init(node: LightningNode, directory: WalletDirectory, isAlone: Bool = true) {
        self.isAlone = isAlone
        self.node = node
        self.directory = directory
    }

    /// Answers on the control socket, and over HTTP where that is asked for.
    ///
    /// - Parameter telling: whether the address has a token also where it goes into a file.
    /// - Returns: the address of the dashboard, with a token for the owner's browser.
    /// - Throws: where the port cannot be listened on, or a file is not what it should be; nothing runs then but the control socket.
    @discardableResult
    func startControl(
        http: HTTPServer.Options? = nil, webhooks: Webhooks.Options? = nil, telling: Bool = false
    ) async throws -> String? {
        let continuation = stopRequest.continuation
        let stop: @Sendable () -> Void = { continuation.yield() }
        // A file of tokens that cannot be read keeps nobody from watching over the channels.
        let tokens: TokenStore?
        do throws(CallFailure) { tokens = try TokenStore(path: directory.url.appending(path: "tokens.json").path) } catch {
            guard http == nil else { throw error }
            Logging.logger("tokens").error("\(error)")
            tokens = nil
        }
        let api = ControlAPI(node: node, tokens: tokens, onStop: isAlone ? stop : nil)
        server = try await ControlServer(path: directory.controlSocket) { method, parameters in
            try await api.handle(method, parameters)
        }
        node.onFailure { why in
            self.failure.withLock { $0 = why }
            continuation.yield()
        }
        let leftOver = tokens?.leftOver ?? []
        Task { await api.settle(leftOver) }
        if let webhooks {
            self.webhooks = try Webhooks(api, folder: directory.url, options: webhooks, logger: Logging.logger("webhooks"))
            try await self.webhooks?.start()
        }
        guard let http, let tokens else { return nil }
        do {
            web = try await HTTPServer(api, tokens: tokens, options: http, logger: Logging.logger("http"))
        } catch let failure as ListenFailure {
            throw CallFailure(.refused, "\(failure): choose another with --http")
        }
        let host = http.host.contains(":") ? "[\(http.host)]" : http.host == "0.0.0.0" ? "127.0.0.1" : http.host
        // Not into a log: whoever reads it could look at the wallet.
        let token = Terminal.isOutput || telling ? "#\(tokens.openSession())" : ""
        return "\(http.tls == nil ? "http" : "https")://\(host):\(web?.port ?? http.port)/\(token)"
    }

    func stop() async {
        await server?.stop()
        await web?.stop()
        await webhooks?.stop()
        await node.stop()
    }

    func run() async throws {
        let stream = stopRequest.stream
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in stream { return }
            }
            group.addTask { try? await gracefulShutdown() }
            await group.next()
            group.cancelAll()
        }
        await stop()
        // The whole program ends with the status for a database that cannot be used.
        if let why = failure.withLock({ $0 }) { throw CallFailure(.corrupt, why) }
    }
}

enum Services {
    /// Runs services until SIGINT or SIGTERM, or until one of them is asked to stop.
    static func run(_ services: [any Service], logger: Logger) async throws {
        let group = ServiceGroup(
            configuration: .init(
                services: services.map {
                    .init(
                        service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .gracefullyShutdownGroup)
                },
                gracefulShutdownSignals: [.sigint, .sigterm], logger: logger))
        try await group.run()
    }
}
