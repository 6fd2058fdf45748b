import Foundation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// BOLT 7's address descriptors: where a node can be called, as it stands in its `node_announcement`.
enum AddressDescriptors {
    /// A host and a port.
    struct Place: Hashable, Sendable {
        var host: String
        var port: Int
    }

    /// "MUST place address descriptors in ascending order"; a DNS name has type 5, "MUST NOT announce more than one type 5 DNS hostname".
    static func encode(_ places: [Place]) -> [UInt8] {
        var entries: [[UInt8]] = []
        for place in places {
            guard let port = UInt16(exactly: place.port), port > 0 else { continue }
            let portBytes = [UInt8(port >> 8), UInt8(port & 0xff)]
            if let bytes = parse(place.host, AF_INET, 4) {
                entries.append([1] + bytes + portBytes)
            } else if let bytes = parse(place.host, AF_INET6, 16) {
                entries.append([2] + bytes + portBytes)
            } else if isName(place.host), !entries.contains(where: { $0[0] == 5 }) {
                entries.append([5, UInt8(place.host.utf8.count)] + Array(place.host.utf8) + portBytes)
            }
        }
        return entries.sorted { $0[0] < $1[0] }.flatMap(\.self)
    }

    /// What can be called of a list. "SHOULD ignore the first address descriptor that does NOT match the types defined above", and all
    /// that comes after it.
    static func decode(_ bytes: [UInt8]) -> [Place] {
        var places: [Place] = []
        var rest = bytes[...]
        func take(_ count: Int) -> [UInt8]? {
            guard rest.count >= count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        func add(_ host: String?) -> Bool {
            guard let port = take(2) else { return false }
            let number = Int(port[0]) << 8 | Int(port[1])
            // "SHOULD ignore … if port is equal to 0".
            if let host, number > 0 { places.append(Place(host: host, port: number)) }
            return true
        }
        while let type = take(1)?[0] {
            switch type {
            case 1: guard let address = take(4), add(text(address, AF_INET)) else { return places }
            case 2: guard let address = take(16), add(text(address, AF_INET6)) else { return places }
            // Tor: not called.
            case 3: guard take(10) != nil, add(nil) else { return places }
            case 4: guard take(35) != nil, add(nil) else { return places }
            case 5:
                guard let length = take(1), let name = take(Int(length[0])) else { return places }
                let host = String(decoding: name, as: UTF8.self)
                guard add(isName(host) ? host : nil) else { return places }
            default: return places
            }
        }
        return places
    }

    private static func isName(_ host: String) -> Bool {
        // "hostname bytes MUST be ASCII characters".
        (1...255).contains(host.utf8.count)
            && host.contains(where: \.isLetter)
            && host.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x2d || byte == 0x2e
            }
    }

    private static func parse(_ host: String, _ family: Int32, _ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        guard inet_pton(family, host, &bytes) == 1, bytes.contains(where: { $0 != 0 }) else { return nil }
        return bytes
    }

    private static func text(_ bytes: [UInt8], _ family: Int32) -> String? {
        guard bytes.contains(where: { $0 != 0 }) else { return nil }
        var buffer = [CChar](repeating: 0, count: 64)
        guard inet_ntop(family, bytes, &buffer, 64) != nil else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
