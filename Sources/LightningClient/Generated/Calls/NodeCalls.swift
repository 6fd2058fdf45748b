public import LightningAPI

// The node. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// Says that somebody is there.
    ///
    /// Any token will do.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func ping() async throws(CallFailure) {
        let _: Bool = try await ask("ping", [:])
    }

    /// Who this node is, and how it stands.
    ///
    /// A token needs the permission `read`.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func getinfo() async throws(CallFailure) -> NodeInfo {
        try await ask("getinfo", [:])
    }

    /// What there is, on chain and in channels, and what of it can be spent.
    ///
    /// A token needs the permission `read`.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func balance() async throws(CallFailure) -> Balance {
        try await ask("balance", [:])
    }

    /// What happened since a number, and what happens next.
    ///
    /// A feed begins anew with each start of the node. Where `missed` is true something happened that is not in the
    /// answer. What lasts is also in `listevents`, which the database has.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameters:
    ///   - from: The `next` of the answer before; left out, only what happens from now on.
    ///   - feed: The `feed` of the answer before.
    ///   - waitMs: How long to wait where nothing has happened. Thousandths of a second.
    ///   - limit: How many at the most; 100 where nothing is said.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func events(from: Int64? = nil, feed: String? = nil, waitMs: Int64? = nil, limit: Int64? = nil) async throws(CallFailure)
        -> EventsAnswer
    {
        try await ask(
            "events",
            [
                "from": from.map { json($0) }, "feed": feed.map { json($0) }, "wait_ms": waitMs.map { json($0) },
                "limit": limit.map { json($0) },
            ])
    }

    /// What happened, out of the database, and what happens next; the last 100,000 events are kept.
    ///
    /// For programs that must miss nothing, whoever restarts: keep `next`, and ask with it the next time. Payments,
    /// invoices and channels are told as they are now. The payments of a stream to this node are not here, nor what
    /// lasts only while it happens: see `events`.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameters:
    ///   - from: The `next` of the answer before; left out, the oldest that is kept.
    ///   - waitMs: How long to wait where nothing has happened. Thousandths of a second.
    ///   - limit: How many at the most; 100 where nothing is said.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func listevents(from: Int64? = nil, waitMs: Int64? = nil, limit: Int64? = nil) async throws(CallFailure) -> ListeventsAnswer {
        try await ask("listevents", ["from": from.map { json($0) }, "wait_ms": waitMs.map { json($0) }, "limit": limit.map { json($0) }])
    }

    /// What happened to channels and to money at risk, the last first; the last 10,000 entries are kept.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameters:
    ///   - limit: How many at the most; 100 where nothing is said.
    ///   - before: Go on where the page before ended: its `next`. Where a list goes on.
    ///   - alerts: Only where money was at risk.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func log(limit: Int64? = nil, before: String? = nil, alerts: Bool? = nil) async throws(CallFailure) -> LogAnswer {
        try await ask("log", ["limit": limit.map { json($0) }, "before": before.map { json($0) }, "alerts": alerts.map { json($0) }])
    }

    /// Connects to a node.
    ///
    /// A token needs the permission `admin`.
    ///
    /// - Parameter address: Of which node. A node's id, and where it is: <id>@<host>:<port>.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    @discardableResult
    public func connect(address: String) async throws(CallFailure) -> ConnectAnswer {
        try await ask("connect", ["address": json(address)])
    }

    /// Ends the connection to a node.
    ///
    /// A token needs the permission `admin`.
    ///
    /// - Parameter id: Which. A node's id, its alias, or a unique beginning of either.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func disconnect(id: String) async throws(CallFailure) -> DisconnectAnswer {
        try await ask("disconnect", ["id": json(id)])
    }

    /// The nodes that this one is connected to.
    ///
    /// A token needs the permission `read`.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func listpeers() async throws(CallFailure) -> [Peer] {
        try await ask("listpeers", [:])
    }

    /// Opens a wallet whose words are sealed.
    ///
    /// A token needs the permission `admin`.
    ///
    /// - Parameter passphrase: Of the wallet.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    public func unlock(passphrase: String) async throws(CallFailure) {
        let _: Bool = try await ask("unlock", ["passphrase": json(passphrase)])
    }

    /// Stops the node.
    ///
    /// A token needs the permission `admin`.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `refused`.
    public func stop() async throws(CallFailure) {
        let _: Bool = try await ask("stop", [:])
    }
}
