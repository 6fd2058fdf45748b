public import LightningAPI

// Watchtowers. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// Gives a watchtower what it needs to punish a breach.
    ///
    /// A token needs the permission `admin`.
    ///
    /// - Parameter address: Of the tower. <id>@<host>:<port>.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func addwatchtower(address: String) async throws(CallFailure) -> AddwatchtowerAnswer {
        try await ask("addwatchtower", ["address": json(address)])
    }

    /// Gives a watchtower nothing any more.
    ///
    /// A token needs the permission `admin`.
    ///
    /// - Parameter id: Which. A tower's id, or a unique beginning of it.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func removewatchtower(id: String) async throws(CallFailure) -> RemovewatchtowerAnswer {
        try await ask("removewatchtower", ["id": json(id)])
    }

    /// The watchtowers, what they have, and what this node keeps for others.
    ///
    /// A token needs the permission `read`.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func listwatchtowers() async throws(CallFailure) -> ListwatchtowersAnswer {
        try await ask("listwatchtowers", [:])
    }
}
