import ArgumentParser
import BitcoinPrimitives
import LightningAPI
import LightningRuntime

/// What a transaction is to pay.
struct FeeOptions: ParsableArguments {
    @Option(
        name: .customLong("fee-rate"),
        help: ArgumentHelp("What it pays, in sat for each virtual byte, e.g. 2.5.", valueName: "sat/vB"),
        transform: FeeOptions.perKiloweight)
    var feeRate: Int64?
    @Option(help: ArgumentHelp("Within how many blocks it should be mined, as layer 1 thinks: 1 to 1008.", valueName: "blocks"))
    var confTarget: Int64?

    /// Satoshi for a thousand units of weight: 250 for each satoshi per virtual byte.
    private static func perKiloweight(_ text: String) throws -> Int64 {
        guard let rate = Double(text), rate.isFinite, (1...20_000).contains(rate) else {
            throw ValidationError("a fee rate is a number of sat for each virtual byte, 1 to 20000: 2.5")
        }
        // 253 is what rounds to one satoshi for each virtual byte.
        return max(253, Int64((rate * 250).rounded(.up)))
    }

    @Flag(help: "Take a --fee-rate that is far more than the next block takes now.") var allowHighFee = false

    func validate() throws {
        if let confTarget, !(1...1008).contains(confTarget) { throw ValidationError("--conf-target takes 1 to 1008 blocks") }
        if feeRate != nil, confTarget != nil { throw ValidationError("say --fee-rate or --conf-target, not both") }
    }

    /// With the parameters of a call.
    func added(to parameters: JSONValue) -> JSONValue {
        guard case .object(var fields) = parameters else { return parameters }
        if let feeRate { fields["fee_rate_sat_kw"] = .integer(feeRate) }
        if allowHighFee { fields["allow_high_fee"] = true }
        if let confTarget { fields["conf_target"] = .integer(confTarget) }
        return .object(fields)
    }

    /// For people: a rate of the node.
    static func perVirtualByte(_ perKiloweight: UInt64) -> String { FeeRate(perKiloweight: UInt32(clamping: perKiloweight)).perVirtualByte }

    /// For people: a fee that is known.
    static func fee(_ value: JSONValue) -> String { value["fee_sat"].int.map { ", fee \(Format.sat(UInt64(max(0, $0))))" } ?? "" }
}
