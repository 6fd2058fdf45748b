import Lightning
import Testing

@Suite("where nodes are")
struct NodeAddressTests {
    static let id = "02eec7245d6b7d2ccb30380bfbe2a3648cd7a942653f5aa340edcea1f283686619"

    @Test(
        "names, IPv4 and IPv6 addresses, with and without a port",
        arguments: [
            ("127.0.0.1:9736", "127.0.0.1", 9736, "127.0.0.1:9736"), ("node.example", "node.example", 9735, "node.example:9735"),
            ("[::1]:9737", "::1", 9737, "[::1]:9737"), ("[2001:db8::2]", "2001:db8::2", 9735, "[2001:db8::2]:9735"),
        ])
    func read(place: String, host: String, port: Int, written: String) throws {
        let address = try NodeAddress(parsing: "\(Self.id)@\(place)")
        #expect(address.host == host && address.port == port && address.place == written)
        #expect(try NodeAddress(parsing: address.description) == address)
    }

    @Test("each fault has its own reason")
    func reasons() {
        func why(_ text: String) -> NodeAddress.Refusal? {
            do {
                _ = try NodeAddress(parsing: text)
                return nil
            } catch { return error }
        }
        #expect(why("") == .noPlace)
        #expect(why(Self.id) == .noPlace)
        #expect(why("\(Self.id.dropLast(2))@host") == .noID(String(Self.id.dropLast(2))))
        #expect(why("05\(Self.id.dropFirst(2))@host") == .noID("05\(Self.id.dropFirst(2))"))
        #expect(why("\(Self.id)@") == .noHost)
        #expect(why("\(Self.id)@:9735") == .noHost)
        #expect(why("\(Self.id)@a@b") == .noHost)
        #expect(why("\(Self.id)@[]:9735") == .noHost)
        #expect(why("\(Self.id)@[::1") == .noHost)
        #expect(why("\(Self.id)@host:99999") == .noPort("99999"))
        #expect(why("\(Self.id)@host:0") == .noPort("0"))
        #expect(why("\(Self.id)@host:") == .noPort(""))
        #expect(why("\(Self.id)@host:+9735") == .noPort("+9735"))
        #expect(why("\(Self.id)@[::1]x") == .noPort("x"))
        #expect(why("\(Self.id)@::1") == .bareIPv6("::1"))
    }
}
