import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningAPI
import LightningClient
import LightningRuntime
import LightningServer
import TestSupport
import Testing

@Suite("the client in Swift", .serialized)
struct SwiftClientTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(
        path: "../../../Sources/LightningClient/Generated")

    /// LIGHTNING_WRITE_RECORDS=1 writes it anew; `swift format format -i` then makes it readable.
    @Test("the client is what the table of calls says")
    func generated() throws {
        // How it is laid out does not count.
        func bare(_ text: String) -> String {
            text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.joined().filter { !$0.isWhitespace }
                .replacing(",)", with: ")").replacing(",]", with: "]")
        }
        for (path, text) in SwiftClient.files.sorted(by: { $0.key < $1.key }) {
            let file = Self.folder.appending(path: path)
            if ProcessInfo.processInfo.environment["LIGHTNING_WRITE_RECORDS"] == "1" {
                try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try text.write(to: file, atomically: true, encoding: .utf8)
            }
            #expect(bare(try String(contentsOf: file, encoding: .utf8)) == bare(text), "\(path)")
        }
    }

    @Test("every call's answer is read whole: written again it is the same")
    func answers() throws {
        func bare(_ value: JSONValue) -> JSONValue {
            switch value {
            case .object(let fields): .object(fields.filter { $0.value != .null }.mapValues(bare))
            case .array(let values): .array(values.map(bare))
            case .null, .bool, .integer, .number, .string: value
            }
        }
        func again<Answer: Codable>(_ type: Answer.Type, _ data: Data) throws -> JSONValue {
            let (encoder, decoder) = (JSONEncoder(), JSONDecoder())
            (encoder.dateEncodingStrategy, decoder.dateDecodingStrategy) = (.iso8601, .iso8601)
            return try JSONDecoder().decode(JSONValue.self, from: encoder.encode(decoder.decode(type, from: data)))
        }
        #expect(Set(RemoteNode.answers.keys) == Set(CallTable.all.map(\.name)))
        for call in CallTable.all {
            let type = try #require(RemoteNode.answers[call.name])
            let sample = call.response.sample
            #expect(try again(type, Data(sample.line.utf8)) == bare(sample), "\(call.name)")
        }
        // A word of a later version is no reason not to read the rest.
        let later = try JSONDecoder().decode(RemoteNode.InvoiceStatusStatus.self, from: Data("\"burnt\"".utf8))
        #expect(later == .other("burnt") && later.rawValue == "burnt" && RemoteNode.InvoiceStatusStatus(rawValue: "paid") == .paid)
    }

    @Test("over HTTP and over the socket: an invoice is made, paid, waited for and told as an event; what is refused is a typed error")
    func live() async throws {
        var http = HTTPServer.Options()
        http.port = 0
        let client = try await HTTPServerTests.Client(http)
        _ = try await client.world.open(push: 100_000)
        let url = try #require(URL(string: "http://127.0.0.1:\(client.server.port)"))
        let shop = try RemoteNode(url: url, token: try await client.token(.invoice, .read))
        let path = client.folder.appending(path: "s").path
        let bob = ControlAPI(node: client.world.bob, onStop: nil)
        let socket = try await ControlServer(path: path) { try await bob.handle($0, $1) }
        let payer = RemoteNode(socket: path)

        let invoice = try await shop.invoice(amountMsat: 5_000_000, description: "coffee")
        #expect(invoice.amountMsat == 5_000_000 && invoice.description == "coffee" && invoice.expiresAt > invoice.createdAt)
        let payment = try await payer.pay(bolt11: invoice.bolt11)
        #expect(payment.paymentHash == invoice.paymentHash && payment.amountMsat == 5_000_000)
        let paid = try await shop.waitinvoice(invoice: invoice.paymentHash)
        #expect(paid.status == .paid && paid.receivedMsat == 5_000_000 && !paid.keysend)
        #expect(try await shop.listinvoices(limit: 1).invoices == [paid])
        // A keysend has no invoice that anybody was given.
        _ = try await payer.keysend(id: client.world.alice.nodeID.hex, amountMsat: 2_000_000)
        let keysend = try await shop.listinvoices(limit: 1).invoices[0]
        #expect(keysend.keysend && keysend.bolt11 == nil)
        var hashes: [String] = []
        for try await event in shop.events(from: 1) where event.event.rawValue == "payment_received" {
            hashes.append(event.paymentHash ?? "")
            if hashes.count == 2 { break }
        }
        #expect(hashes == [invoice.paymentHash, keysend.paymentHash])
        #expect(try await shop.call("getinfo")["id"] == .string(client.world.alice.nodeID.hex))

        func failure(_ body: () async throws -> some Sendable) async -> CallFailure? {
            do {
                _ = try await body()
                return nil
            } catch { return error as? CallFailure }
        }
        // The token may not pay; and what the other end says of it comes through.
        #expect(await failure { try await shop.pay(bolt11: invoice.bolt11) }?.kind == .forbidden)
        let nonsense = await failure { try await payer.pay(bolt11: "lnbc1nonsense") }
        #expect(nonsense?.kind == .refused, "\(String(describing: nonsense))")
        let unknown = await failure { try await payer.lookuppayment(payment: String(repeating: "0", count: 64)) }
        #expect(unknown?.kind == .notFound && unknown?.errorDescription == unknown?.message)
        let missing = await failure { try await payer.call("pay") }
        #expect(missing?.data?["field"] == "bolt11")
        let stranger = try RemoteNode(url: url, token: "lnw_no")
        #expect(await failure { try await stranger.getinfo() }?.kind == .forbidden)
        await socket.stop()
        await client.stop()
        #expect(await failure { try await payer.getinfo() }?.kind == .notRunning)
        let gone = await failure { try await shop.getinfo() }
        #expect(gone?.kind == .notRunning, "\(String(describing: gone))")
    }

    @Test("an address that is none, and certificates that cannot be read, are refused")
    func addresses() throws {
        func refusal(_ text: String, trusting certificate: URL? = nil) -> CallFailure? {
            do throws(CallFailure) {
                _ = try RemoteNode(url: URL(string: text)!, token: "lnw_a", trusting: certificate)
                return nil
            } catch { return error }
        }
        for text in ["ftp://127.0.0.1", "http://127.0.0.1/v1", "https://[::1]:1/?a=b"] { #expect(refusal(text)?.kind == .usage, "\(text)") }
        for token in ["", "lnw_a\n", "lnw a"] {
            let refused = #expect(throws: CallFailure.self) { try RemoteNode(url: URL(string: "http://127.0.0.1:1")!, token: token) }
            #expect(refused?.kind == .usage)
        }
        for text in ["http://127.0.0.1:8080", "https://node.example/", "http://[::1]:8080"] { #expect(refusal(text) == nil, "\(text)") }
        #expect(refusal("https://127.0.0.1", trusting: URL(filePath: "/no/such/file"))?.kind == .usage)
        #expect(refusal("http://127.0.0.1", trusting: URL(filePath: #filePath))?.kind == .usage)
    }
}
