/// BIP 173's bech32 and BIP 350's bech32m: five-bit text with a checksum.
package enum Bech32 {
    package enum Variant: UInt32, Sendable {
        case bech32 = 1
        case bech32m = 0x2bc8_30a3
    }

    private static let charset = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l".utf8)
    private static let values: [UInt8?] = {
        var table = [UInt8?](repeating: nil, count: 128)
        for (value, character) in charset.enumerated() { table[Int(character)] = UInt8(value) }
        return table
    }()

    private static func checksum(_ chunk: UInt32, _ value: UInt8) -> UInt32 {
        let top = chunk >> 25
        var next = (chunk & 0x1ff_ffff) << 5 ^ UInt32(value)
        let generators: [UInt32] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3]
        for bit in 0..<5 where top >> UInt32(bit) & 1 == 1 { next ^= generators[bit] }
        return next
    }

    private static func polymod(_ prefix: [UInt8], _ data: some Sequence<UInt8>) -> UInt32 {
        var chunk: UInt32 = 1
        for character in prefix { chunk = checksum(chunk, character >> 5) }
        chunk = checksum(chunk, 0)
        for character in prefix { chunk = checksum(chunk, character & 31) }
        for value in data { chunk = checksum(chunk, value) }
        return chunk
    }

    /// The human-readable part and the five-bit values without the checksum; `nil` for anything malformed.
    ///
    /// `limit` is BIP 173's 90 characters; BOLT 11 has none.
    package static func decode(
        _ text: String, limit: Int? = 90
    ) -> (prefix: String, data: [UInt8], variant: Variant)? {
        var characters = Array(text.utf8)
        if let limit, characters.count > limit { return nil }
        let hasUpper = characters.contains { (0x41...0x5a).contains($0) }
        let hasLower = characters.contains { (0x61...0x7a).contains($0) }
        guard !(hasUpper && hasLower), characters.allSatisfy({ (33...126).contains($0) }) else { return nil }
        if hasUpper { characters = characters.map { (0x41...0x5a).contains($0) ? $0 + 32 : $0 } }
        guard let separator = characters.lastIndex(of: 0x31), separator >= 1, separator + 7 <= characters.count
        else { return nil }
        let prefix = Array(characters[..<separator])
        var data: [UInt8] = []
        data.reserveCapacity(characters.count - separator)
        for character in characters[(separator + 1)...] {
            guard let value = values[Int(character)] else { return nil }
            data.append(value)
        }
        guard let variant = Variant(rawValue: polymod(prefix, data)) else { return nil }
        return (String(decoding: prefix, as: UTF8.self), Array(data.dropLast(6)), variant)
    }

    package static func encode(prefix: String, data: [UInt8], variant: Variant) -> String {
        let human = Array(prefix.utf8)
        let sum = polymod(human, data + [0, 0, 0, 0, 0, 0]) ^ variant.rawValue
        let check = (0..<6).map { UInt8(sum >> UInt32(5 * (5 - $0)) & 31) }
        return prefix + "1" + String(decoding: (data + check).map { charset[Int($0)] }, as: UTF8.self)
    }

    /// Regroups bits; `nil` where unpadded input leaves five bits or more, or bits that are not zero.
    package static func convert(_ data: some Sequence<UInt8>, from: Int, to: Int, pad: Bool) -> [UInt8]? {
        var accumulator: UInt32 = 0
        var bits = 0
        var result: [UInt8] = []
        let mask = UInt32(1) << UInt32(to) - 1
        for value in data {
            accumulator = (accumulator << UInt32(from) | UInt32(value)) & 0xffff
            bits += from
            while bits >= to {
                bits -= to
                result.append(UInt8(accumulator >> UInt32(bits) & mask))
            }
        }
        if pad {
            if bits > 0 { result.append(UInt8(accumulator << UInt32(to - bits) & mask)) }
        } else if bits >= from || accumulator << UInt32(to - bits) & mask != 0 {
            return nil
        }
        return result
    }
}
