import ArgumentParser
import LightningAPI
import Testing

@testable import lnw

@Suite("lnw.toml")
struct ConfigTests {
    @Test("every key is an option of lnw start, and its example is one of it")
    func keys() throws {
        for key in ConfigFile.keys {
            let option = key.kind == .flag ? "--\(key.name)" : "--\(key.name)=\(key.example)"
            #expect(throws: Never.self, "\(key.name)") { _ = try Start.parse([option]) }
        }
        #expect(Set(ConfigFile.keys.map(\.name)).count == ConfigFile.keys.count)
    }

    @Test("what the file says is an argument, unless it was said already")
    func arguments() throws {
        let text = """
            port = 9735
            alias = "al ice"
            webhook = ["http://one", "http://two"]
            watchtower = true
            trust-database = false
            """
        let all = try ConfigFile.arguments(text, path: "lnw.toml", given: [])
        #expect(all == ["--alias=al ice", "--port=9735", "--webhook=http://one", "--webhook=http://two", "--watchtower"])
        let some = try ConfigFile.arguments(text, path: "lnw.toml", given: ["start", "--port", "1", "--alias=x", "--webhook=http://three"])
        #expect(some == ["--watchtower"])
        let command = try Start.parse(all)
        #expect(command.start.port == 9735 && command.start.alias == "al ice" && command.watchtower && command.start.webhook.count == 2)
        #expect(try ConfigFile.arguments("", path: "lnw.toml", given: []).isEmpty)
    }

    @Test(
        "what is wrong is told with its line",
        arguments: [
            ("port = 1\nprot = 2", "lnw.toml, line 2: there is no “prot”. Did you mean “port”?"),
            ("port = \"1\"", "lnw.toml, line 1: “port” is a number: port = 9735"),
            ("\nwebhook = \"http://one\"", "lnw.toml, line 2: “webhook” is a list of texts: webhook = [\"https://shop.example.com/paid\"]"),
            ("watchtower = 1", "lnw.toml, line 1: “watchtower” is true or false"),
        ])
    func wrong(_ text: String, _ message: String) {
        #expect(throws: CallFailure(.usage, message)) { _ = try ConfigFile.arguments(text, path: "lnw.toml", given: []) }
    }

    @Test("what is no TOML is refused", arguments: ["[x", "port", "port = ", "port = 1\nport = 2"])
    func noTOML(_ text: String) { #expect(throws: CallFailure.self) { _ = try ConfigFile.arguments(text, path: "lnw.toml", given: []) } }

    @Test("a wallet's name may stand with its option in one word")
    func joined() throws {
        #expect(try GetInfo.parse(["-walice"]).options.wallet == "alice" && GetInfo.parse(["-w", "bob"]).options.wallet == "bob")
    }
}
