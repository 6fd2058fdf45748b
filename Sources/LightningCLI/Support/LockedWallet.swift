import Foundation
import LightningAPI
import LightningClient
import LightningRuntime
import LightningServer
import Synchronization
import UnixSignals

/// A node that was started without the passphrase of its wallet: it waits for `lnw unlock`, and does nothing else.
enum LockedWallet {
    /// Waits.
    ///
    /// - Returns: `nil` where it was stopped instead.
    static func wait(_ directory: WalletDirectory, name: String) async throws -> WalletDirectory? {
        guard await !SocketTransport(path: directory.controlSocket).isReachable else {
            throw CallFailure(.refused, "the node of wallet “\(name)” runs already")
        }
        let (outcomes, outcome) = AsyncStream<WalletDirectory?>.makeStream()
        let server = try await ControlServer(path: directory.controlSocket) { method, parameters in
            switch method {
            case "ping": return true
            case "stop":
                outcome.yield(nil)
                return true
            case "unlock":
                guard let passphrase = parameters["passphrase"].text else { throw CallFailure(.usage, "passphrase is a text") }
                do throws(WalletDirectoryFailure) {
                    outcome.yield(try directory.unlocked(with: passphrase))
                } catch {
                    throw CallFailure(.refused, error.description)
                }
                return true
            default:
                throw CallFailure(.unreachable, "the wallet “\(name)” is locked: its node waits for lnw unlock -w \(name)")
            }
        }
        let signals = Task {
            for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
                outcome.yield(nil)
                return
            }
        }
        defer { signals.cancel() }
        Terminal.error("the words of wallet “\(name)” are sealed: the node starts with lnw unlock -w \(name)")
        var found: WalletDirectory?
        for await directory in outcomes {
            found = directory
            break
        }
        await server.stop()
        return found
    }
}
