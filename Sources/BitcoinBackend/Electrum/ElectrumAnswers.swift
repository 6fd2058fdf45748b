import BitcoinPrimitives
import CryptoPrimitives
import Foundation

/// What answers of Electrum servers mean; `nil` for what makes no sense.
enum ElectrumAnswers {
    /// A block that a server names.
    struct Announcement: Sendable {
        var height: BlockHeight
        var header: BlockHeader
    }

    static func isAtLeast(_ version: String, _ wanted: [Int]) -> Bool {
        !version.split(separator: ".").map { Int($0) ?? 0 }.lexicographicallyPrecedes(wanted)
    }

    static func header(_ value: RPCValue?) -> BlockHeader? {
        guard let bytes = value?.string.flatMap({ Hex.decode($0) }), bytes.count == 80 else { return nil }
        var reader = ByteReader(bytes)
        return try? BlockHeader(from: &reader)
    }

    static func announcement(_ value: RPCValue?) -> Announcement? {
        guard let height = value?["height"]?.integer, (0..<500_000_000).contains(height), let header = header(value?["hex"]) else {
            return nil
        }
        return Announcement(height: BlockHeight(Int(height)), header: header)
    }

    static func branch(_ value: RPCValue, position: Int?) -> MerkleBranch? {
        guard let texts = value["merkle"]?.array, let place = position.map({ Int64($0) }) ?? value["pos"]?.integer else { return nil }
        let siblings = texts.compactMap { $0.string.flatMap { Bytes32(hex: $0)?.reversed } }
        guard siblings.count == texts.count, (0..<1 << 20).contains(place) else { return nil }
        return MerkleBranch(position: Int(place), siblings: siblings)
    }

    static func item(_ value: RPCValue) -> ScriptHistories.Item? {
        guard let id = value["tx_hash"]?.string.flatMap({ TransactionID(display: $0) }), let height = value["height"]?.integer,
            (-1..<500_000_000).contains(height)
        else { return nil }
        return .init(transaction: id, height: Int(height))
    }

    /// Whether a refusal says that there is no such transaction: bitcoind's words, which servers pass on.
    static func meansUnknown(_ why: String) -> Bool {
        let why = why.lowercased()
        return ["no such", "not found", "missing transaction", "unknown transaction"].contains { why.contains($0) }
    }

    /// Whether a refusal says that a block has no transaction at a place.
    static func meansNoPosition(_ why: String) -> Bool {
        let why = why.lowercased()
        return ["position", "tx_pos", "out of range"].contains { why.contains($0) }
    }

    /// Servers put words around Bitcoin Core's reason, and the transaction behind it; some pass on all that bitcoind said, as JSON.
    static func reason(_ text: String) -> String {
        if let start = text.range(of: "\"message\":\"") { return String(text[start.upperBound...].prefix { $0 != "\"" }) }
        let paragraphs = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        return paragraphs.first { !$0.hasPrefix("the transaction was rejected") && !$0.hasPrefix("[") } ?? text
    }
}
