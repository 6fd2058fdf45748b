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
            value.append("confirmations", .integer(known.isActive ? ledger.height - known.height + 1 : 0))
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
