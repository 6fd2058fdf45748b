import BitcoinPrimitives
import CryptoPrimitives
import LightningWire

/// A graph as a table of text, one line for each channel: for experiments on real networks without their gossip.
///
/// Columns: `channel,node1,node2,capacity_sat`, then for the direction from node1 and then for the other
/// `base_msat,ppm,cltv_delta,htlc_min_msat,htlc_max_msat,disabled`; six empty fields stand for an unknown update. Nodes and
/// channels are numbers.
package enum GraphTable {
    package struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        package var line: Int
        package var description: String { "line \(line) of the graph is not one of \(16) comma-separated fields" }
    }

    /// The key of a numbered node: not a point of anybody's.
    package static func key(_ number: UInt64) -> NodeKey {
        var writer = ByteWriter(capacity: 33)
        writer.uint8(2)
        writer.write(Hash.tagged("graph table", withUnsafeBytes(of: number.bigEndian) { Array($0) }))
        return NodeKey(writer.bytes[...])!
    }

    /// A line: a channel, and the terms of its two directions, from node1 first; `nil` where they are not known.
    package struct Row: Sendable {
        package var channel: UInt64
        package var nodes: (UInt64, UInt64)
        /// In satoshi.
        package var capacity: UInt64
        package var policies: (RoutingPolicy?, RoutingPolicy?)
    }

    /// The lines of a table; those that begin with `#` or `channel` are passed over.
    ///
    /// - Parameter timestamp: of all updates, in seconds since 1970.
    package static func rows(_ text: [UInt8], timestamp: UInt32) throws(Failure) -> [Row] {
        var rows: [Row] = []
        var position = 0
        var line = 0
        while position < text.count {
            let end = text[position...].firstIndex(of: 10) ?? text.count
            defer { position = end + 1 }
            line += 1
            guard end > position, text[position] != UInt8(ascii: "#"), text[position] != UInt8(ascii: "c") else { continue }
            guard let fields = Self.fields(text[position..<end]), fields.count == 16, let channel = fields[0], let first = fields[1],
                let second = fields[2], let capacity = fields[3], first != second, capacity <= Satoshi.maximum.value
            else { throw Failure(line: line) }
            let policies = [4, 10].map { Self.policy(fields[$0..<$0 + 6], timestamp) }
            rows.append(Row(channel: channel, nodes: (first, second), capacity: capacity, policies: (policies[0], policies[1])))
        }
        return rows
    }

    private static func policy(_ fields: ArraySlice<UInt64?>, _ timestamp: UInt32) -> RoutingPolicy? {
        let values = fields.compactMap { $0 }
        guard values.count == 6 else { return nil }
        return RoutingPolicy(
            timestamp: timestamp, feeBase: UInt32(clamping: values[0]), feeProportionalMillionths: UInt32(clamping: values[1]),
            cltvExpiryDelta: UInt16(clamping: values[2]), htlcMinimum: values[3], htlcMaximum: values[4], isDisabled: values[5] != 0)
    }

    /// Reads a table as a graph.
    ///
    /// - Parameter timestamp: of all updates, in seconds since 1970.
    package static func read(_ text: [UInt8], timestamp: UInt32) throws(Failure) -> NetworkGraph {
        var graph = NetworkGraph()
        var keys: [UInt64: NodeKey] = [:]
        for row in try rows(text, timestamp: timestamp) {
            for number in [row.nodes.0, row.nodes.1] where keys[number] == nil { keys[number] = key(number) }
            let (one, two) = (keys[row.nodes.0]!, keys[row.nodes.1]!)
            // BOLT 7's order of the two ends is that of their keys.
            let isSwapped = two < one
            let block = BlockHeight(Int(clamping: row.channel / 4096 + 1) & 0xff_ffff)
            let id = ShortChannelID(block: block, transaction: Int(row.channel % 4096), output: 0)
            graph.add(channel: id, node1: isSwapped ? two : one, node2: isSwapped ? one : two, capacity: row.capacity)
            for (policy, isFirst) in [(row.policies.0, true), (row.policies.1, false)] {
                if let policy { graph.set(policy, of: DirectedChannel(id, direction: isFirst != isSwapped ? 0 : 1)) }
            }
        }
        return graph
    }

    /// The numbers of a line; an empty field is `nil`, anything else makes the line unreadable.
    private static func fields(_ line: ArraySlice<UInt8>) -> [UInt64?]? {
        var result: [UInt64?] = []
        result.reserveCapacity(16)
        var value: UInt64?
        for byte in line {
            switch byte {
            case UInt8(ascii: ","):
                result.append(value)
                value = nil
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                let (product, overflow) = (value ?? 0).multipliedReportingOverflow(by: 10)
                let (sum, more) = product.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
                guard !overflow, !more else { return nil }
                value = sum
            case 13: break
            default: return nil
            }
        }
        result.append(value)
        return result
    }
}
