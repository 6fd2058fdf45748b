public import CryptoPrimitives
public import LightningWire

/// Where to find a node: `id@host:port`.
public struct NodeAddress: Hashable, Sendable, CustomStringConvertible {
    /// Who is there.
    public var nodeID: NodeID
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    public var host: String
    /// The TCP port.
    public var port: Int

    /// BOLT 1's port.
    public static let defaultPort = 9735

    /// An address from its parts.
    public init(nodeID: NodeID, host: String, port: Int) {
        self.nodeID = nodeID
        self.host = host
        self.port = port
    }

    /// Why a text is no node's address.
    public enum Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        /// There is an id, and no `@` with a host behind it.
        case noPlace
        /// What is before the `@` is no public key.
        case noID(String)
        /// There is nothing between the `@` and the port.
        case noHost
        /// That is no port.
        case noPort(String)
        /// An IPv6 address with a port needs brackets.
        case bareIPv6(String)

        public var description: String {
            switch self {
            case .noPlace: "an address is missing: give id@host:port"
            case .noID(let text):
                text.count == 66
                    ? "“\(text.prefix(12))…” is no node's id: it is not a point of secp256k1"
                    : "a node's id has 66 hexadecimal digits and begins with 02 or 03; this one has \(text.count) characters"
            case .noHost: "the host is missing: give id@host:port"
            case .noPort(let text): "“\(text)” is no port: a port is a number from 1 to 65535"
            case .bareIPv6(let text): "an IPv6 address stands in brackets: id@[\(text)]:\(NodeAddress.defaultPort)"
            }
        }
    }

    /// Parses `id@host:port`; the port is 9735 where none is given, and an IPv6 address stands in brackets.
    public init(parsing text: String) throws(Refusal) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw .noPlace }
        guard let id = PublicKey(hex: parts[0]) else { throw .noID(String(parts[0])) }
        var rest = parts[1]
        let host: Substring
        if rest.first == "[" {
            guard let end = rest.firstIndex(of: "]"), rest.index(after: rest.startIndex) < end else { throw .noHost }
            host = rest[rest.index(after: rest.startIndex)..<end]
            rest = rest[rest.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" else { throw .noPort(String(rest)) }
        } else {
            let end = rest.firstIndex(of: ":") ?? rest.endIndex
            host = rest[..<end]
            if rest[end...].dropFirst().contains(":") { throw .bareIPv6(String(rest)) }
            rest = rest[end...]
        }
        guard !host.isEmpty, host.allSatisfy({ !$0.isWhitespace && $0 != "@" && $0 != "/" }) else { throw .noHost }
        let digits = rest.dropFirst()
        let port = rest.isEmpty ? Self.defaultPort : Int(digits)
        guard let port, (1...65535).contains(port), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            throw .noPort(String(digits))
        }
        self.init(nodeID: id, host: String(host), port: port)
    }

    /// The same, without the reason.
    public init?(_ text: String) {
        guard let address = try? NodeAddress(parsing: text) else { return nil }
        self = address
    }

    /// `host:port`, an IPv6 address in brackets.
    public var place: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    public var description: String { "\(nodeID)@\(place)" }
}
