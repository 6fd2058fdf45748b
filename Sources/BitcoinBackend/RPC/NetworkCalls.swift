import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives

extension RPCMethod {
    /// The version of Bitcoin Core whose face this is.
    static let version = 300_000
    static let subversion = "/Satoshi:30.0.0(swift-lightning)/"

    static let network: [RPCMethod] = [
        RPCMethod("getnetworkinfo", "network", "The state of the peer-to-peer network, of which there is none.") { _, context in
            await context.chain.read { ledger, _ in
                [
                    "version": .integer(version), "subversion": .string(subversion), "protocolversion": 70016,
                    "localservices": "0000000000000009", "localservicesnames": ["NETWORK", "WITNESS"],
                    "localrelay": true, "timeoffset": 0, "networkactive": true, "connections": 0, "connections_in": 0,
                    "connections_out": 0, "networks": [], "relayfee": .rate(ledger.policy.minimumRelayFeeRate),
                    "incrementalfee": .rate(ledger.policy.incrementalRelayFeeRate), "localaddresses": [], "warnings": [],
                ]
            }
        },
        RPCMethod("getpeerinfo", "network", "The peers; this chain has none.") { _, _ in [] },
        RPCMethod(
            "addnode", ["node", "command", "v2transport"], required: 2, "network",
            "Notes a peer; this chain has none, and connects to nobody."
        ) {
            arguments, _ in
            let command = try arguments.string(1)
            guard ["add", "remove", "onetry"].contains(command) else {
                throw RPCFailure.misc("addnode \"node\" \"command\" ( v2transport )\n\nThe command is add, remove or onetry.\n")
            }
            guard command != "remove" else {
                throw RPCFailure(code: -24, message: "Error: Node could not be removed. It has not been added previously.")
            }
            return .null
        },
        RPCMethod("getconnectioncount", "network", "The number of peers.") { _, _ in 0 },
        RPCMethod("getnettotals", "network", "What went over the peer-to-peer network.") { _, context in
            [
                "totalbytesrecv": 0, "totalbytessent": 0,
                "timemillis": .integer(Int64(await context.chain.now) * 1000),
            ]
        },
        RPCMethod("getzmqnotifications", "zmq", "The notifications; there are none.") { _, _ in [] },
        RPCMethod("getindexinfo", ["index_name"], "util", "The indexes; both are always there.") {
            arguments, context in
            let wanted = try arguments.optionalString(0)
            let state: RPCValue = ["synced": true, "best_block_height": .height(await context.chain.tip().height)]
            var value: RPCValue = [:]
            for name in ["txindex", "basic block filter index"] where wanted == nil || wanted == name { value.append(name, state) }
            return value
        },
        RPCMethod("validateaddress", ["address"], required: 1, "util", "Whether a text is an address, and of what.") {
            arguments, _ in
            let text = try arguments.string(0)
            guard let address = Address(text, network: .regtest) else {
                return ["isvalid": false, "error_locations": [], "error": "Invalid or unsupported Segwit (Bech32) or Base58 encoding."]
            }
            let script = address.script
            var value: RPCValue = [
                "isvalid": true, "address": .text(Address(script: script, network: .regtest) ?? address),
                "scriptPubKey": .text(script),
            ]
            let program = script.witnessProgram
            let form = ScriptForm(script)
            let isScript: [ScriptForm] = [.scriptHash, .witnessV0ScriptHash, .witnessV1Taproot, .anchor]
            if form != .witnessUnknown { value.append("isscript", .bool(isScript.contains(form))) }
            value.append("iswitness", .bool(program != nil))
            if let program, form != .anchor {
                value.append("witness_version", .integer(program.version))
                value.append("witness_program", .string(Hex.encode(Array(program.program))))
            }
            return value
        },
        RPCMethod("getdescriptorinfo", ["descriptor"], required: 1, "util", "A descriptor with its checksum.") { arguments, _ in
            let text = try arguments.string(0)
            _ = try OutputDescriptor.parse(text)
            let body = String(text.prefix { $0 != "#" })
            return [
                "descriptor": .string(OutputDescriptor.withChecksum(body)),
                "checksum": .string(OutputDescriptor.checksum(body) ?? ""), "isrange": false, "issolvable": true,
                "hasprivatekeys": false,
            ]
        },
    ]

    static let control: [RPCMethod] = [
        RPCMethod("uptime", "control", "Seconds since the start.") { _, context in
            .integer(Int64(await context.chain.now) - Int64(context.started))
        },
        RPCMethod("echo", (0..<10).map { "arg\($0)" }, "hidden", "Gives back what it gets.") { arguments, _ in
            .array(arguments.values)
        },
        RPCMethod("getrpcinfo", "control", "What the server is doing.") { _, _ in ["active_commands": [], "logpath": ""] },
        RPCMethod("help", ["command"], "control", "All calls, or one.") { arguments, _ in
            if let name = try arguments.optionalString(0) {
                guard let method = byName[name] else { return .string("help: unknown command: \(name)") }
                return .string("\(method.usage)\n\n\(method.summary)\n")
            }
            var text = ""
            let shown = all.filter { $0.category != "hidden" }
            for category in Set(shown.map(\.category)).sorted() {
                text += "== \(category.prefix(1).uppercased() + category.dropFirst()) ==\n"
                for method in shown where method.category == category { text += method.usage + "\n" }
                text += "\n"
            }
            return .string(text)
        },
        RPCMethod("stop", ["wait"], "control", "Ends the server.") { _, context in
            guard let stop = context.stop else {
                throw RPCFailure.misc("This layer 1 ends with the program it belongs to.")
            }
            stop()
            return "swift-lightning stopping"
        },
    ]
}
