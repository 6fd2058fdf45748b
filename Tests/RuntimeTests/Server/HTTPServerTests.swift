import AsyncHTTPClient
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningAPI
import LightningInvoice
import LightningRuntime
import LightningServer
import LightningWire
import Logging
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOSSL
import TestSupport
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

@Suite("calls over HTTP", .serialized)
struct HTTPServerTests {
    /// Bob's node with a server, and what a client sees of it.
    struct Client {
        let world: NodeTests.World
        let server: HTTPServer
        let owner: ControlAPI
        let folder: URL

        init(_ options: HTTPServer.Options? = nil) async throws {
            world = try await NodeTests.World()
            folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let tokens = try TokenStore(path: folder.appending(path: "tokens.json").path)
            owner = ControlAPI(node: world.alice, tokens: tokens, onStop: nil)
            var options = options ?? HTTPServer.Options()
            options.port = 0
            server = try await HTTPServer(owner, tokens: tokens, options: options, logger: Logger(label: "test"))
        }

        func token(_ permissions: Permission..., limit: Int64? = nil) async throws -> String {
            let made = try await owner.handle(
                "createtoken",
                ["permissions": .array(permissions.map { .string($0.rawValue) }), "limit_msat": limit.map { .integer($0) } ?? .null])
            return try #require(made["token"].text)
        }

        func send(
            _ method: String, _ path: String, token: String? = nil, body: String? = nil, headers: [String: String] = [:]
        ) async throws -> (status: Int, text: String, headers: HTTPURLResponse) {
            var request = URLRequest(url: URL(string: "http://127.0.0.1:\(server.port)\(path)")!)
            request.httpMethod = method
            request.httpBody = body.map { Data($0.utf8) }
            if let token { request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization") }
            for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
            let (data, response) = try await URLSession(configuration: .ephemeral).data(for: request)
            let http = try #require(response as? HTTPURLResponse)
            return (http.statusCode, String(decoding: data, as: UTF8.self), http)
        }

        func json(_ method: String, _ path: String, token: String? = nil, body: String? = nil) async throws -> (
            status: Int, value: JSONValue
        ) {
            let answer = try await send(method, path, token: token, body: body)
            return (answer.status, try JSONDecoder().decode(JSONValue.self, from: Data(answer.text.utf8)))
        }

        func stop() async {
            await server.stop()
            await world.stop()
            try? FileManager.default.removeItem(at: folder)
        }
    }

    @Test("a token allows what it says and nothing else; without one, with a wrong or a revoked one there is nothing")
    func permissions() async throws {
        let client = try await Client()
        #expect(try await client.json("GET", "/health").value == ["status": "ok"])
        let (reader, shop) = (try await client.token(.read), try await client.token(.invoice))
        for token in [nil, "", "lnw_x", reader + "x"] {
            let answer = try await client.json("GET", "/v1/getinfo", token: token)
            #expect(answer.status == 401 && answer.value["error"]["code"] == "unauthorized")
        }
        let info = try await client.json("GET", "/v1/getinfo", token: reader)
        #expect(info.status == 200 && info.value["id"].text == client.world.alice.nodeID.hex)
        // As the password of basic authentication as well.
        let basic = Data(":\(reader)".utf8).base64EncodedString()
        #expect(try await client.send("GET", "/v1/getinfo", headers: ["Authorization": "Basic \(basic)"]).status == 200)
        let invoice = try await client.json("POST", "/v1/invoice", token: shop, body: "{\"amount_msat\": 5000, \"description\": \"tea\"}")
        #expect(invoice.status == 200 && invoice.value["amount_msat"] == 5000)
        let looked = try await client.json("GET", "/v1/lookupinvoice?invoice=\(invoice.value["payment_hash"].text ?? "")", token: shop)
        #expect(looked.value["status"] == "unpaid")
        for call in ["invoice", "pay", "send", "stop", "createtoken", "forceclose", "backup"] {
            let answer = try await client.json("POST", "/v1/\(call)", token: reader, body: CallTable.call(call).example.line)
            #expect(answer.status == 403 && answer.value["error"]["code"] == "forbidden", "\(call)")
        }
        #expect(try await client.json("POST", "/v1/getinfo", token: shop).status == 403)
        #expect(try await client.json("POST", "/v1/whoami", token: shop).value["permissions"] == ["invoice"])
        let id = try #require(try await client.owner.handle("listtokens", [:]).list.first?["id"])
        _ = try await client.owner.handle("revoketoken", ["id": id])
        #expect(try await client.json("GET", "/v1/getinfo", token: reader).status == 401)
        await client.stop()
    }

    @Test("what is wrong with a request is told, with the field, and nothing happens")
    func wrongRequests() async throws {
        var options = HTTPServer.Options()
        options.bodyTimeout = .milliseconds(200)
        let client = try await Client(options)
        let all = try await client.token(.admin)
        func expect(_ status: Int, _ code: JSONValue, _ method: String, _ path: String, _ body: String? = nil, field: JSONValue? = nil)
            async throws
        {
            let answer = try await client.json(method, path, token: all, body: body)
            #expect(answer.status == status && answer.value["error"]["code"] == code, "\(method) \(path): \(answer)")
            if let field { #expect(answer.value["error"]["data"]["field"] == field, "\(method) \(path): \(answer)") }
        }
        try await expect(404, "no_such_call", "POST", "/v1/nothing")
        try await expect(404, "no_such_call", "GET", "/nothing/at/all")
        try await expect(405, "method_not_allowed", "GET", "/v1/invoice")
        try await expect(400, "usage", "POST", "/v1/invoice", "{")
        try await expect(400, "usage", "POST", "/v1/invoice", "[1]")
        try await expect(400, "usage", "POST", "/v1/invoice", "{\"amount_msat\": \"5\"}", field: "amount_msat")
        try await expect(400, "usage", "POST", "/v1/invoice", "{\"amount\": 5}", field: "amount")
        try await expect(400, "usage", "GET", "/v1/listpayments?limit=0", field: "limit")
        try await expect(400, "usage", "GET", "/v1/listpayments?limit=ten", field: "limit")
        try await expect(400, "usage", "GET", "/v1/listpayments?limit=1&limit=2")
        try await expect(400, "usage", "POST", "/v1/invoice", String(repeating: "[", count: 100_000))
        try await expect(413, "too_large", "POST", "/v1/invoice", String(repeating: " ", count: 1_100_000))
        try await expect(404, "not_found", "POST", "/v1/cancel", "{\"payment_hash\": \"00ff\"}")
        #expect(try await client.world.alice.invoices().records.isEmpty)
        // A body that never comes.
        let answer = try await Self.raw(
            client.server.port, "POST /v1/invoice HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(all)\r\nContent-Length: 10\r\n\r\n{",
            until: "timeout")
        #expect(answer.hasPrefix("HTTP/1.1 408"), "\(answer)")
        await client.stop()
    }

    @Test("strangers who guess are slowed down, and those who have a token are not")
    func rates() async throws {
        var options = HTTPServer.Options()
        // As good as never again: nothing depends on how fast this machine is.
        options.strangers = (3, 0.001)
        let client = try await Client(options)
        let reader = try await client.token(.read)
        var statuses: [Int] = []
        for _ in 0..<5 { statuses.append(try await client.send("GET", "/v1/getinfo", token: "wrong").status) }
        #expect(statuses == [401, 401, 401, 429, 429])
        let answer = try await client.send("GET", "/v1/getinfo", token: "wrong")
        #expect(Int(answer.headers.value(forHTTPHeaderField: "Retry-After") ?? "").map { (900...1000).contains($0) } == true)
        #expect(try await client.send("GET", "/v1/getinfo", token: reader).status == 200)
        await client.stop()
    }

    @Test("a token pays up to its limit, fees and what is under way included; what fails is given back", .timeLimit(.minutes(1)))
    func spending() async throws {
        let client = try await Client()
        _ = try await client.world.open()
        let pocket = try await client.token(.pay, limit: 100_000)
        func pay(_ msat: UInt64) async throws -> (status: Int, value: JSONValue) {
            let invoice = try await client.world.bob.createInvoice(amount: MilliSatoshi(msat))
            return try await client.json("POST", "/v1/pay", token: pocket, body: "{\"bolt11\": \"\(invoice.text)\"}")
        }
        #expect(try await pay(60_000).status == 200)
        // What it may come to has its fee, 5 sat at the least.
        let refused = try await pay(36_000)
        #expect(refused.status == 403 && refused.value["error"]["data"]["needed_msat"] == 41_000)
        #expect(try await client.json("POST", "/v1/whoami", token: pocket).value["spent_msat"] == 60_000)
        #expect(try await pay(35_000).status == 200)
        // A payment that fails costs nothing of it; the same invoice is not paid twice.
        let limited = try await client.token(.pay, limit: 50_000)
        let invoice = try await client.world.bob.createInvoice(amount: MilliSatoshi(30_000))
        try await client.world.bob.cancel(invoice.paymentHash)
        let failed = try await client.json("POST", "/v1/pay", token: limited, body: "{\"bolt11\": \"\(invoice.text)\"}")
        #expect(failed.status == 402 && failed.value["error"]["data"]["payment_hash"].text == invoice.paymentHash.hex)
        #expect(try await client.json("POST", "/v1/whoami", token: limited).value["spent_msat"] == 0)
        // What would go on by itself needs a token without a limit.
        let stream = "{\"recipients\": [{\"id\": \"\(client.world.bob.nodeID.hex)\"}], \"rate_msat\": 1000, \"budget_msat\": 3000}"
        #expect(try await client.json("POST", "/v1/startstream", token: limited, body: stream).status == 403)
        let free = try await client.token(.pay)
        #expect(try await client.json("POST", "/v1/startstream", token: free, body: stream).status == 200)
        await client.stop()
    }

    @Test("events come as they happen, and a client that was away goes on where it was", .timeLimit(.minutes(1)))
    func events() async throws {
        let client = try await Client()
        let reader = try await client.token(.read)
        func follow(_ last: String?, until end: String) async throws -> String {
            try await Self.raw(
                client.server.port,
                "GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer \(reader)\r\n"
                    + (last.map { "Last-Event-ID: \($0)\r\n" } ?? "") + "\r\n", until: end)
        }
        // The first comment says that the feed is followed.
        async let first = follow(nil, until: "event: block")
        while client.owner.waiting == 0 { await Task.yield() }
        try await client.world.mine(1, to: client.world.alice)
        let text = try await first
        let id = try #require(text.split(separator: "\n").last { $0.hasPrefix("id: ") }?.dropFirst(4).trimmingCharacters(in: .whitespaces))
        #expect(text.contains("Content-Type: text/event-stream"))
        try await client.world.mine(2, to: client.world.alice)
        let rest = try await follow(id, until: "\"blockheight\":\(try await client.world.alice.height().value)")
        #expect(!rest.contains("event: missed") && rest.components(separatedBy: "event: block").count == 3)
        // What is stored begins with the oldest, and goes on after a number.
        func followStored(_ last: String?, until end: String) async throws -> String {
            try await Self.raw(
                client.server.port,
                "GET /v1/listevents HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer \(reader)\r\n"
                    + (last.map { "Last-Event-ID: \($0)\r\n" } ?? "") + "\r\n", until: end)
        }
        let channel = try await client.world.open()
        let stored = try await followStored(nil, until: "event: channel_usable")
        #expect(stored.contains("id: 1\n") && !stored.contains("event: missed"))
        async let closing = followStored("1", until: "event: channel_closing")
        _ = try await client.world.alice.closeChannel(channel)
        #expect(try await !closing.contains("channel_usable"))
        // Of another run nothing is known: that is said.
        let other = try await follow("0011223344556677:5", until: "event: block")
        #expect(other.contains("event: missed"))
        let shop = try await client.token(.invoice)
        #expect(try await client.send("GET", "/v1/events", token: shop, headers: ["Accept": "text/event-stream"]).status == 403)
        #expect(
            try await client.send("GET", "/v1/events", token: reader, headers: ["Accept": "text/event-stream", "Last-Event-ID": "5"]).status
                == 400)
        // Fields of a POST are in its body, and nowhere else.
        let all = try await client.token(.admin)
        for path in ["/v1/invoice?label=a", "/v1/listevents?from=3"] {
            #expect(try await client.send("POST", path, token: all, body: "{}").status == 400, "\(path)")
        }
        await client.stop()
    }

    @Test("a client of phoenixd makes an invoice, pays one, and finds both", .timeLimit(.minutes(1)))
    func phoenix() async throws {
        let client = try await Client()
        _ = try await client.world.open()
        let all = try await client.token(.admin)
        let basic = ["Authorization": "Basic " + Data("phoenix:\(all)".utf8).base64EncodedString()]
        func json(_ method: String, _ path: String, _ body: String? = nil) async throws -> JSONValue {
            let answer = try await client.send(method, path, body: body, headers: basic)
            #expect(answer.status == 200, "\(path): \(answer.text)")
            return try JSONDecoder().decode(JSONValue.self, from: Data(answer.text.utf8))
        }
        #expect(try await json("GET", "/getbalance")["balanceSat"].int ?? 0 > 1000)
        #expect(try await json("GET", "/getinfo")["nodeId"].text == client.world.alice.nodeID.hex)
        let bob = try await client.world.bob.createInvoice(amount: nil)
        let paid = try await json("POST", "/payinvoice", "amountSat=50000&invoice=\(bob.text)")
        #expect(paid["recipientAmountSat"] == 50_000 && paid["routingFeeSat"] == 0 && paid["paymentHash"].text == bob.paymentHash.hex)
        let found = try await json("GET", "/payments/outgoing/\(paid["paymentId"].text ?? "")")
        #expect(found["isPaid"] == true && found["sent"] == 50_000 && found["preimage"] == paid["paymentPreimage"])
        let made = try await json("POST", "/createinvoice", "description=a+cup+of+%E2%98%95&amountSat=50&externalId=order-1")
        #expect(made["amountSat"] == 50)
        try await client.world.bob.pay(try Invoice(made["serialized"].text ?? ""))
        let hash = made["paymentHash"].text ?? ""
        _ = try await client.owner.handle("waitinvoice", ["invoice": .string(hash)])
        let incoming = try await json("GET", "/payments/incoming/\(hash)")
        #expect(incoming["isPaid"] == true && incoming["receivedSat"] == 50 && incoming["description"] == "a cup of ☕")
        let order = try await json("GET", "/payments/incoming?externalId=order-1")
        #expect(order.list.count == 1 && order.list[0] == incoming && incoming["externalId"] == "order-1")
        let hashed = try await json("POST", "/createinvoice", "amountSat=7&descriptionHash=\(hash)&externalId=order-2")
        let decoded = try await client.owner.handle("decode", ["text": hashed["serialized"]])
        #expect(decoded["description_hash"].text == hash)
        let (onlyPaid, every) = (try await json("GET", "/payments/incoming"), try await json("GET", "/payments/incoming?all=true"))
        #expect(onlyPaid.list.map { $0["paymentHash"].text } == [hash] && every.list.count == onlyPaid.list.count + 1)
        #expect(try await json("GET", "/payments/incoming?all=true&limit=1&offset=1").list == [every.list[1]])
        let moment = order.list[0]["completedAt"].int ?? 0
        #expect(try await json("GET", "/payments/incoming?from=\(moment)&to=\(moment)").list == [order.list[0]])
        #expect(try await json("GET", "/payments/incoming?from=\(moment + 1000)").list.isEmpty)
        #expect(try await json("GET", "/payments/incoming?externalId=order-9").list.isEmpty)
        #expect(try await json("GET", "/payments/outgoing").list.allSatisfy { $0["isPaid"] == true })
        for query in ["limit=0", "limit=x", "offset=-1", "all=1", "from=-1", "x=1", "to=9999999999999999"] {
            #expect(try await client.send("GET", "/payments/incoming?\(query)", headers: basic).status == 400, "\(query)")
        }
        for (path, body) in [
            ("/createinvoice", "amountSat=1&description=a&descriptionHash=\(hash)"), ("/createinvoice", "amountSat=1&descriptionHash=00"),
            ("/payinvoice", "amountSat=5"), ("/payinvoice", "invoice=x"), ("/createinvoice", "amountSat=-1"),
            ("/createinvoice", "amountSat=1&webhookUrl=x"),
        ] {
            #expect(try await client.send("POST", path, body: body, headers: basic).status == 400, "\(path) \(body)")
        }
        await client.stop()
    }

    @Test("the page, its files and the document are there, and nothing of them is of another host")
    func dashboard() async throws {
        let client = try await Client()
        for path in ["/", "/dashboard.js", "/dashboard.css"] {
            let answer = try await client.send("GET", path)
            #expect(
                answer.status == 200
                    && answer.headers.value(forHTTPHeaderField: "Content-Security-Policy")?.contains("default-src 'self'") == true)
            #expect(!answer.text.replacing("http://www.w3.org/2000/svg", with: "").contains("://"), "\(path)")
        }
        let document = try await client.json("GET", "/openapi.json")
        #expect(document.value["openapi"] == "3.1.0" && document.value["paths"]["/v1/pay"]["post"]["operationId"] == "pay")
        let reader = try await client.token(.read)
        let metrics = try await client.send("GET", "/metrics", token: reader)
        #expect(
            metrics.text.contains("lightning_payment_duration_seconds_bucket{le=\"+Inf\"} 0\n")
                && metrics.text.contains("\nlightning_block_height "))
        let code = try await client.send("GET", "/qr.svg?text=LNBC1", token: reader)
        #expect(code.status == 200 && code.text.hasPrefix("<svg "))
        #expect(try await client.send("GET", "/qr.svg", token: reader).status == 400)
        await client.stop()
    }

    private static let openssl = "/usr/bin/openssl"

    /// A certificate of this machine alone, made for one test.
    private static func certificate() throws -> URL {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let process = Process()
        process.executableURL = URL(filePath: openssl)
        process.currentDirectoryURL = folder
        process.standardError = FileHandle.nullDevice
        process.arguments = [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem", "-out",
            "certificate.pem", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
        ]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        return folder
    }

    @Test(
        "over TLS nobody else reads along; files that do not fit are told",
        .enabled(if: FileManager.default.isExecutableFile(atPath: openssl), "there is no openssl to make a certificate with"))
    func tls() async throws {
        let files = try Self.certificate()
        defer { try? FileManager.default.removeItem(at: files) }
        var options = HTTPServer.Options()
        options.tls = (files.appending(path: "certificate.pem").path, files.appending(path: "key.pem").path)
        let client = try await Client(options)
        let reader = try await client.token(.read)
        var configuration = HTTPClient.Configuration()
        configuration.tlsConfiguration = .clientDefault
        configuration.tlsConfiguration?.trustRoots = .file(files.appending(path: "certificate.pem").path)
        let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        var request = HTTPClientRequest(url: "https://localhost:\(client.server.port)/v1/getinfo")
        request.headers.add(name: "Authorization", value: "Bearer \(reader)")
        let answer = try await http.execute(request, timeout: .seconds(20))
        #expect(answer.status == .ok)
        let value = try JSONDecoder().decode(JSONValue.self, from: Data(buffer: try await answer.body.collect(upTo: 100_000)))
        #expect(value["id"].text == client.world.alice.nodeID.hex)
        try await http.shutdown()
        // Whoever does not speak TLS is not answered.
        #expect(
            try await Self.raw(client.server.port, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", until: "HTTP/1.1 200").contains(
                "HTTP/1.1 200") == false)
        for wrong in [
            ("/nowhere", files.appending(path: "key.pem").path),
            (files.appending(path: "key.pem").path, files.appending(path: "certificate.pem").path),
        ] {
            options.tls = wrong
            await #expect(throws: CallFailure.self) { _ = try await Client(options) }
        }
        await client.stop()
    }

    @Test("what an adversary tried: JSON in disguise, bodies that are no forms, probes past a limit, proofs for those who may only look")
    func adversary() async throws {
        let client = try await Client()
        _ = try await client.world.open()
        let (all, reader, pocket) = (
            try await client.token(.admin), try await client.token(.read), try await client.token(.pay, limit: 100_000)
        )
        // In UTF-16 the bytes of a letter look like a quotation mark, behind which brackets were not counted.
        let disguised = "[\"\u{2241}\"," + String(repeating: "[", count: 400) + String(repeating: "]", count: 400) + "]"
        for encoding in [String.Encoding.utf16LittleEndian, .utf16BigEndian, .utf32LittleEndian, .utf16] {
            var request = URLRequest(url: URL(string: "http://127.0.0.1:\(client.server.port)/v1/getinfo")!)
            request.httpMethod = "POST"
            request.httpBody = disguised.data(using: encoding)
            request.setValue("Bearer \(all)", forHTTPHeaderField: "Authorization")
            let (_, response) = try await URLSession(configuration: .ephemeral).data(for: request)
            #expect((response as? HTTPURLResponse)?.statusCode == 400)
        }
        let basic = ["Authorization": "Basic " + Data(":\(all)".utf8).base64EncodedString()]
        for (body, type) in [
            ("{\"amountSat\":100}", "application/json"), ("a", "application/x-www-form-urlencoded"),
            ("&", "application/x-www-form-urlencoded"),
        ] {
            let answer = try await client.send(
                "POST", "/createinvoice", body: body, headers: basic.merging(["Content-Type": type]) { $1 })
            #expect(answer.status == 400, "\(body)")
        }
        #expect(try await client.world.alice.invoices().records.isEmpty)
        let probe = "{\"id\": \"\(client.world.bob.nodeID.hex)\", \"amount_msat\": 400000000}"
        #expect(try await client.json("POST", "/v1/probe", token: pocket, body: probe).status == 403)
        // The proof of a payment is for those who may pay.
        let invoice = try await client.world.bob.createInvoice(amount: MilliSatoshi(50_000_000))
        let paid = try await client.json("POST", "/v1/pay", token: all, body: "{\"bolt11\": \"\(invoice.text)\"}")
        #expect(paid.value["payment_preimage"].text?.count == 64)
        let hash = invoice.paymentHash.hex
        #expect(
            try await client.json("GET", "/v1/listpayments", token: reader).value["payments"].list.map { $0["payment_preimage"] } == [.null]
        )
        #expect(try await client.json("GET", "/v1/explain?payment=\(hash)", token: reader).value["payment_preimage"] == .null)
        #expect(!(try await client.send("GET", "/v1/events?from=1", token: reader).text.contains("payment_preimage")))
        #expect(
            try await client.json("POST", "/v1/lookuppayment", token: pocket, body: "{\"payment\": \"\(hash)\"}").value["status"]
                == "succeeded")
        #expect(
            try await client.json("POST", "/v1/lookuppayment", token: pocket, body: "{\"payment\": \"\(hash.prefix(20))\"}").status == 404)
        // A body is not read for whoever may not make the call.
        #expect(
            try await client.send("POST", "/v1/readbackup", token: reader, body: String(repeating: "x", count: 2_000_000)).status == 403)
        for method in ["PUT", "DELETE", "OPTIONS"] { #expect(try await client.send(method, "/v1/getinfo").status == 405, "\(method)") }
        #expect(try await client.send("HEAD", "/health").status == 200)
        await client.stop()
    }

    @Test("one address does not take the places of all")
    func connections() async throws {
        var options = HTTPServer.Options()
        options.maxConnectionsOfAddress = 4
        let client = try await Client(options)
        var sockets: [Int32] = []
        for _ in 0..<4 { sockets.append(try #require(Self.connected(client.server.port))) }
        // A fifth is let in by the system, and ended by the server.
        let ended = try await Self.raw(client.server.port, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", until: "HTTP/1.1 200")
        #expect(ended.isEmpty)
        for socket in sockets { close(socket) }
        while try await Self.raw(client.server.port, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n", until: "HTTP/1.1 200").isEmpty {
            await Task.yield()
        }
        await client.stop()
    }

    @Test("what was under way when the node stopped is settled when it is known what became of it")
    func leftOver() async throws {
        let client = try await Client()
        _ = try await client.world.open()
        _ = try await client.token(.pay, limit: 100_000)
        let path = client.folder.appending(path: "tokens.json").path
        let (done, unknown) = (
            try await client.world.bob.createInvoice(amount: MilliSatoshi(20_000)),
            try await client.world.bob.createInvoice(amount: MilliSatoshi(30_000))
        )
        try await client.world.alice.pay(done)
        // As a node leaves it that was killed with three payments under way.
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let left =
            "\"next\" : 4, \"reserved\" : [{\"number\": 1, \"msat\": 25000, \"payment_hash\": \"\(done.paymentHash.hex)\"}, {\"number\": 2, \"msat\": 35000, \"payment_hash\": \"\(unknown.paymentHash.hex)\"}, {\"number\": 3, \"msat\": 7000, \"payment_hash\": null}]"
        let changed = text.replacing(/"next" : 1,/, with: left + ",").replacing(/"reserved" : \[\s*\],?/, with: "")
        try changed.replacing(/,(\s*\})/, with: { String($0.output.1) }).write(toFile: path, atomically: true, encoding: .utf8)
        let tokens = try TokenStore(path: path)
        let api = ControlAPI(node: client.world.alice, tokens: tokens, onStop: nil)
        #expect(try await api.handle("listtokens", [:]).list.map { $0["spent_msat"] } == [67_000])
        await api.settle(tokens.leftOver)
        // Paid, never sent, and one of which nobody knows which it was.
        #expect(try await api.handle("listtokens", [:]).list.map { $0["spent_msat"] } == [27_000])
        await client.stop()
    }

    private static func connected(_ port: Int) -> Int32? {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        return connected == 0 ? socket : nil
    }

    @Test("addresses to listen on", arguments: ["8080", "127.0.0.1:8080", "[::1]:8080", "0.0.0.0:0"])
    func addresses(_ text: String) throws { #expect(try HTTPServer.Options(parsing: text).port == (text.hasSuffix(":0") ? 0 : 8080)) }

    @Test("what is no address to listen on", arguments: ["", "x", ":8080", "127.0.0.1:", "127.0.0.1:70000", "::1:8080", "127.0.0.1:-1"])
    func noAddresses(_ text: String) { #expect(throws: CallFailure.self) { _ = try HTTPServer.Options(parsing: text) } }

    /// What a server says on a connection until a text comes, or it closes.
    private static func raw(_ port: Int, _ request: String, until end: String) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                guard let socket = connected(port) else { return continuation.resume(throwing: CallFailure(.unreachable, "no connection")) }
                defer { close(socket) }
                _ = Array(request.utf8).withUnsafeBytes { send(socket, $0.baseAddress, $0.count, 0) }
                var text = ""
                var buffer = [UInt8](repeating: 0, count: 65_536)
                while !text.contains(end) {
                    let count = recv(socket, &buffer, buffer.count, 0)
                    guard count > 0 else { break }
                    text += String(decoding: buffer[..<count], as: UTF8.self)
                }
                continuation.resume(returning: text.replacing("\r\n", with: "\n"))
            }
        }
    }
}
