package import BitcoinPrimitives
import CryptoPrimitives
package import LightningWire

/// Messages of every type that BOLT 1, 2, 4 and 7 know, and of types that they do not: laid out as they should be, with values that nobody
/// expects, as short and as long as can be.
///
/// What it names is real where it is told of something real: the channels and the numbers of other peers are what an adversary looks for.
package struct HostileMessages {
    /// What stands in a message at one place.
    fileprivate enum Field {
        case byte, uint16, uint32, uint64
        case chain
        /// A channel_id, also a temporary one.
        case channel
        case hash, point, signature, shortID
        case onion
        /// Two bytes of length and so many bytes.
        case bytes
        /// Two bytes of count and so many signatures.
        case signatures
        /// To the end of the message.
        case records
    }

    private static let layouts: [UInt16: [Field]] = {
        let basepoints: [Field] = Array(repeating: .point, count: 6)
        let close: [Field] = [.channel, .bytes, .bytes, .uint64, .uint32, .records]
        return [
            16: [.bytes, .bytes, .records], 17: [.channel, .bytes], 1: [.channel, .bytes], 18: [.uint16, .bytes], 19: [.bytes],
            7: [.bytes], 9: [.bytes],
            32: [.chain, .channel, .uint64, .uint64, .uint64, .uint64, .uint64, .uint64, .uint32, .uint16, .uint16] + basepoints
                + [.byte, .records],
            33: [.channel, .uint64, .uint64, .uint64, .uint64, .uint32, .uint16, .uint16] + basepoints + [.records],
            34: [.channel, .hash, .uint16, .signature], 35: [.channel, .signature], 36: [.channel, .point, .records],
            38: [.channel, .bytes], 39: [.channel, .uint64, .signature, .records], 40: close, 41: close,
            127: [.channel, .uint16, .records],
            128: [.channel, .uint64, .uint64, .hash, .uint32, .onion, .records], 130: [.channel, .uint64, .hash, .records],
            131: [.channel, .uint64, .bytes, .records], 132: [.channel, .signature, .signatures, .records],
            133: [.channel, .hash, .point], 134: [.channel, .uint32], 135: [.channel, .uint64, .hash, .uint16],
            136: [.channel, .uint64, .uint64, .hash, .point, .records],
            256: [.signature, .signature, .signature, .signature, .bytes, .chain, .shortID, .point, .point, .point, .point],
            257: [.signature, .bytes, .uint32, .point, .byte, .byte, .byte, .hash, .bytes],
            258: [
                .signature, .chain, .shortID, .uint32, .byte, .byte, .uint16, .uint64, .uint32, .uint32, .uint64,
            ],
            259: [.channel, .shortID, .signature, .signature], 261: [.chain, .bytes, .records], 262: [.chain, .byte],
            263: [.chain, .uint32, .uint32, .records], 264: [.chain, .uint32, .uint32, .byte, .bytes, .records],
            265: [.chain, .uint32, .uint32], 513: [.point, .bytes],
            // Quiescence, splicing and interactive construction, which we do not offer.
            2: [.channel, .byte], 64: [.channel, .uint64], 66: [.channel, .uint64, .bytes, .uint32], 70: [.channel],
            74: [.channel, .bytes],
        ]
    }()

    /// The types of what is said of one channel.
    private static let channelTypes: [UInt16] = [17, 1, 34, 35, 36, 38, 39, 40, 41, 127, 128, 130, 131, 132, 133, 134, 135, 136, 259]
    private static let types = layouts.keys.sorted()

    /// Names of channels, also those of other peers.
    package var channels: [ChannelID] = []
    /// Their numbers and aliases.
    package var shortIDs: [ShortChannelID] = []
    /// Payment hashes that are known.
    package var hashes: [PaymentHash] = []
    /// Nodes of the network.
    package var nodes: [NodeID] = []
    let chain: BlockHash

    package init(chain: BlockHash) { self.chain = chain }

    /// A message.
    ///
    /// - Parameter channel: what it speaks of, where it speaks of one channel; `nil` for anything.
    package func message(of channel: ChannelID? = nil, using random: inout SeededRandom) -> [UInt8] {
        let type: UInt16
        if channel != nil {
            type = Self.channelTypes.randomElement(using: &random)!
        } else {
            // A few of no known type, odd and even.
            type = random.chance(1, in: 20) ? UInt16.random(in: 0...UInt16.max, using: &random) : Self.types.randomElement(using: &random)!
        }
        let layout = Self.layouts[type] ?? [.records]
        // How long the fields are that may be of any length: most messages are short, some fill all there is.
        let isMaximal = random.chance(1, in: 6)
        var writer = ByteWriter()
        writer.uint16(type)
        let places = layout.count { $0.isOpen }
        let fixed = layout.reduce(2) { $0 + $1.size }
        let room = max(0, (65_535 - fixed) / max(1, places))
        for field in layout {
            let length = isMaximal ? room : random.chance(1, in: 4) ? 0 : Int.random(in: 0...min(room, 300), using: &random)
            write(field, length: length, of: channel, to: &writer, using: &random)
        }
        var bytes = writer.bytes
        switch Int.random(in: 0..<12, using: &random) {
        case 0: bytes.removeLast(Int.random(in: 0...bytes.count - 2, using: &random))
        case 1: bytes[Int.random(in: 2..<max(3, bytes.count), using: &random) % bytes.count] ^= 1 << UInt8.random(in: 0...7, using: &random)
        case 2: bytes += [UInt8](repeating: 0xee, count: min(65_535 - bytes.count, Int.random(in: 0...2000, using: &random)))
        default: break
        }
        return bytes
    }

    private func write(_ field: Field, length: Int, of channel: ChannelID?, to writer: inout ByteWriter, using random: inout SeededRandom) {
        switch field {
        case .byte: writer.uint8(UInt8([0, 1, 255, UInt64.random(in: 0...255, using: &random)].randomElement(using: &random)!))
        case .uint16: writer.uint16(UInt16(truncatingIfNeeded: Self.number(using: &random)))
        case .uint32: writer.uint32(UInt32(truncatingIfNeeded: Self.number(using: &random)))
        case .uint64: writer.uint64(Self.number(using: &random))
        case .chain: writer.write(random.chance(1, in: 10) ? Self.noise(32, using: &random) : chain.bytes.array)
        case .channel:
            let any = random.chance(1, in: 4) ? [ChannelID.all, ChannelID(Bytes32(Self.noise(32, using: &random))!)] : channels
            writer.write((channel ?? any.randomElement(using: &random) ?? .all).bytes.array)
        case .hash:
            let known = random.chance(1, in: 2) ? hashes.randomElement(using: &random)?.bytes.array : nil
            writer.write(known ?? Self.noise(32, using: &random))
        case .point:
            // Half a point is none: seldom, for nothing else of the message is looked at then.
            if random.chance(1, in: 20) {
                writer.write(Self.noise(33, using: &random))
            } else if random.chance(1, in: 3), let node = nodes.randomElement(using: &random) {
                writer.write(node.compressed)
            } else {
                writer.write(SecretKey(Bytes32(Self.noise(32, using: &random))!)!.publicKey().compressed)
            }
        case .signature:
            // Small enough for either half to be one.
            writer.write([0x11] + Self.noise(31, using: &random) + [0x22] + Self.noise(31, using: &random))
        case .shortID: writer.uint64(shortIDs.randomElement(using: &random)?.value ?? Self.number(using: &random))
        case .onion: writer.write([0] + Self.noise(1365, using: &random))
        case .bytes:
            let length = min(length, 65_533)
            writer.uint16(UInt16(length))
            writer.write(Self.content(length, using: &random))
        case .signatures:
            let count = min(length / 64, 1000)
            writer.uint16(UInt16(count))
            for _ in 0..<count { write(.signature, length: 0, of: nil, to: &writer, using: &random) }
        case .records: writer.write(Self.records(length, using: &random))
        }
    }

    /// Numbers where computations go wrong: around nothing, around what there is of money, and the largest of every width.
    static func number(using random: inout SeededRandom) -> UInt64 {
        switch Int.random(in: 0..<8, using: &random) {
        case 0: 0
        case 1: UInt64.max - UInt64.random(in: 0...2, using: &random)
        case 2: 1 << UInt64.random(in: 0...63, using: &random)
        case 3: (1 << UInt64.random(in: 0...63, using: &random)) - 1
        case 4: 2_100_000_000_000_000 + UInt64.random(in: 0...1, using: &random)
        case 5: UInt64.random(in: 0...500, using: &random)
        case 6: UInt64.random(in: 0...2_000_000_000, using: &random)
        default: UInt64.random(in: 0...UInt64.max, using: &random)
        }
    }

    private static func noise(_ count: Int, using random: inout SeededRandom) -> [UInt8] {
        // Never all zeros, and never as much as the curve's order: it may be a key.
        [UInt8](repeating: 0x55, count: min(1, count))
            + (0..<max(0, count - 1)).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    /// The same byte again and again, control characters, or anything.
    private static func content(_ count: Int, using random: inout SeededRandom) -> [UInt8] {
        switch Int.random(in: 0..<4, using: &random) {
        case 0: [UInt8](repeating: 0, count: count)
        case 1: [UInt8](repeating: 0xff, count: count)
        case 2: (0..<count).map { [0x1b, 0x5b, 0x0a, 0x22][$0 % 4] }
        default: noise(count, using: &random)
        }
    }

    /// A TLV stream of about so many bytes: types that are known and that are not, of lengths that fit them and that do not.
    private static func records(_ length: Int, using random: inout SeededRandom) -> [UInt8] {
        guard length > 0 else { return [] }
        var writer = ByteWriter()
        var type = UInt64.random(in: 0...3, using: &random)
        while writer.bytes.count + 20 < length {
            let room = length - writer.bytes.count - 20
            let size = [0, 1, 8, 32, 33, 64, room].randomElement(using: &random)!
            writer.bigSize(type)
            writer.bigSize(UInt64(min(size, room)))
            writer.write(content(min(size, room), using: &random))
            // Now and then a type twice, or a smaller one.
            let (next, isTooLarge) = type.addingReportingOverflow(
                UInt64.random(in: random.chance(1, in: 20) ? 0...0 : 1...4, using: &random))
            guard !isTooLarge, size != room else { break }
            type = random.chance(1, in: 30) ? UInt64.max : next
        }
        return writer.bytes
    }
}

extension HostileMessages.Field {
    /// Whether it may be of any length.
    fileprivate var isOpen: Bool {
        switch self {
        case .bytes, .signatures, .records: true
        default: false
        }
    }

    /// The least that it takes.
    fileprivate var size: Int {
        switch self {
        case .byte: 1
        case .uint16, .bytes, .signatures: 2
        case .uint32: 4
        case .uint64, .shortID: 8
        case .chain, .channel, .hash: 32
        case .point: 33
        case .signature: 64
        case .onion: 1366
        case .records: 0
        }
    }
}
