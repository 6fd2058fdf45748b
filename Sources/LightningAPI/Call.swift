import BitcoinPrimitives

/// What somebody has to be allowed to do, who makes a call.
package enum Permission: String, Sendable, CaseIterable {
    /// To look at everything but secrets.
    case read
    /// To ask for money, and to see whether it came.
    case invoice
    /// To pay over Lightning. Money at risk: up to the token's limit.
    case pay
    /// To open and close channels, and to send on chain. Money at risk: all of it.
    case chain
    /// To do everything, the node itself and its tokens included.
    case admin
}

/// Where a call stands in help and reference.
package enum CallGroup: String, Sendable, CaseIterable {
    case node, payments, invoices, streams, channels, wallet, network, backups, watchtowers, tokens

    package var title: String {
        switch self {
        case .node: "The node"
        case .payments: "Payments"
        case .invoices: "Invoices"
        case .streams: "Streams"
        case .channels: "Channels"
        case .wallet: "The wallet on chain"
        case .network: "The network"
        case .backups: "Backups"
        case .watchtowers: "Watchtowers"
        case .tokens: "Tokens"
        }
    }
}

/// A call of the API: what goes in, what comes out, who may make it.
///
/// From the table of calls come the checks of every request, the control socket, HTTP with its OpenAPI document, and the reference.
package struct Call: Sendable {
    package var name: String
    package var group: CallGroup
    /// `nil` where any token is enough.
    package var permission: Permission?
    /// In one sentence.
    package var summary: String
    /// What else is to be known.
    package var details: String
    package var request: [Field]
    package var response: Shape
    /// A request.
    package var example: JSONValue
    /// As what it may fail, beside `usage`, `unreachable` and `internal`, which every call can.
    package var failures: [CallFailure.Kind]

    package init(
        _ name: String, _ group: CallGroup, needs permission: Permission?, _ summary: String, details: String = "",
        takes request: [Field] = [], gives response: Shape, fails failures: [CallFailure.Kind] = [], example: JSONValue = [:]
    ) {
        self.name = name
        self.group = group
        self.permission = permission
        self.summary = summary
        self.details = details
        self.request = request
        self.response = response
        self.failures = failures
        self.example = example
    }

    /// Whether it changes nothing, so that over HTTP it can be made by a GET.
    package var canBeGot: Bool { permission == .read || permission == nil || ["lookupinvoice", "waitinvoice"].contains(name) }

    /// The names of the simple fields of a list in the answer, in their order.
    package func names(of list: String) -> [String] {
        guard case .list(let element)? = response.fields.first(where: { $0.name == list })?.shape.kind else { return [] }
        return element.fields.filter {
            switch $0.shape.kind {
            case .list, .object, .map: false
            default: true
            }
        }.map(\.name)
    }

    /// What a request has to be.
    package var requestShape: Shape { .object(request) }

    /// Takes a request for what it is: nothing stands for an empty one.
    ///
    /// - Throws: a `CallFailure` of kind `usage`, which names the field.
    package func checked(_ request: JSONValue) throws(CallFailure) -> JSONValue {
        let request = request == .null ? [:] : request
        do throws(ShapeMismatch) {
            try requestShape.check(request, isRequest: true)
        } catch {
            throw CallFailure(.usage, "\(name): \(error)", ["call": .string(name), "field": .string(error.path)])
        }
        return request
    }

    /// What of an answer is not as the table says; `nil` where all is.
    package func mismatch(in answer: JSONValue) -> ShapeMismatch? {
        do throws(ShapeMismatch) {
            try response.check(answer)
            return nil
        } catch { return error }
    }
}

/// All calls of a node.
package enum CallTable {
    package static let all: [Call] =
        node + payments + invoices + streams + channels + wallet + network + backups + watchtowers + tokens

    private static let byName = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

    /// - Throws: a `CallFailure` of kind `usage` where there is no such call.
    package static func call(_ name: String) throws(CallFailure) -> Call {
        if let call = byName[name] { return call }
        let near = LikelyWord.of(name, among: byName.keys).map { ". There is \($0)" } ?? ""
        throw CallFailure(.usage, "there is no call \(JSONValue.string(String(name.prefix(64))).line)\(near)")
    }
}
