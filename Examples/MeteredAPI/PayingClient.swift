import Foundation
import Lightning

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A client that pays what a service asks for, up to a limit.
actor PayingClient {
    /// Why nothing was paid.
    enum Refusal: Error, CustomStringConvertible {
        case tooDear(MilliSatoshi), notUnderstood
        var description: String {
            switch self {
            case .tooDear(let price): "\(price) is more than this client pays for a request"
            case .notUnderstood: "the service asks for a payment in a way that this client does not know"
            }
        }
    }

    private let node: LightningNode
    private let address: String
    private let mostPerRequest: MilliSatoshi
    private var last: (path: String, authorization: String)?

    init(node: LightningNode, address: String, mostPerRequest: MilliSatoshi) {
        self.node = node
        self.address = address
        self.mostPerRequest = mostPerRequest
    }

    /// Asks, and pays where that is what it takes.
    func get(_ path: String) async throws -> (text: String, paid: MilliSatoshi) {
        let first = try await send(path, authorization: nil)
        guard first.status == 402 else { return (first.text, .zero) }
        let fields = first.challenge.split(separator: "\"", omittingEmptySubsequences: false).map(String.init)
        guard fields.count == 5, fields[0] == "L402 token=", let invoice = try? Invoice(fields[3]), let price = invoice.amount else {
            throw Refusal.notUnderstood
        }
        guard price <= mostPerRequest else { throw Refusal.tooDear(price) }
        let payment = try await node.pay(invoice)
        guard case .succeeded(let preimage, _) = payment.status else { throw Refusal.notUnderstood }
        let authorization = "L402 \(fields[1]):\(preimage.hex)"
        last = (path, authorization)
        return (try await send(path, authorization: authorization).text, price)
    }

    /// The status that the last ticket gets when it is shown again.
    func repeatLast() async throws -> Int {
        guard let last else { return 0 }
        return try await send(last.path, authorization: last.authorization).status
    }

    private func send(_ path: String, authorization: String?) async throws -> (status: Int, text: String, challenge: String) {
        var request = URLRequest(url: URL(string: address + path)!)
        if let authorization { request.setValue(authorization, forHTTPHeaderField: "Authorization") }
        let (data, response) = try await URLSession.shared.data(for: request)
        let http = response as? HTTPURLResponse
        return (http?.statusCode ?? 0, String(decoding: data, as: UTF8.self), http?.value(forHTTPHeaderField: "WWW-Authenticate") ?? "")
    }
}
