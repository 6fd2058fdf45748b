public import LightningAPI

// Backups. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// The backup of the channels as it is now: sealed, of use with the words only.
    ///
    /// A token needs the permission `admin`.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    @discardableResult
    public func backup() async throws(CallFailure) -> BackupAnswer {
        try await ask("backup", [:])
    }

    /// What is in a backup of this wallet.
    ///
    /// A token needs the permission `admin`.
    ///
    /// - Parameter backup: The backup. Bytes in hex.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func readbackup(backup: String) async throws(CallFailure) -> ReadbackupAnswer {
        try await ask("readbackup", ["backup": json(backup)])
    }

    /// Recovers the channels of a backup: their peers are asked to close them.
    ///
    /// A token needs the permission `admin`.
    ///
    /// - Parameter backup: The backup. Bytes in hex.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func restorechannels(backup: String) async throws(CallFailure) -> RestorechannelsAnswer {
        try await ask("restorechannels", ["backup": json(backup)])
    }

    /// Copies the database while the node runs, to a file of the node's machine.
    ///
    /// A token needs the permission `admin`.
    ///
    /// - Parameter path: To which file. A file, from the root on.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func backupdatabase(path: String) async throws(CallFailure) -> BackupdatabaseAnswer {
        try await ask("backupdatabase", ["path": json(path)])
    }
}
