import BitcoinPrimitives
import LightningAPI
import LightningRuntime
import LightningWire

// The calls about tokens.
extension ControlAPI {
    /// `nil` for a method that is none of these.
    func callTokens(_ method: String, _ p: JSONValue) throws -> JSONValue? {
        if method == "whoami" { return try whoAmI() }
        guard ["createtoken", "listtokens", "revoketoken"].contains(method) else { return nil }
        guard let tokens else { throw CallFailure(.refused, "this node keeps no tokens") }
        switch method {
        case "createtoken":
            let permissions = p["permissions"].list.compactMap { $0.text.flatMap(Permission.init(rawValue:)) }
            let period = try p.whole("limit_period_s").map { UInt64($0) }
            let limit = try p.msat("limit_msat").map { (amount: $0, period: period) }
            guard limit != nil || period == nil else { throw CallFailure(.usage, "a period is of a limit: say limit_msat as well") }
            let (secret, id) = try tokens.create(name: try p.words("name") ?? "", permissions: Set(permissions), limit: limit)
            return ["token": .string(secret), "id": .string(id)]
        case "revoketoken":
            let id = try tokens.revoke(try p.words("id") ?? "")
            // Whoever follows the events with it is told nothing more.
            feed.nudge()
            return ["id": .string(id)]
        default: return tokens.shown
        }
    }

    private func whoAmI() throws -> JSONValue {
        let known = ["name", "permissions", "limit_msat", "limit_period_s", "spent_msat"]
        switch caller {
        case .owner:
            return [
                "name": "owner", "permissions": .array(Permission.allCases.map { .string($0.rawValue) }), "limit_msat": nil,
                "limit_period_s": nil, "spent_msat": 0,
            ]
        case .token(let token):
            // As it stands now, with what was paid since.
            let shown = tokens?.shown.list.first { $0["id"].text == token.id } ?? token.shown(at: .now)
            return .object(Dictionary(known.map { ($0, shown[$0]) }, uniquingKeysWith: { $1 }))
        }
    }
}
