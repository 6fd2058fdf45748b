import BitcoinPrimitives
import CryptoPrimitives
package import LightningAPI
import LightningWire

/// With what somebody else may call a node, and what that allows. The token itself is not kept, only its hash.
package struct Token: Sendable {
    /// By which it is known: it tells nothing of the token.
    package let id: String
    let name: String
    package let permissions: Set<Permission>
    /// The SHA-256 of the token, in hex.
    let hash: String
    let createdAt: Timestamp
    var limit: SpendingLimit?

    /// Whether it allows calls that need a permission.
    package func allows(_ permission: Permission) -> Bool { permissions.contains(.admin) || permissions.contains(permission) }

    /// As a call lists it.
    func shown(at now: Timestamp) -> JSONValue {
        [
            "id": .string(id), "name": .string(name), "permissions": .array(names), "created_at": .time(createdAt),
            "limit_msat": limit.map { .amount($0.amount.value) } ?? .null,
            "limit_period_s": limit?.period.map { .amount($0) } ?? .null,
            "spent_msat": .amount(limit?.spent(at: now.seconds).value ?? 0),
        ]
    }

    private var names: [JSONValue] { permissions.map(\.rawValue).sorted().map { .string($0) } }

    /// Its record.
    var json: JSONValue {
        [
            "id": .string(id), "name": .string(name), "permissions": .array(names), "hash": .string(hash),
            "created_at": .amount(createdAt.seconds), "limit": limit?.json ?? .null,
        ]
    }

    init(id: String, name: String, permissions: Set<Permission>, hash: String, createdAt: Timestamp, limit: SpendingLimit?) {
        self.id = id
        self.name = name
        self.permissions = permissions
        self.hash = hash
        self.createdAt = createdAt
        self.limit = limit
    }

    init?(_ json: JSONValue, at now: Timestamp) {
        let permissions = json["permissions"].list.map { $0.text.flatMap(Permission.init(rawValue:)) }
        guard let id = json["id"].text, let name = json["name"].text, let hash = json["hash"].text, TextForm.hex(bytes: 32).matches(hash),
            let created = json["created_at"].int, created >= 0, permissions.allSatisfy({ $0 != nil })
        else { return nil }
        var limit: SpendingLimit?
        if json["limit"] != .null {
            // A limit that cannot be read must not become none.
            guard let read = SpendingLimit(json["limit"], at: now.seconds) else { return nil }
            limit = read
        }
        self.init(
            id: id, name: name, permissions: Set(permissions.compactMap { $0 }), hash: hash,
            createdAt: Timestamp(seconds: UInt64(created)), limit: limit)
    }
}
