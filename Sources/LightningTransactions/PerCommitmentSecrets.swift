package import BitcoinPrimitives
package import CryptoPrimitives

/// BOLT 3 "Per-commitment Secret Requirements": 2^48 secrets that all follow from one seed.
package enum PerCommitmentSecret {
    /// The index of the first commitment (number 0); later ones count down.
    package static let firstIndex: UInt64 = (1 << 48) - 1

    /// The index of a commitment number.
    package static func index(commitment number: UInt64) -> UInt64 { firstIndex - number }

    /// BOLT 3's `generate_from_seed`.
    package static func generate(seed: Bytes32, index: UInt64) -> Bytes32 {
        derive(seed, bits: 48, index: index)
    }

    static func derive(_ base: Bytes32, bits: Int, index: UInt64) -> Bytes32 {
        var value = base
        for bit in (0..<bits).reversed() where index >> UInt64(bit) & 1 == 1 {
            value[bit / 8] ^= 1 << UInt8(bit % 8)
            value = Hash.sha256(value)
        }
        return value
    }
}

/// BOLT 3 "Efficient Per-commitment Secret Storage": every secret received, in at most 49 of them.
package struct PerCommitmentSecretStore: Hashable, Sendable {
    private struct Entry: Hashable, Sendable {
        var index: UInt64
        var secret: Bytes32
    }

    /// By the number of trailing zeros of the index.
    private var buckets: [Entry?] = []

    package init() {}

    /// The lowest index received, that of the latest revoked commitment.
    package var lastIndex: UInt64? { buckets.compactMap { $0?.index }.min() }

    /// Takes the next secret, whose index is one below the last.
    ///
    /// - Returns: `false` where the secret does not derive the earlier ones: it was not generated as BOLT 3 demands.
    package mutating func insert(_ secret: Bytes32, index: UInt64) -> Bool {
        let bucket = min(index.trailingZeroBitCount, 48)
        for (position, entry) in buckets.prefix(bucket).enumerated() {
            guard let entry else { continue }
            if PerCommitmentSecret.derive(secret, bits: position == 48 ? 48 : bucket, index: entry.index)
                != entry.secret
            {
                return false
            }
        }
        while buckets.count <= bucket { buckets.append(nil) }
        buckets[bucket] = Entry(index: index, secret: secret)
        return true
    }

    /// The secret of an index that has been received, or follows from one that was.
    package func secret(index: UInt64) -> Bytes32? {
        for (bucket, entry) in buckets.enumerated() {
            guard let entry else { continue }
            let mask = bucket >= 48 ? UInt64.max << 48 : UInt64.max << UInt64(bucket)
            if index & mask == entry.index & mask, index >= entry.index {
                return PerCommitmentSecret.derive(entry.secret, bits: bucket, index: index)
            }
        }
        return nil
    }

    package func encode(to writer: inout ByteWriter) {
        writer.uint8(UInt8(buckets.count))
        for entry in buckets {
            writer.uint8(entry == nil ? 0 : 1)
            if let entry {
                writer.uint64(entry.index)
                writer.write(entry.secret)
            }
        }
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        let count = Int(try reader.uint8())
        guard count <= 49 else { throw .invalid("per-commitment secrets") }
        for _ in 0..<count {
            if try reader.uint8() == 0 {
                buckets.append(nil)
            } else {
                let index = try reader.uint64()
                buckets.append(Entry(index: index, secret: try reader.bytes32()))
            }
        }
    }
}
