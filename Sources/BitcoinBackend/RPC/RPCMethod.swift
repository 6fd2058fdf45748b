import BitcoinPrimitives
import CryptoPrimitives
internal import Foundation

/// One call that the server answers.
struct RPCMethod: Sendable {
    var name: String
    /// The parameters' names, in their order; a name after `|` is an older one for the same.
    var parameters: [String]
    /// How many of them are needed.
    var required: Int
    var category: String
    var summary: String
    var answer: @Sendable (RPCArguments, RPCContext) async throws -> RPCValue

    init(
        _ name: String, _ parameters: [String], required: Int = 0, _ category: String, _ summary: String,
        answer: @escaping @Sendable (RPCArguments, RPCContext) async throws -> RPCValue
    ) {
        self.name = name
        self.parameters = parameters
        self.required = required
        self.category = category
        self.summary = summary
        self.answer = answer
    }

    init(
        _ name: String, _ category: String, _ summary: String,
        answer: @escaping @Sendable (RPCArguments, RPCContext) async throws -> RPCValue
    ) {
        self.init(name, [], category, summary, answer: answer)
    }

    var usage: String {
        let words = parameters.enumerated().map { position, name in
            let first = name.split(separator: "|")[0]
            return position < required ? "\"\(first)\"" : "( \(first) )"
        }
        return ([name] + words).joined(separator: " ")
    }

    static let all: [RPCMethod] =
        (blockchain + waiting + proofs + mempool + rawTransactions + mining + network + control + explorer).sorted { $0.name < $1.name }
    static let byName = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
}

/// What the calls work on.
struct RPCContext: Sendable {
    var chain: EmbeddedChain
    var started: UInt32
    /// Ends the server's process, where it is allowed to.
    var stop: (@Sendable () -> Void)?
}

/// The arguments of one call, by position.
struct RPCArguments: Sendable {
    var values: [RPCValue]
    var method: RPCMethod

    /// Puts positional or named arguments into their places.
    init(_ given: RPCValue?, of method: RPCMethod) throws(RPCFailure) {
        self.method = method
        switch given {
        case nil, .null?: values = []
        case .array(let list)?: values = list
        case .object(let members)?:
            values = []
            var rest = members
            for alternatives in method.parameters {
                let names = alternatives.split(separator: "|").map(String.init)
                let position = rest.firstIndex { names.contains($0.name) }
                values.append(position.map { rest.remove(at: $0).value } ?? .null)
            }
            // "args" holds arguments by position before the named ones.
            if let position = rest.firstIndex(where: { $0.name == "args" }), let list = rest[position].value.array {
                rest.remove(at: position)
                for (index, value) in list.enumerated() {
                    guard index < values.count else { break }
                    guard values[index].isNull else {
                        throw .parameter("Parameter \(method.parameters[index]) specified twice both as positional and named argument")
                    }
                    values[index] = value
                }
            }
            if let unknown = rest.first { throw .parameter("Unknown named parameter \(unknown.name)") }
            while values.last?.isNull == true { values.removeLast() }
        default: throw .invalidRequest("Params must be an array or object")
        }
        if values.count > method.parameters.count || values.prefix(method.required).count < method.required {
            throw .misc("\(method.usage)\n\n\(method.summary)\n")
        }
        // A null is as good as nothing, except where something is needed.
        for position in 0..<method.required where values[position].isNull {
            let name = method.parameters[position].split(separator: "|")[0]
            throw .type(
                "Wrong type passed:\n{\n    \"Position \(position + 1) (\(name))\": \"JSON value of type null is not of expected type\"\n}")
        }
    }

    subscript(position: Int) -> RPCValue? {
        guard values.indices.contains(position), !values[position].isNull else { return nil }
        return values[position]
    }

    private func mismatch(_ position: Int, _ expected: String) -> RPCFailure {
        let name = method.parameters[position].split(separator: "|")[0]
        let kind = self[position]?.kind ?? "null"
        return .type(
            "Wrong type passed:\n{\n    \"Position \(position + 1) (\(name))\": \"JSON value of type \(kind) is not of expected type \(expected)\"\n}"
        )
    }

    func string(_ position: Int) throws(RPCFailure) -> String {
        guard let text = self[position]?.string else { throw mismatch(position, "string") }
        return text
    }

    func optionalString(_ position: Int) throws(RPCFailure) -> String? {
        self[position] == nil ? nil : try string(position)
    }

    func integer(_ position: Int) throws(RPCFailure) -> Int {
        guard let value = self[position]?.integer else { throw mismatch(position, "number") }
        return Int(value)
    }

    func optionalInteger(_ position: Int) throws(RPCFailure) -> Int? {
        self[position] == nil ? nil : try integer(position)
    }

    func bool(_ position: Int, default fallback: Bool) throws(RPCFailure) -> Bool {
        guard let value = self[position] else { return fallback }
        guard let bool = value.bool else { throw mismatch(position, "bool") }
        return bool
    }

    /// A level of detail, which may also be given as a Boolean.
    func verbosity(_ position: Int, default fallback: Int) throws(RPCFailure) -> Int {
        if let flag = self[position]?.bool { return flag ? 1 : 0 }
        return try optionalInteger(position) ?? fallback
    }

    func array(_ position: Int) throws(RPCFailure) -> [RPCValue] {
        guard let list = self[position]?.array else { throw mismatch(position, "array") }
        return list
    }

    /// A 32-byte identifier in its printed form.
    func identifier<T: Identifier32>(_ position: Int, _ type: T.Type) throws(RPCFailure) -> T {
        try Self.identifier(try string(position), named: String(method.parameters[position].split(separator: "|")[0]))
    }

    static func identifier<T: Identifier32>(_ text: String, named name: String) throws(RPCFailure) -> T {
        guard text.utf8.count == 64 else {
            throw .parameter("\(name) must be of length 64 (not \(text.utf8.count), for '\(text)')")
        }
        guard let bytes = Bytes32(hex: text) else {
            throw .parameter("\(name) must be hexadecimal string (not '\(text)')")
        }
        return T(bytes.reversed)
    }

    func transaction(_ position: Int) throws(RPCFailure) -> Transaction {
        try Self.transaction(try string(position))
    }

    static func transaction(_ text: String) throws(RPCFailure) -> Transaction {
        guard let bytes = Hex.decode(text), let transaction = try? Transaction(bytes), !transaction.inputs.isEmpty else {
            throw .deserialization("TX decode failed. Make sure the tx has at least one input.")
        }
        return transaction
    }

    /// An amount of bitcoin, as a number or as text.
    func amount(_ position: Int, default fallback: Satoshi) throws(RPCFailure) -> Satoshi {
        guard let value = self[position] else { return fallback }
        return try Self.amount(value)
    }

    static func amount(_ value: RPCValue) throws(RPCFailure) -> Satoshi {
        let text: String
        switch value {
        case .integer(let number): text = String(number)
        case .number(let digits): text = digits
        case .string(let digits): text = digits
        default: throw .type("Amount is not a number or string")
        }
        // What follows a number would be dropped in silence, and digits beyond the eighth.
        guard text.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?/) != nil, let decimal = Decimal(string: text) else {
            throw .type("Invalid amount")
        }
        var (shifted, whole) = (decimal * 100_000_000, Decimal())
        NSDecimalRound(&whole, &shifted, 0, .plain)
        guard whole == shifted else { throw .type("Invalid amount") }
        guard decimal >= 0, decimal <= 21_000_000 else { throw .type("Amount out of range") }
        return Satoshi(NSDecimalNumber(decimal: whole).uint64Value)
    }
}

extension RPCArguments {
    /// A limit on what is paid for 1000 virtual bytes, 0.1 bitcoin unless said otherwise; zero for none.
    func feeRate(_ position: Int) throws(RPCFailure) -> Satoshi {
        let rate = try amount(position, default: Satoshi(10_000_000))
        guard rate < Satoshi(100_000_000) else {
            throw .parameter("Fee rates larger than or equal to 1BTC/kvB are not accepted")
        }
        return rate
    }
}

/// Finds the call and makes the answer.
struct RPCDispatcher: Sendable {
    let context: RPCContext
    static let maximumBatch = 10_000

    /// The status and the body of the answer; no body for a notification.
    func answer(_ body: Data) async -> (status: UInt, body: RPCValue?) {
        guard let parsed = RPCValue.parseRequest(body) else {
            return (500, Self.reply(.failure(.parse), id: .null, isVersion2: false))
        }
        guard case .array(let batch) = parsed else { return await single(parsed, inBatch: false) }
        if batch.isEmpty { return (200, .array([])) }
        guard batch.count <= Self.maximumBatch else {
            return (
                400, Self.reply(.failure(.invalidRequest("Batch of more than \(Self.maximumBatch) requests")), id: .null, isVersion2: false)
            )
        }
        var answers: [RPCValue] = []
        for request in batch {
            if let answer = await single(request, inBatch: true).body { answers.append(answer) }
        }
        return answers.isEmpty ? (204, nil) : (200, .array(answers))
    }

    private func single(_ request: RPCValue, inBatch: Bool) async -> (status: UInt, body: RPCValue?) {
        guard case .object = request else {
            let failure = RPCFailure.invalidRequest("Invalid Request object")
            return (400, Self.reply(.failure(failure), id: .null, isVersion2: false))
        }
        let id = request["id"] ?? .null
        let isVersion2 = request["jsonrpc"]?.string == "2.0"
        let isNotification = isVersion2 && request["id"] == nil
        let result = await call(request)
        if isNotification { return (204, nil) }
        var status: UInt = 200
        if case .failure(let failure) = result, !isVersion2 { status = failure.status }
        return (status, Self.reply(result, id: id, isVersion2: isVersion2))
    }

    private func call(_ request: RPCValue) async -> Result<RPCValue, RPCFailure> {
        guard let name = request["method"] else { return .failure(.invalidRequest("Missing method")) }
        guard let name = name.string else { return .failure(.invalidRequest("Method must be a string")) }
        do {
            guard let method = RPCMethod.byName[name] else { throw RPCFailure.unknownMethod }
            return .success(try await method.answer(try RPCArguments(request["params"], of: method), context))
        } catch let failure as RPCFailure {
            return .failure(failure)
        } catch let failure as ChainFailure {
            return .failure(.database(failure.description))
        } catch {
            return .failure(.misc("\(error)"))
        }
    }

    private static func reply(_ result: Result<RPCValue, RPCFailure>, id: RPCValue, isVersion2: Bool) -> RPCValue {
        var reply: RPCValue = isVersion2 ? ["jsonrpc": "2.0"] : [:]
        switch result {
        case .success(let value):
            reply.append("result", value)
            if !isVersion2 { reply.append("error", .null) }
        case .failure(let failure):
            if !isVersion2 { reply.append("result", .null) }
            reply.append("error", failure.value)
        }
        reply.append("id", id)
        return reply
    }
}
