import ArgumentParser
import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningClient
import LightningRuntime
import LightningServer

/// What a shell may put in the place of a beginning: the scripts are made by `lnw --generate-completion-script bash|zsh|fish`.
///
/// Wallets come from the disk, the rest from the node that is meant; where it does not answer there is nothing to offer.
enum Completions {
    static let wallets = CompletionKind.custom { words, _, _ in
        let options = options(words)
        guard let network = try? options.chosenNetwork else { return [] }
        let folder = Home.wallet("x", network).deletingLastPathComponent()
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        // Bash expands what it is offered: a name that no wallet can have may be a command.
        return names.filter { CommonOptions.isWalletName($0) && WalletDirectory(Home.wallet($0, network)).exists }.sorted()
    }

    /// Channels that are not closed, by their short ids.
    static let channels = CompletionKind.custom { words, _, _ in
        await answer(words, "listchannels").list.filter { $0["state"] != "closed" }.compactMap {
            $0["short_channel_id"].text ?? $0["channel_id"].text
        }
    }

    /// The peers of channels, and who is connected.
    static let nodes = CompletionKind.custom { words, _, _ in
        let peers = await answer(words, "listpeers").list.compactMap(\.["id"].text)
        let partners = await answer(words, "listchannels").list.compactMap(\.["peer_id"].text)
        return Set(peers + partners).sorted()
    }

    /// Invoices that can be paid or settled still.
    static let invoices = CompletionKind.custom { words, _, _ in
        await answer(words, "listinvoices")["invoices"].list.filter { ["unpaid", "held"].contains($0["status"].text) }.compactMap(
            \.["payment_hash"].text)
    }

    /// The answer of the node that the words mean; `null` where there is none.
    private static func answer(_ words: [String], _ call: String) async -> JSONValue {
        guard let directory = try? options(words).directory else { return .null }
        return (try? await SocketTransport(path: directory.controlSocket).call(call, [:], as: JSONValue.self)) ?? .null
    }

    /// The wallet and the network that the words name, as far as they are complete.
    private static func options(_ words: [String]) -> CommonOptions {
        var options = CommonOptions()
        (options.wallet, options.network, options.json) = (nil, nil, false)
        func value(_ index: Int, _ names: String...) -> String? {
            for name in names {
                if words[index] == name, words.indices.contains(index + 1) { return words[index + 1] }
                let joined = name.hasPrefix("--") ? name + "=" : name
                if words[index].hasPrefix(joined), words[index].count > joined.count { return String(words[index].dropFirst(joined.count)) }
            }
            return nil
        }
        for index in words.indices {
            if let wallet = value(index, "--wallet", "-w") { options.wallet = wallet }
            if let network = value(index, "--network") { options.network = Network(rawValue: network) }
        }
        return options
    }
}
