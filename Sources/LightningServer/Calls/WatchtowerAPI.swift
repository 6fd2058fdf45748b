import CryptoPrimitives
import LightningAPI
import LightningChannel
import LightningCore
import LightningRuntime
import LightningWire

// What the control socket offers of watchtowers.
extension ControlAPI {
    /// `nil` for a method that is none of these.
    func callWatchtower(_ method: String, _ p: JSONValue) async throws -> JSONValue? {
        switch method {
        case "addwatchtower":
            let address: NodeAddress
            do { address = try NodeAddress(parsing: try p.words("address") ?? "") } catch let failure as NodeAddress.Refusal {
                throw CallFailure(.usage, failure.description)
            }
            try await node.addWatchtower(address)
            return ["id": .string(address.nodeID.hex)]
        case "removewatchtower":
            let text = try p.words("id") ?? ""
            let matches = try await node.watchtowers().map(\.tower.nodeID).filter { !text.isEmpty && $0.hex.hasPrefix(text.lowercased()) }
            let tower = try CallFailure.one(
                of: matches, none: "there is no watchtower \(text). See: lnw watchtower list",
                several: "\(text) fits several: say more of it")
            try await node.removeWatchtower(tower)
            return ["id": .string(tower.hex)]
        case "listwatchtowers":
            let service = try await node.watchtowerTotals()
            let watched = try await node.watchedChannels()
            return [
                "watchtowers": .array(
                    try await node.watchtowers().map { tower, isConnected in
                        [
                            "id": .string(tower.nodeID.hex), "connected": .bool(isConnected), "since_block": .height(tower.since),
                            "kits_made": .amount(tower.made), "kits_stored": .amount(tower.stored), "kits_waiting": .amount(tower.waiting),
                            "kits_lost": .amount(tower.lost),
                            "refusal": tower.refusal.map { .string($0) } ?? .null,
                            "channels": .array(
                                watched.map { channel, revoked in
                                    [
                                        "channel_id": .string(channel.id.hex),
                                        "short_channel_id": channel.shortChannelID.map { .string($0.description) } ?? .null,
                                        "revoked_states": .amount(revoked),
                                        "complete": .bool(
                                            tower.covers(channelFundedAt: channel.fundingHeight, isConnected: isConnected)),
                                    ]
                                }),
                        ]
                    }),
                "service": [
                    "serves": .bool(service.serves),
                    "clients": .integer(Int64(service.clients)), "kits": .amount(service.kits),
                    "breaches": .integer(Int64(service.breaches)),
                ],
            ]
        default: return nil
        }
    }
}
