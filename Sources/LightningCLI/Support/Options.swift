import ArgumentParser
import BitcoinBackend
import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningClient
import LightningRuntime
import LightningServer

/// Where things are: below `LNW_HOME`, or `~/.lnw`.
enum Home {
    static var url: URL {
        if let path = ProcessInfo.processInfo.environment["LNW_HOME"], !path.isEmpty {
            return URL(filePath: path, directoryHint: .isDirectory)
        }
        return UserHome.url.appending(path: ".lnw")
    }

    static var local: URL { url.appending(path: "local") }
    static var localSocket: String { local.appending(path: "control.sock").path }
    static func wallet(_ name: String, _ network: Network = .regtest) -> URL {
        url.appending(path: network.rawValue).appending(path: name)
    }
}

/// What every command understands; `lnw -w alice balance` and `lnw balance -w alice` are the same.
struct CommonOptions: ParsableArguments {
    @Option(
        name: [.customShort("w", allowingJoined: true), .long], help: "The wallet to talk to. Default: $LNW_WALLET, or “default”.",
        completion: Completions.wallets)
    var wallet: String?

    @Option(
        help: "regtest, signet, testnet4 or mainnet. Default: $LNW_NETWORK, or regtest.",
        completion: .list(["regtest", "signet", "testnet4", "mainnet"]), transform: Self.network)
    var network: Network?

    @Flag(help: "Print JSON: one object, or a line for each where it follows something. Amounts are integers with their unit in the name.")
    var json = false

    var walletName: String {
        wallet ?? ProcessInfo.processInfo.environment["LNW_WALLET"].flatMap { $0.isEmpty ? nil : $0 } ?? "default"
    }

    private static func network(_ text: String) throws -> Network {
        // The third testnet has been given up by those who run it.
        guard let network = Network(rawValue: text), network != .testnet else {
            throw ValidationError("“\(text)” is none of regtest, signet, testnet4 and mainnet.")
        }
        return network
    }

    /// The network that is meant: every wallet is of one.
    var chosenNetwork: Network {
        get throws {
            if let network { return network }
            guard let name = ProcessInfo.processInfo.environment["LNW_NETWORK"], !name.isEmpty else { return .regtest }
            do { return try Self.network(name) } catch { throw CallFailure(.usage, "LNW_NETWORK: \(error)") }
        }
    }

    private func lnw(on network: Network) -> String { network == .regtest ? "lnw" : "lnw --network \(network.rawValue)" }

    /// How a command begins that is to be about the same wallet.
    var lnw: String { lnw(on: network ?? .regtest) + (wallet.map { " -w \($0)" } ?? "") }

    /// The command that starts the wallet's node.
    var start: String {
        let network = (try? chosenNetwork) ?? .regtest
        return "\(lnw(on: network)) start -w \(walletName)\(network == .regtest ? "" : " --chain bitcoind:http://…")"
    }

    /// Whether a folder of this name can be a wallet: nothing in it means something to a shell or a path.
    static func isWalletName(_ name: String) -> Bool {
        !name.isEmpty && name.first != "." && name.allSatisfy { $0.isLetter || $0.isNumber || "-_.".contains($0) }
    }

    var directory: WalletDirectory {
        get throws {
            let name = walletName
            guard Self.isWalletName(name) else { throw CallFailure(.usage, "a wallet's name has letters, digits, - and _ only") }
            return WalletDirectory(Home.wallet(name, try chosenNetwork))
        }
    }

    /// Calls the wallet's running node.
    func call(_ method: String, _ parameters: JSONValue = [:]) async throws -> JSONValue {
        let directory = try directory
        do {
            return try await SocketTransport(path: directory.controlSocket).call(method, parameters, as: JSONValue.self)
        } catch {
            guard error.kind == .notRunning else { throw error }
            let network = try chosenNetwork
            let name = walletName
            let others = Network.allCases.filter { $0 != network && WalletDirectory(Home.wallet(name, $0)).exists }
            let isLocal = network == .regtest
            let hint =
                directory.exists
                ? "Start it: \(start)\(isLocal ? "   (or all of a test network: lnw local up)" : "")"
                : others.isEmpty
                    ? "There is no such wallet. Make \(isLocal ? "a test network with lnw local up, or a wallet" : "one") with \(lnw(on: network)) create -w \(name)"
                    : "There is no such wallet on \(network), and one on \(others.map(\.rawValue).joined(separator: ", ")): --network \(others[0].rawValue)"
            throw CallFailure(.unreachable, "the node of wallet “\(name)” is not running. \(hint)")
        }
    }

    /// Prints the result: as JSON, or as `human` makes of it.
    func show(_ value: JSONValue, _ human: (JSONValue) -> String) {
        Terminal.out(json ? value.pretty : human(value.printable))
    }
}

extension JSONValue {
    /// The same with control characters made visible: what others wrote, like an invoice's description, must not steer a terminal
    /// nor look like a line of ours.
    var printable: JSONValue {
        switch self {
        case .string(let text): .string(Self.printable(text))
        case .array(let values): .array(values.map(\.printable))
        case .object(let fields): .object(fields.mapValues(\.printable))
        case .null, .bool, .integer, .number: self
        }
    }

    static func printable(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isUnsafe) else { return text }
        return text.unicodeScalars.map { isUnsafe($0) ? "\\u{\(String($0.value, radix: 16))}" : String($0) }.joined()
    }

    /// Control characters, and those that turn the direction of a text.
    private static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7f..<0xa0, 0x2028...0x202e, 0x2066...0x2069: true
        default: false
        }
    }
}

extension JSONValue {
    /// An amount out of an answer.
    var u64: UInt64 { UInt64(clamping: int ?? 0) }
    var string: String { text ?? "" }
}
