package import BitcoinPrimitives
package import CryptoPrimitives

// Messages of our own, which BOLT 1 lets nodes ignore that do not know them: odd types in the range for custom messages. DocC's "Watchtowers"
// specifies them.

/// A penalty kit that a watchtower is asked to keep.
package struct TowerStore: MessageBody {
    package static let type: UInt16 = 43001
    /// Of this client's kits, from 1 on without a gap.
    package var number: UInt64
    /// 16 bytes.
    package var hint: [UInt8]
    package var blob: [UInt8]

    package init(number: UInt64, hint: [UInt8], blob: [UInt8]) {
        self.number = number
        self.hint = hint
        self.blob = blob
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        number = try reader.uint64()
        hint = try reader.read(16)
        blob = try reader.sized16()
    }

    package func encode(to writer: inout ByteWriter) {
        writer.uint64(number)
        writer.write(hint)
        writer.sized16(blob)
    }
}

/// The watchtower's answer: what it keeps by now, up to this number.
package struct TowerStored: MessageBody {
    package static let type: UInt16 = 43003
    package var number: UInt64

    package init(number: UInt64) { self.number = number }
    package init(from reader: inout ByteReader) throws(DecodingFailure) { number = try reader.uint64() }
    package func encode(to writer: inout ByteWriter) { writer.uint64(number) }
}

/// The watchtower does not keep a kit.
package struct TowerRefused: MessageBody {
    package static let type: UInt16 = 43005

    /// Why.
    package enum Reason: UInt16, Sendable {
        /// The node is no watchtower.
        case noService = 1
        /// It has no room for this client.
        case full = 2
        /// A number is missing before it.
        case gap = 3
    }

    package var number: UInt64
    package var reason: UInt16

    package init(number: UInt64, _ reason: Reason) {
        self.number = number
        self.reason = reason.rawValue
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        number = try reader.uint64()
        reason = try reader.uint16()
    }

    package func encode(to writer: inout ByteWriter) {
        writer.uint64(number)
        writer.uint16(reason)
    }
}

/// A client does not need the kits of one of its sessions any more: all their channels are over.
package struct TowerForget: MessageBody {
    package static let type: UInt16 = 43007
    /// The identity under which they were stored.
    package var session: PublicKey
    /// The last kit that was sent, as far as the client knows: a tower that has more knows that the client's database is an old copy.
    package var last: UInt64
    /// By that identity's key.
    package var signature: WireSignature

    package init(session: PublicKey, last: UInt64, signature: WireSignature) {
        self.session = session
        self.last = last
        self.signature = signature
    }

    /// What is signed: good for one session, one tower, and so many kits.
    package static func hash(tower: PublicKey, session: PublicKey, last: UInt64) -> Bytes32 {
        Hash.tagged(
            "swift-lightning/penalty kit/forget",
            tower.compressed + session.compressed + withUnsafeBytes(of: last.bigEndian) { Array($0) })
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        session = try reader.point()
        last = try reader.uint64()
        signature = try reader.signature()
    }

    package func encode(to writer: inout ByteWriter) {
        writer.point(session)
        writer.uint64(last)
        writer.signature(signature)
    }
}

/// The watchtower's answer: it has no kits of that session, and takes none.
package struct TowerForgotten: MessageBody {
    package static let type: UInt16 = 43009
    package var session: PublicKey

    package init(session: PublicKey) { self.session = session }
    package init(from reader: inout ByteReader) throws(DecodingFailure) { session = try reader.point() }
    package func encode(to writer: inout ByteWriter) { writer.point(session) }
}
