import BitcoinPrimitives
package import CryptoPrimitives

/// BOLT 4 "Attribution data": what each hop on the way back says of how long it held the HTLC, under codes that show the payer
/// where somebody lied.
///
/// 20 hold times in units of 100 ms, then 210 truncated HMACs: of each hop one for every place on the route that it could have.
package enum AttributionData {
    static let maxHops = 20
    private static let codeLength = 4
    private static let timesLength = 4 * maxHops
    private static let codeCount = maxHops * (maxHops + 1) / 2
    /// 920 bytes.
    package static let length = timesLength + codeLength * codeCount

    /// Where `hmac_x_y` stands: "hmac_0_2 | hmac_0_1 | hmac_0_0 | hmac_1_1 | …", for 20 hops.
    private static func offset(_ x: Int, _ y: Int) -> Int {
        let before = (0..<x).reduce(0) { $0 + maxHops - $1 }
        return timesLength + codeLength * (before + maxHops - x - 1 - y)
    }

    /// One hop's update on the way back.
    ///
    /// - Parameters:
    ///   - downstream: what came from the next hop; empty where we are the first to speak, or it sent none.
    ///   - packet: the failure before our layer of encryption; empty for a success.
    ///   - holdTime: in units of 100 ms.
    package static func update(_ downstream: [UInt8], packet: [UInt8], holdTime: UInt32, sharedSecret: Bytes32) -> [UInt8] {
        var data = downstream.count == length ? shifted(downstream) : [UInt8](repeating: 0, count: length)
        withUnsafeBytes(of: holdTime.bigEndian) { data.replaceSubrange(0..<4, with: $0) }
        let key = OnionKey.um.derive(sharedSecret).array
        for y in 0..<maxHops {
            let code = code(data, packet: packet, distance: y, key: key)
            data.replaceSubrange(offset(0, y)..<offset(0, y) + codeLength, with: code)
        }
        ChaCha20.xor(key: OnionKey.ammagext.derive(sharedSecret), into: &data)
        return data
    }

    /// "The return packet …, the concatenation of the first y+1 hold times …, the concatenation of y downstream hmacs".
    private static func code(_ data: [UInt8], packet: [UInt8], distance y: Int, key: [UInt8]) -> ArraySlice<UInt8> {
        var covered = packet
        covered += data[0..<4 * (y + 1)]
        for x in 1..<(y + 1) where y > 0 {
            let place = offset(x, y - x)
            covered += data[place..<place + codeLength]
        }
        return MAC.hmacSHA256(key: key, covered).array[0..<codeLength]
    }

    /// "Shift all existing hold times to the right … shift and prune all existing HMACs": `hmac_x_y` becomes `hmac_x+1_y`.
    private static func shifted(_ data: [UInt8]) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: length)
        result.replaceSubrange(4..<timesLength, with: data[0..<timesLength - 4])
        for x in 0..<maxHops - 1 {
            for y in 0..<maxHops - 1 - x { copy(data, offset(x, y), &result, offset(x + 1, y)) }
        }
        return result
    }

    private static func unshifted(_ data: [UInt8]) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: length)
        result.replaceSubrange(0..<timesLength - 4, with: data[4..<timesLength])
        for x in 0..<maxHops - 1 {
            for y in 0..<maxHops - 1 - x { copy(data, offset(x + 1, y), &result, offset(x, y)) }
        }
        return result
    }

    private static func copy(_ source: [UInt8], _ from: Int, _ target: inout [UInt8], _ to: Int) {
        target.replaceSubrange(to..<to + codeLength, with: source[from..<from + codeLength])
    }

    /// What the payer reads out of it.
    package struct Reading: Hashable, Sendable {
        /// In units of 100 ms, from the first hop on, as far as the codes are right.
        package var holdTimes: [UInt32] = []
        /// The first hop whose code is wrong: it, or the one after it, changed something or does not know of attribution.
        package var firstUnproven: Int?

        package init() {}
    }

    /// Reads what came back over a route.
    ///
    /// - Parameters:
    ///   - packet: the failure as it came; empty for a success.
    ///   - last: the hop that failed, where it is known: nothing is to be read beyond it.
    package static func read(_ data: [UInt8], packet: [UInt8], sharedSecrets: [Bytes32], last: Int? = nil) -> Reading {
        var reading = Reading()
        guard data.count == length, sharedSecrets.count <= maxHops else {
            reading.firstUnproven = 0
            return reading
        }
        var data = data
        var packet = packet
        for (hop, secret) in sharedSecrets.enumerated() where hop <= last ?? .max {
            ChaCha20.xor(key: OnionKey.ammagext.derive(secret), into: &data)
            if !packet.isEmpty { packet = FailurePacket.wrap(packet, sharedSecret: secret) }
            // The payer knows where on the route this hop is.
            let y = sharedSecrets.count - 1 - hop
            let place = offset(0, y)
            let expected = code(data, packet: packet, distance: y, key: OnionKey.um.derive(secret).array)
            guard MAC.equal(Array(expected), Array(data[place..<place + codeLength])) else {
                reading.firstUnproven = hop
                return reading
            }
            reading.holdTimes.append(data[0..<4].reduce(0) { $0 << 8 | UInt32($1) })
            data = unshifted(data)
        }
        return reading
    }
}
