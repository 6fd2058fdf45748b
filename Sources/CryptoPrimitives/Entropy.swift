/// A source of unpredictable bytes as a value: the runtime seeds it from the system, the simulation from a number.
///
/// SHA-256 of the seed and a counter; two sources with one seed give the same bytes.
package struct Entropy: Sendable {
    private var state: Bytes32
    private var counter: UInt64 = 0

    package init(seed: Bytes32) { state = Hash.tagged("swift-lightning/entropy", seed.array) }

    /// A source seeded by the operating system.
    package static func system() -> Entropy {
        var generator = SystemRandomNumberGenerator()
        var seed: [UInt8] = []
        for _ in 0..<4 { withUnsafeBytes(of: generator.next()) { seed.append(contentsOf: $0) } }
        return Entropy(seed: Bytes32(seed)!)
    }

    /// A source of its own for a part of the owner: what one part draws does not change what another one does.
    package mutating func fork() -> Entropy { Entropy(seed: bytes32()) }

    /// The next 32 bytes.
    package mutating func bytes32() -> Bytes32 {
        var hasher = SHA256Hasher()
        hasher.update(state)
        withUnsafeBytes(of: counter.bigEndian) { hasher.update($0) }
        counter += 1
        return hasher.finalize()
    }

    /// The next `count` bytes.
    package mutating func bytes(_ count: Int) -> [UInt8] {
        var result: [UInt8] = []
        while result.count < count { result.append(contentsOf: bytes32().array) }
        return Array(result.prefix(count))
    }

    /// The next 64-bit number.
    package mutating func uint64() -> UInt64 {
        bytes32().withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
    }

    /// The next valid secret key; rejects the negligible fraction of bytes that are none.
    package mutating func secretKey() -> SecretKey {
        while true {
            if let key = SecretKey(bytes32()) { return key }
        }
    }
}

// Whoever knows its state knows every secret that it will give.
extension Entropy: CustomStringConvertible, CustomReflectable {
    package var description: String { "entropy" }
    package var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
