import LightningAPI
import LightningWire

// The calls about tokens.
extension ControlAPI {
    /// `nil` for a method that is none of these.
    func callTokens(_ method: String, _ p: JSONValue) throws -> JSONValue? {
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
            let id = try p.words("id") ?? ""
            try tokens.revoke(id)
            return ["id": .string(id)]
        default: return tokens.shown
        }
    }
}
