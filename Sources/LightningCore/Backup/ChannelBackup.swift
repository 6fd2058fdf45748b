package import BitcoinPrimitives
package import CryptoPrimitives
import LightningChannel
package import LightningTransactions
package import LightningWire

/// What it takes to get the money of lost channels back: who their peers are and where they can be called, and from what the channels' keys
/// grow. It holds no state of a channel and so is never too old to be used: the peers are asked to close.
///
/// It leaves the node sealed by a key that grows from the words.
package struct ChannelBackup: Hashable, Sendable {
    /// One channel.
    package struct Entry: Hashable, Sendable {
        package var parameters: ChannelParameters
        /// Where its funding transaction is in the chain; `nil` while no block holds it.
        package var place: ShortChannelID?
        /// Where its peer can be called: BOLT 7's address descriptors.
        package var addresses: [UInt8]

        init(parameters: ChannelParameters, place: ShortChannelID?, addresses: [UInt8]) {
            self.parameters = parameters
            self.place = place
            self.addresses = addresses
        }

        func encoded() -> [UInt8] {
            ByteWriter.bytes {
                parameters.encode(to: &$0)
                $0.optional(parameters.keyOrigin.salt) { $0.write($1) }
                $0.optional(place) { $0.shortChannelID($1) }
                $0.variableBytes(addresses)
            }
        }

        init(record: [UInt8]) throws(DecodingFailure) {
            var reader = ByteReader(record)
            parameters = try ChannelParameters(from: &reader)
            parameters.keyOrigin.salt = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.bytes32() }
            place = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.shortChannelID() }
            addresses = try reader.variableBytes()
            try reader.expectEnd()
        }
    }

    package var network: Network
    package var nodeID: NodeID
    /// Higher with each renewal: of two backups the one with the higher number is the newer.
    package var revision: UInt64
    /// When it was made, to the second.
    package var createdAt: Timestamp
    package var entries: [Entry]

    init(network: Network, nodeID: NodeID, revision: UInt64, createdAt: Timestamp, entries: [Entry]) {
        self.network = network
        self.nodeID = nodeID
        self.revision = revision
        self.createdAt = createdAt
        self.entries = entries
    }

    private static let version: UInt8 = 1

    private func encoded() -> [UInt8] {
        ByteWriter.bytes {
            $0.uint8(Self.version)
            $0.variableBytes(Array(network.rawValue.utf8))
            $0.point(nodeID)
            $0.uint64(revision)
            $0.uint64(createdAt.seconds)
            $0.compactSize(entries.count)
            for entry in entries { $0.variableBytes(entry.encoded()) }
        }
    }

    /// - Parameter plaintext: may end with zeros, by which its length is hidden.
    private init(plaintext: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(plaintext)
        guard try reader.uint8() == Self.version else { throw .invalid("version of a backup") }
        let name = String(decoding: try reader.variableBytes(), as: UTF8.self)
        guard let network = Network(rawValue: name) else { throw .invalid("network of a backup") }
        self.network = network
        nodeID = try reader.point()
        revision = try reader.uint64()
        createdAt = Timestamp(seconds: try reader.uint64())
        entries = []
        for _ in 0..<(try reader.count(minimum: 100)) { entries.append(try Entry(record: try reader.variableBytes())) }
        guard reader.rest().allSatisfy({ $0 == 0 }) else { throw .invalid("end of a backup") }
    }

    // MARK: Sealed

    /// Why bytes are no backup of this wallet.
    package enum Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        /// They do not begin as a backup does.
        case foreign
        /// Another wallet made it, or it is damaged or cut off.
        case sealed
        /// Its contents cannot be read: a later version made it.
        case unreadable(String)
        /// It is of another network.
        case network(Network)

        package var description: String {
            switch self {
            case .foreign: "it is no backup of channels"
            case .sealed: "it was made by another wallet, or it is damaged"
            case .unreadable(let what): "it cannot be read (\(what)): a later version may have made it"
            case .network(let network): "it is a backup of a wallet on \(network)"
            }
        }
    }

    private static let magic = Array("LNWB\u{01}".utf8)
    /// Bytes of what is sealed that are no content.
    static let overhead = magic.count + SealedBox.overhead

    /// Seals it: nobody without the key reads it, nor changes it unseen.
    ///
    /// - Parameter length: of the result, which a longer content exceeds.
    func sealed(_ key: Bytes32, length: Int = 0) -> [UInt8] {
        var content = encoded()
        let padding = length - Self.overhead - content.count
        if padding > 0 { content += [UInt8](repeating: 0, count: padding) }
        return Self.magic + SealedBox.seal(content, key, title: Self.magic)
    }

    package init(sealed bytes: [UInt8], _ key: Bytes32, network: Network) throws(Refusal) {
        guard bytes.starts(with: Self.magic), bytes.count >= Self.overhead else { throw .foreign }
        guard let content = SealedBox.open(bytes.dropFirst(Self.magic.count), key, title: Self.magic) else { throw .sealed }
        do throws(DecodingFailure) {
            try self.init(plaintext: content)
        } catch {
            throw .unreadable(error.description)
        }
        guard self.network == network else { throw .network(self.network) }
    }
}
