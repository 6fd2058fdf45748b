internal import COpenSSL

/// Keys from what people can remember.
package enum PasswordHash {
    /// What scrypt costs: memory of `128 · r · 2^logN` bytes, and time in proportion to that and to `p`.
    package struct Cost: Hashable, Sendable {
        package var logN: UInt8
        package var r: UInt8
        package var p: UInt8

        package init(logN: UInt8, r: UInt8, p: UInt8) {
            self.logN = logN
            self.r = r
            self.p = p
        }

        /// 128 MiB, and about half a second: what its author recommends for files.
        package static let file = Cost(logN: 17, r: 8, p: 1)
        /// More than this is not computed for a file that asks for it.
        package var isReasonable: Bool { (1...20).contains(logN) && (1...16).contains(r) && (1...16).contains(p) }
    }

    /// scrypt (RFC 7914).
    ///
    /// - Returns: `nil` where the memory for it is not there, or the cost makes no sense.
    package static func scrypt(_ password: [UInt8], salt: [UInt8], cost: Cost, count: Int = 32) -> [UInt8]? {
        guard cost.isReasonable else { return nil }
        var output = [UInt8](repeating: 0, count: count)
        let n = UInt64(1) << UInt64(cost.logN)
        let memory = 128 * UInt64(cost.r) * (n + UInt64(cost.p) + 4) + (1 << 20)
        let status = password.withUnsafeBytes { buffer in
            EVP_PBE_scrypt(
                buffer.baseAddress?.assumingMemoryBound(to: CChar.self) ?? UnsafePointer(bitPattern: 1), buffer.count, salt, salt.count, n,
                UInt64(cost.r), UInt64(cost.p), memory, &output, count)
        }
        return status == 1 ? output : nil
    }
}
