// A service that is paid for each unit it delivers: HTTP's status 402 with an invoice, and the proof of payment that opens the door
// (the scheme of bLIP 26, "L402").
import Foundation
import Hummingbird
import Lightning
import LightningTesting
import ServiceLifecycle

// A layer 1 in memory, the service's node and a customer's, and a channel in which the customer has money.
let network = try await TestNetwork(["customer", "service"], channels: 200_000.sat)
let (customer, service) = (try await network.node("customer"), try await network.node("service"))

// The service: so much for each word of a poem.
let paywall = Paywall(node: service)
let (ports, port) = AsyncStream<Int>.makeStream()
let router = Router()
router.get("words") { request, _ -> Response in
    guard let count = request.uri.queryParameters.get("count", as: Int.self), (1...Poem.words.count).contains(count) else {
        return Response(status: .badRequest)
    }
    // What is paid for is what is delivered: the ticket is of this request.
    let wanted = Paywall.Order(path: request.uri.string, price: (count * 2_000).msat)
    if let authorization = request.headers[.authorization], await paywall.redeem(authorization, for: wanted) {
        return Response(status: .ok, body: .init(byteBuffer: ByteBuffer(string: Poem.words.prefix(count).joined(separator: " "))))
    }
    return Response(
        status: .init(code: 402, reasonPhrase: "Payment Required"), headers: [.wwwAuthenticate: try await paywall.challenge(for: wanted)])
}
let server = Application(
    router: router, configuration: .init(address: .hostname("127.0.0.1", port: 0)),
    onServerRunning: { port.yield($0.localAddress?.port ?? 0) })
let group = ServiceGroup(configuration: .init(services: [.init(service: server)], logger: server.logger))
let running = Task { try await group.run() }

// The customer: asks, pays what is asked for, and shows the proof.
for await port in ports {
    let client = PayingClient(node: customer, address: "http://127.0.0.1:\(port)", mostPerRequest: MilliSatoshi(20.sat))
    for count in [3, 7] {
        let answer = try await client.get("/words?count=\(count)")
        print("\(count) words for \(answer.paid): \(answer.text)")
    }
    // A ticket is good once, and a request that costs too much is not paid.
    print("again with the same ticket: \(try await client.repeatLast())")
    do { _ = try await client.get("/words?count=\(Poem.words.count)") } catch { print("refused: \(error)") }
    break
}
await group.triggerGracefulShutdown()
try await running.value
await network.stop()

enum Poem {
    static let words = "Tiger Tiger burning bright in the forests of the night what immortal hand or eye".split(separator: " ").map(
        String.init)
}
