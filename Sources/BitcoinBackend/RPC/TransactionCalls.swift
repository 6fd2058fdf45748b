import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives

extension RPCMethod {
    static let rawTransactions: [RPCMethod] = [
        RPCMethod(
            "getrawtransaction", ["txid", "verbosity|verbose", "blockhash"], required: 1, "rawtransactions",
            "A transaction of the mempool or of any block."
        ) { arguments, context in
            let id: TransactionID = try RPCArguments.identifier(try arguments.string(0), named: "parameter 1")
            let verbosity = try arguments.verbosity(1, default: 0)
            let within = arguments[2] == nil ? nil : try arguments.identifier(2, BlockHash.self)
            return try await context.chain.read { ledger, _ in
                try describe(id, within: within, verbosity: verbosity, in: ledger)
            }
        },
        RPCMethod(
            "sendrawtransaction", ["hexstring", "maxfeerate", "maxburnamount"], required: 1, "rawtransactions",
            "Gives a transaction to the mempool."
        ) { arguments, context in
            let transaction = try arguments.transaction(0)
            let limit = try arguments.feeRate(1)
            let burn = try arguments.amount(2, default: .zero)
            let burned = transaction.outputs.contains { $0.script.isUnspendable && $0.amount > burn }
            if burned { throw RPCFailure.verify("Unspendable output exceeds maximum configured by user (maxburnamount)") }
            let id = transaction.id
            do throws(TransactionRefusal) {
                let isMined = await context.chain.read { ledger, _ in
                    transaction.outputs.indices.contains { ledger.coin(OutPoint(id, UInt32($0))) != nil }
                }
                if isMined { throw TransactionRefusal("txn-already-known") }
                try await context.chain.check(transaction, maximumFeeRate: limit)
                try await context.chain.accept(transaction)
            } catch {
                switch error.reason {
                case "txn-already-in-mempool", "txn-same-nonwitness-data-in-mempool": break
                case "txn-already-known": throw RPCFailure.alreadyInChain("Transaction outputs already in utxo set")
                case "bad-txns-inputs-missingorspent": throw RPCFailure.verify(error.description)
                case "max-fee-exceeded":
                    throw RPCFailure.verify("Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)")
                case "store": throw RPCFailure.database(error.details)
                default: throw RPCFailure.rejected(error.description)
                }
            }
            return .text(id)
        },
        RPCMethod(
            "testmempoolaccept", ["rawtxs", "maxfeerate"], required: 1, "rawtransactions",
            "Whether the mempool would take these transactions."
        ) { arguments, context in
            let list = try arguments.array(0)
            guard (1...25).contains(list.count) else {
                throw RPCFailure.parameter("Array must contain between 1 and 25 transactions.")
            }
            let limit = try arguments.feeRate(1)
            let transactions = try list.map { try RPCArguments.transaction($0.string ?? "") }
            return await context.chain.read { ledger, now in
                .array(ledger.trial(of: transactions, now: now).map { verdict(of: $0, limit: limit) })
            }
        },
        RPCMethod(
            "submitpackage", ["package", "maxfeerate", "maxburnamount"], required: 1, "rawtransactions",
            "Gives a child to the mempool together with the parents it pays for."
        ) { arguments, context in
            let list = try arguments.array(0)
            guard (1...25).contains(list.count) else {
                throw RPCFailure.parameter("Array must contain between 1 and 25 transactions.")
            }
            let package = try list.map { try RPCArguments.transaction($0.string ?? "") }
            let burn = try arguments.amount(2, default: .zero)
            if package.contains(where: { $0.outputs.contains { $0.script.isUnspendable && $0.amount > burn } }) {
                throw RPCFailure.verify("Unspendable output exceeds maximum configured by user (maxburnamount)")
            }
            if package.count > 1, !Ledger.isChildWithParents(package) {
                throw RPCFailure.verify(
                    "package topology disallowed. not child-with-parents or parents depend on each other.")
            }
            let limit = try arguments.feeRate(1)
            return submission(package, try await context.chain.acceptPackage(package, maximumFeeRate: limit))
        },
        RPCMethod(
            "createrawtransaction", ["inputs", "outputs", "locktime", "replaceable", "version"], required: 2, "rawtransactions",
            "An unsigned transaction as hexadecimal digits."
        ) { arguments, _ in .string(Hex.encode(try unsigned(arguments).serialized())) },
        RPCMethod("decoderawtransaction", ["hexstring", "iswitness"], required: 1, "rawtransactions", "What a transaction says.") {
            arguments, _ in
            let text = try arguments.string(0)
            guard let bytes = Hex.decode(text), let transaction = try? Transaction(bytes) else {
                throw RPCFailure.deserialization("TX decode failed")
            }
            return transaction.rpcValue(withHex: false)
        },
        RPCMethod("decodescript", ["hexstring"], required: 1, "rawtransactions", "What a script says.") { arguments, _ in
            let text = try arguments.string(0)
            guard let bytes = Hex.decode(text) else {
                throw RPCFailure.parameter("argument must be hexadecimal string (not '\(text)')")
            }
            return describe(Script(bytes))
        },
    ]

    /// What `createrawtransaction` makes.
    private static func unsigned(_ arguments: RPCArguments) throws(RPCFailure) -> Transaction {
        let lockTime = try arguments.optionalInteger(2) ?? 0
        guard (0...Int(UInt32.max)).contains(lockTime) else { throw .parameter("Invalid parameter, locktime out of range") }
        let isReplaceable = try arguments.bool(3, default: true)
        let version = try arguments.optionalInteger(4) ?? 2
        guard (1...3).contains(version) else { throw .parameter("Invalid parameter, version out of range(1~3)") }
        var inputs: [TransactionInput] = []
        for value in try arguments.array(0) {
            let id: TransactionID = try RPCArguments.identifier(value["txid"]?.string ?? "", named: "txid")
            guard let index = value["vout"]?.integer else { throw .parameter("Invalid parameter, missing vout key") }
            guard (0...Int64(UInt32.max)).contains(index) else { throw .parameter("Invalid parameter, vout cannot be negative") }
            let sequence = value["sequence"]?.integer ?? (isReplaceable ? 0xffff_fffd : lockTime > 0 ? 0xffff_fffe : 0xffff_ffff)
            guard (0...Int64(UInt32.max)).contains(sequence) else { throw .parameter("Invalid parameter, sequence number is out of range") }
            inputs.append(TransactionInput(OutPoint(id, UInt32(index)), sequence: UInt32(sequence)))
        }
        if isReplaceable, arguments[3] != nil, !inputs.isEmpty, !inputs.contains(where: { $0.sequence <= 0xffff_fffd }) {
            throw .parameter("Invalid parameter combination: Sequence number(s) contradict replaceable option")
        }
        var outputs: [TransactionOutput] = []
        var seen: Set<String> = []
        for member in try members(arguments[1]) {
            if member.name == "data" {
                guard let bytes = member.value.string.flatMap({ Hex.decode($0) }) else {
                    throw .parameter("Data must be hexadecimal string (not '\((member.value.string ?? "").prefix(100))')")
                }
                guard seen.insert("data").inserted else { throw .parameter("Invalid parameter, duplicate key: data") }
                outputs.append(TransactionOutput(.zero, Script([.op(.return), .push(bytes)])))
                continue
            }
            guard let address = Address(member.name, network: .regtest) else {
                throw .notFound("Invalid Bitcoin address: \(member.name.prefix(100))")
            }
            guard seen.insert(address.script.bytes.description).inserted else {
                throw .parameter("Invalid parameter, duplicated address: \(member.name)")
            }
            outputs.append(TransactionOutput(try RPCArguments.amount(member.value), address.script))
        }
        return Transaction(version: UInt32(version), inputs: inputs, outputs: outputs, lockTime: UInt32(lockTime))
    }

    /// Outputs are a list of objects with one member each, or, as once, one object.
    private static func members(_ value: RPCValue?) throws(RPCFailure) -> [RPCValue.Member] {
        if case .object(let members)? = value { return members }
        guard let list = value?.array else { throw .type("Invalid parameter, outputs must be an array of objects, or an object") }
        var result: [RPCValue.Member] = []
        for item in list {
            guard case .object(let members) = item, members.count == 1 else {
                throw .parameter("Invalid parameter, key-value pair must contain exactly one key")
            }
            result += members
        }
        return result
    }

    private static func describe(
        _ id: TransactionID, within: BlockHash?, verbosity: Int, in ledger: Ledger
    ) throws(RPCFailure) -> RPCValue {
        let found: (transaction: Transaction, block: BlockHash?)
        if let within {
            guard ledger.header(within) != nil, let block = ledger.block(within) else { throw .notFound("Block hash not found") }
            guard let transaction = block.transactions.first(where: { $0.id == id }) else {
                throw .notFound("No such transaction found in the provided block. Use gettransaction for wallet transactions.")
            }
            found = (transaction, within)
        } else {
            guard let known = ledger.transaction(id) else {
                throw .notFound("No such mempool or blockchain transaction. Use gettransaction for wallet transactions.")
            }
            found = known
        }
        guard verbosity > 0 else { return .string(Hex.encode(found.transaction.serialized())) }
        var spent: [Coin]?
        if verbosity > 1, !found.transaction.isCoinbase {
            spent = found.block.flatMap { Self.spent(by: id, in: $0, ledger) }
        }
        var value: RPCValue = [:]
        if let within { value.append("in_active_chain", .bool(ledger.header(within)!.isActive)) }
        value = value + found.transaction.rpcValue(spent: spent, showsPrevious: verbosity > 1)
        if let hash = found.block, let known = ledger.header(hash) {
            value.append("blockhash", .text(hash))
            value.append("confirmations", .integer(known.isActive ? known.height.depth(at: ledger.height) : 0))
            if known.isActive {
                value.append("time", .integer(Int64(known.header.time)))
                value.append("blocktime", .integer(Int64(known.header.time)))
            }
        }
        return value
    }

    /// What a mined transaction spent, from its block's undo data.
    private static func spent(by id: TransactionID, in hash: BlockHash, _ ledger: Ledger) -> [Coin]? {
        guard let block = ledger.block(hash), let coins = ledger.spentCoins(hash) else { return nil }
        var start = 0
        for transaction in block.transactions.dropFirst() {
            if transaction.id == id { return Array(coins[start..<start + transaction.inputs.count]) }
            start += transaction.inputs.count
        }
        return nil
    }

    private static func verdict(of trial: Ledger.Trial, limit: Satoshi) -> RPCValue {
        var value: RPCValue = [
            "txid": .text(trial.transaction.id), "wtxid": .string(trial.transaction.witnessID.reversed.hex),
        ]
        switch trial.result {
        case .none: break
        case .disordered(let reason): value.append("package-error", .string(reason))
        case .accepted(let entry, let rate, let with):
            if entry.pays(moreThan: limit) {
                value.append("allowed", false)
                value.append("reject-reason", "max-fee-exceeded")
                value.append("reject-details", "max-fee-exceeded")
                break
            }
            value.append("allowed", true)
            value.append("vsize", .integer(entry.size))
            value.append(
                "fees",
                [
                    "base": .amount(entry.fee), "effective-feerate": .rate(rate),
                    "effective-includes": .array(with.map { .string($0.reversed.hex) }),
                ])
        case .refused(let refusal):
            let isMissing = refusal.reason == "bad-txns-inputs-missingorspent"
            value.append("allowed", false)
            value.append("reject-reason", .string(isMissing ? "missing-inputs" : refusal.reason))
            value.append("reject-details", .string(refusal.description))
        }
        return value
    }

    private static func submission(_ package: [Transaction], _ result: PackageVerdict) -> RPCValue {
        var results: RPCValue = [:]
        for (position, transaction) in package.enumerated() {
            var value: RPCValue = ["txid": .text(transaction.id)]
            switch result.results.isEmpty ? .refused(TransactionRefusal("package-not-validated")) : result.results[position] {
            case .accepted(let entry, let rate, let with):
                value.append("vsize", .integer(entry.size))
                value.append(
                    "fees",
                    [
                        "base": .amount(entry.fee), "effective-feerate": .rate(rate),
                        "effective-includes": .array(with.map { .string(package[$0].witnessID.reversed.hex) }),
                    ])
            case .alreadyKnown(let entry):
                if entry.witnessID != transaction.witnessID {
                    value.append("other-wtxid", .string(entry.witnessID.reversed.hex))
                } else {
                    value.append("vsize", .integer(entry.size))
                    value.append("fees", ["base": .amount(entry.fee)])
                }
            case .refused(let refusal): value.append("error", .string(refusal.description))
            }
            results.append(transaction.witnessID.reversed.hex, value)
        }
        return [
            "package_msg": .string(result.refusal?.description ?? "success"), "tx-results": results,
            "replaced-transactions": .array(result.replaced.map { .text($0) }),
        ]
    }

    private static func describe(_ script: Script) -> RPCValue {
        let form = ScriptForm(script)
        var value: RPCValue = ["asm": .string(ScriptText.describe(script)), "desc": .string(OutputDescriptor.infer(script))]
        value.append("address", Address(script: script, network: .regtest).map { .text($0) })
        value.append("type", .string(form.rawValue))
        let wraps: [ScriptForm] = [
            .multiSignature, .nonStandard, .publicKey, .publicKeyHash, .witnessV0KeyHash, .witnessV0ScriptHash,
        ]
        guard wraps.contains(form), script.canBeWrapped else { return value }
        func p2sh(_ inner: Script) -> RPCValue? {
            let outer = Script([.op(.hash160), .push(Hash.hash160(inner.bytes)), .op(.equal)])
            return Address(script: outer, network: .regtest).map { .text($0) }
        }
        value.append("p2sh", p2sh(script))
        var segwit: Script?
        switch form {
        case .publicKey:
            let key = Array(script.bytes[1..<script.bytes.count - 1])
            if key.count == 33 { segwit = Script([0, 20] + Hash.hash160(key)) }
        case .publicKeyHash: segwit = Script([0, 20] + script.bytes[3..<23])
        case .multiSignature:
            let keys = ScriptForm.multiSignature(script)!.keys
            if keys.allSatisfy({ $0.count == 33 }) { segwit = .p2wsh(script) }
        case .nonStandard: segwit = .p2wsh(script)
        default: break
        }
        if let segwit {
            var inner = segwit.rpcValue(descriptor: OutputDescriptor.inferWrapped(script))
            inner.append("p2sh-segwit", p2sh(segwit))
            value.append("segwit", inner)
        }
        return value
    }
}
