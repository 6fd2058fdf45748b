import ArgumentParser
import BitcoinBackend
import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningAPI
import LightningRuntime

struct ChainTransaction: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tx", abstract: "One transaction: what it spends, how, whom it pays, and who spent that.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var source: ChainSource
    @Argument(help: "The transaction's id.") var id: String

    func run() async throws {
        // As `lnw chain utxos` prints them: with an output's number behind.
        guard let id = TransactionID(display: id.prefix { $0 != ":" }) else {
            throw CallFailure(.usage, "“\(id)” is no transaction: give its id of 64 digits")
        }
        let view = try await source.open()
        let found = try await view.transaction(id)
        let spent = await view.spent(by: found.transaction)
        let fates = try await view.fates(of: found.transaction)
        var height: Int64?
        if let block = found.block {
            height = try await view.call("getblockheader", [.string(block.description)])["height"]?.whole
        }
        let story = TransactionStory(found: found, height: height, spent: spent, fates: fates)
        options.show(story.json) { _ in story.text }
    }
}

/// A transaction told from its inputs to those who spent its outputs.
struct TransactionStory {
    let found: ChainView.Found
    let height: Int64?
    let spent: [TransactionOutput?]
    let fates: [ChainView.Fate]

    private var transaction: Transaction { found.transaction }

    /// What the inputs have more than the outputs, if all inputs are known.
    private var fee: Satoshi? {
        guard !transaction.isCoinbase, !spent.contains(nil), let paid = transaction.outputs.map(\.amount).checkedSum() else {
            return nil
        }
        return spent.compactMap { $0?.amount }.checkedSum()?.subtracting(paid)
    }

    private var rate: UInt64? { fee.map { $0.value * 1000 / UInt64(max(transaction.virtualSize, 1)) } }

    private static func owner(_ script: Script) -> String {
        Address(script: script, network: .regtest)?.description ?? ScriptText.describe(script)
    }

    var text: String {
        var rows = [("transaction", "\(transaction.id)")]
        if let height, let block = found.block {
            let times = "\(found.confirmations) confirmation\(found.confirmations == 1 ? "" : "s")"
            rows.append(("block", height < 0 ? "\(block)" : "\(height)   \(block), \(times)"))
        } else {
            rows.append(("block", "none yet: it waits in the mempool"))
        }
        rows.append(
            (
                "size",
                "\(Format.thousands(UInt64(transaction.totalSize))) bytes, \(Format.thousands(UInt64(transaction.virtualSize))) vB, "
                    + "weight \(Format.thousands(UInt64(transaction.weight))), version \(transaction.version)"
            ))
        if let fee, let rate { rows.append(("fee", "\(Format.sat(fee.value)), \(FeeHistogram.rate(rate)) sat/vB")) }
        if transaction.lockTime != 0 { rows.append(("locktime", lockTime)) }
        var text = chainRows(rows) + "\n\n"
        text += transaction.inputs.indices.map { input($0) }.joined(separator: "\n") + "\n\n"
        text += transaction.outputs.indices.map { output($0) }.joined(separator: "\n")
        return text
    }

    private var lockTime: String {
        guard transaction.lockTime >= 500_000_000 else { return "block \(transaction.lockTime)" }
        return Date(timeIntervalSince1970: TimeInterval(transaction.lockTime)).ISO8601Format()
    }

    private func input(_ position: Int) -> String {
        let input = transaction.inputs[position]
        let head = Format.pad("in \(position)", 8)
        if transaction.isCoinbase {
            return head + "new coins   coinbase \(ScriptText.describe(input.signatureScript))"
        }
        let from = "\(input.previousOutput.transaction):\(input.previousOutput.index)"
        var lines: [String] = []
        if let output = spent[position] {
            lines.append(
                head + Format.pad(Format.sat(output.amount.value), 20, right: true) + "   \(Self.owner(output.script))")
        } else {
            lines.append(head + "of an output that is not known here")
        }
        lines.append(indent("spends \(from)"))
        if input.sequence < 0xffff_fffd { lines.append(indent("sequence \(Self.sequence(input.sequence, transaction.version))")) }
        if !input.signatureScript.bytes.isEmpty {
            lines.append(indent("script \(ScriptText.describe(input.signatureScript, decodesSignatures: true))"))
        }
        lines += Self.witness(input.witness, spending: spent[position]?.script, input.signatureScript).map { indent($0) }
        return lines.joined(separator: "\n")
    }

    /// BIP 68: what a sequence asks of the output's age.
    private static func sequence(_ value: UInt32, _ version: UInt32) -> String {
        let plain = "\(value)"
        guard value & 1 << 31 == 0, version >= 2 else { return plain }
        let amount = value & 0xffff
        return value & 1 << 22 == 0 ? "\(plain): \(amount) blocks after it was mined" : "\(plain): \(amount * 512) s after it was mined"
    }

    /// The witness, its parts by what they are.
    private static func witness(_ stack: [[UInt8]], spending script: Script?, _ signatureScript: Script) -> [String] {
        guard !stack.isEmpty else { return [] }
        var program = script?.witnessProgram
        if program == nil, let inner = ScriptText.lastPush(signatureScript) { program = Script(inner).witnessProgram }
        var parts = stack
        var tail: [String] = []
        if let program, program.version == 1, program.program.count == 32 {
            if parts.count > 1, parts.last?.first == 0x50 { tail.insert("annex \(Hex.encode(parts.removeLast()))", at: 0) }
            if parts.count > 1 {
                let control = parts.removeLast()
                tail.insert("control block, \((control.count - 33) / 32) steps deep: \(Hex.encode(control))", at: 0)
                tail.insert("tapscript \(ScriptText.describe(Script(parts.removeLast())))", at: 0)
            }
        } else if program == nil || program?.program.count == 32 {
            tail.insert("witness script \(ScriptText.describe(Script(parts.removeLast())))", at: 0)
        }
        return parts.map { "witness \($0.isEmpty ? "(empty)" : Hex.encode($0))" } + tail
    }

    private func output(_ position: Int) -> String {
        let output = transaction.outputs[position]
        var lines = [
            Format.pad("out \(position)", 8) + Format.pad(Format.sat(output.amount.value), 20, right: true)
                + "   \(Self.owner(output.script))"
        ]
        if Address(script: output.script, network: .regtest) != nil {
            lines.append(indent("script \(ScriptText.describe(output.script))   (\(ScriptForm(output.script).rawValue))"))
        }
        switch fates[position] {
        case _ where output.script.isUnspendable: lines.append(indent("nobody can ever spend it"))
        case .unspent: lines.append(indent("unspent"))
        case .spent(let by, let isMined): lines.append(indent("spent by \(by)\(isMined ? "" : " (in the mempool)")"))
        case .unknown: lines.append(indent("spent; this layer 1 does not know by whom"))
        }
        return lines.joined(separator: "\n")
    }

    private func indent(_ text: String) -> String { String(repeating: " ", count: 31) + text }

    var json: JSONValue {
        [
            "txid": .string(transaction.id.description), "version": .integer(Int64(transaction.version)),
            "locktime": .integer(Int64(transaction.lockTime)), "size": .integer(Int64(transaction.totalSize)),
            "vsize": .integer(Int64(transaction.virtualSize)), "weight": .integer(Int64(transaction.weight)),
            "fee_sat": fee.map { .integer(Int64($0.value)) } ?? .null,
            "blockheight": height.map { .integer($0) } ?? .null,
            "blockhash": found.block.map { .string($0.description) } ?? .null,
            "confirmations": .integer(Int64(found.confirmations)),
            "inputs": .array(
                transaction.inputs.enumerated().map { position, input in
                    let coin = transaction.isCoinbase ? nil : spent[position]
                    return [
                        "txid": .string(input.previousOutput.transaction.description),
                        "vout": .integer(Int64(input.previousOutput.index)), "sequence": .integer(Int64(input.sequence)),
                        "amount_sat": coin.map { .integer(Int64($0.amount.value)) } ?? .null,
                        "from": coin.map { .string(Self.owner($0.script)) } ?? .null,
                        "script": .string(Hex.encode(input.signatureScript.bytes)),
                        "witness": .array(input.witness.map { .string(Hex.encode($0)) }),
                    ]
                }),
            "outputs": .array(
                transaction.outputs.enumerated().map { position, output in
                    var spender: TransactionID?
                    if case .spent(let by, _) = fates[position] { spender = by }
                    return [
                        "amount_sat": .integer(Int64(output.amount.value)), "to": .string(Self.owner(output.script)),
                        "script": .string(Hex.encode(output.script.bytes)),
                        "spent_by": spender.map { .string($0.description) } ?? .null,
                    ]
                }),
        ]
    }
}
