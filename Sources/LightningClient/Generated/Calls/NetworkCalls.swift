public import LightningAPI

// The network. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// The public network as this node knows it.
    ///
    /// A token needs the permission `read`.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func graph() async throws(CallFailure) -> GraphAnswer {
        try await ask("graph", [:])
    }

    /// What payments have taught of the liquidity of channels, for another node.
    ///
    /// A token needs the permission `read`.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func exportestimates() async throws(CallFailure) -> ExportestimatesAnswer {
        try await ask("exportestimates", [:])
    }

    /// Takes what another node has learned; what is newer wins.
    ///
    /// A token needs the permission `admin`.
    ///
    /// - Parameter estimates: Lines of text.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    public func importestimates(estimates: String) async throws(CallFailure) {
        let _: Bool = try await ask("importestimates", ["estimates": json(estimates)])
    }
}
