internal import Foundation
internal import GRDB
package import LightningRecords

/// A node's records in one SQLite database: a table for each kind, one transaction for each batch.
///
/// `synchronous=FULL` in WAL mode: what `commit` returned for survives the loss of power. The database is locked for as
/// long as it is open, so that no second daemon can use the wallet.
package final class SQLiteStore: Sendable {
    private let queue: DatabaseQueue

    /// The layout of the tables; records carry versions of their own.
    package static let version = 9
    /// "LNW1", in the file's header.
    static let applicationID = 0x4c4e_5731

    /// Opens the database, or makes it.
    ///
    /// - Throws: `StoreFailure`; nothing is changed.
    package convenience init(path: String) throws(StoreFailure) { try self.init(path: path, wholeCheck: Self.wholeCheck) }

    /// - Parameter wholeCheck: bytes up to which all of the database is checked.
    package init(path: String, wholeCheck: Int) throws(StoreFailure) {
        var configuration = Configuration()
        configuration.busyMode = .immediateError
        configuration.prepareDatabase { database in
            // Exclusive before WAL: the lock is then kept in the process, without a shared-memory file.
            try database.execute(sql: "PRAGMA locking_mode = EXCLUSIVE")
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.writeWithoutTransaction { database in try Self.prepare(database, wholeCheck) }
        } catch {
            throw Self.failure(error, otherwise: StoreFailure.unwritable)
        }
    }

    /// What an error means for whoever uses the store.
    ///
    /// - Parameter other: what it is where SQLite does not say.
    private static func failure(_ error: any Error, otherwise other: (String) -> StoreFailure) -> StoreFailure {
        if let failure = error as? StoreFailure { return failure }
        guard let error = error as? DatabaseError else { return other(error.localizedDescription) }
        return switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED: .unwritable("another process uses the wallet. Stop it first: lnw stop")
        case .SQLITE_NOTADB, .SQLITE_CORRUPT: .damaged(error.message ?? "not a database")
        case .SQLITE_FULL: .unwritable("the disk is full. Free some space and start again; nothing was lost")
        case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM:
            .unwritable("its directory or file cannot be written. Check the permissions")
        default: .unwritable(error.message ?? "SQLite error \(error.resultCode.rawValue)")
        }
    }

    private static func prepare(_ database: Database, _ wholeCheck: Int) throws {
        let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        let application = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        let isEmpty = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") == 0
        if isEmpty {
            try database.inTransaction(.exclusive) {
                try createTables(database)
                try database.execute(sql: "PRAGMA application_id = \(applicationID)")
                try database.execute(sql: "PRAGMA user_version = \(version)")
                return .commit
            }
            return
        }
        guard application == applicationID else { throw StoreFailure.foreign("program") }
        guard (1...version).contains(found) else { throw StoreFailure.version(found: found, expected: version) }
        try check(database, whole: wholeCheck)
        // Takes the lock now, not at the first write.
        try database.inTransaction(.exclusive) {
            if found < version {
                // Each version added tables; records have versions of their own.
                try createTables(database)
                try database.execute(sql: "PRAGMA user_version = \(version)")
            }
            return .commit
        }
    }

    /// Bytes up to which all of a database is checked at each start.
    private static let wholeCheck = 64 << 20

    /// Looks for damage. Of a database that has grown large, the tables that the node acts on are checked, as it reads them whole anyway, and
    /// not the history: a damaged page of that is found when it is asked for. What only the whole check finds, a page that is listed as free
    /// and is not, is not found then.
    private static func check(_ database: Database, whole: Int) throws {
        func check(_ argument: String) throws {
            let answer = try String.fetchOne(database, sql: "PRAGMA quick_check(\(argument))") ?? "no answer"
            guard answer == "ok" else { throw StoreFailure.damaged(answer) }
        }
        let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
        let size = try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 0
        guard pages.multipliedReportingOverflow(by: size).partialValue > whole else { return try check("1") }
        for table in StoreTable.allCases where table.isLoadedAtStart {
            guard try database.tableExists(table.rawValue) else { continue }
            try check(table.rawValue)
        }
    }

    /// A row's key and record. What is not a blob was not written by us.
    private static func entry(_ row: Row) throws -> StoreEntry {
        guard let key = Data.fromDatabaseValue(row[0]), let record = Data.fromDatabaseValue(row[1]) else {
            throw StoreFailure.damaged("a row that is no record")
        }
        return StoreEntry(key: [UInt8](key), record: [UInt8](record))
    }

    private static func createTables(_ database: Database) throws {
        for table in StoreTable.allCases {
            // Without a rowid, a row of more than a quarter of a page takes a page of its own.
            let layout = Self.hasLongRecords(table) ? "" : " WITHOUT ROWID"
            try database.execute(
                sql: "CREATE TABLE IF NOT EXISTS \(table.rawValue) (key BLOB PRIMARY KEY, record BLOB NOT NULL)\(layout)")
        }
        try database.execute(sql: "CREATE TABLE IF NOT EXISTS batches (number INTEGER NOT NULL)")
        try database.execute(sql: "INSERT INTO batches (number) SELECT 0 WHERE NOT EXISTS (SELECT * FROM batches)")
    }

    /// Whether a million records of a table are more than a kilobyte each.
    private static func hasLongRecords(_ table: StoreTable) -> Bool {
        table == .paymentHistory || table == .invoiceHistory || table == .channelHistory
    }

    /// Reads everything that a node needs when it starts.
    package func load() throws(StoreFailure) -> StoreContents {
        do {
            return try queue.read { database in
                var contents = StoreContents()
                for table in StoreTable.allCases where table.isLoadedAtStart {
                    let rows = try Row.fetchCursor(database, sql: "SELECT key, record FROM \(table.rawValue)")
                    while let row = try rows.next() {
                        let entry = try Self.entry(row)
                        contents.tables[table, default: [:]][entry.key] = entry.record
                    }
                }
                return contents
            }
        } catch {
            throw Self.failure(error, otherwise: StoreFailure.damaged)
        }
    }

    /// What a query asks for.
    package func entries(_ query: StoreQuery) throws(StoreFailure) -> [StoreEntry] {
        let (from, to) = query.range
        do {
            return try queue.read { database in
                let rows = try Row.fetchCursor(
                    database,
                    sql: "SELECT key, record FROM \(query.table.rawValue) WHERE key >= ? AND key < ? "
                        + "ORDER BY key \(query.isBackwards ? "DESC" : "ASC") LIMIT ?",
                    arguments: [Data(from), Data(to), query.limit])
                var entries: [StoreEntry] = []
                while let row = try rows.next() { entries.append(try Self.entry(row)) }
                return entries
            }
        } catch {
            throw Self.failure(error, otherwise: StoreFailure.damaged)
        }
    }

    /// A page of a history, the newest record first, each with the key of its position.
    ///
    /// - Parameter bound: the key of a position; what comes before it is wanted.
    package func page(_ history: StoreHistory, before bound: [UInt8]?, limit: Int) throws(StoreFailure) -> StorePage {
        let places = try entries(StoreQuery(table: history.order ?? history.records, before: bound, limit: limit))
        var page = StorePage(places, limit: limit)
        guard history.order != nil else { return page }
        page.entries = []
        for place in places {
            let found = try entries(.record(history.records, key: Array(place.key.dropFirst(8))))
            if let record = found.first?.record { page.entries.append(StoreEntry(key: place.key, record: record)) }
        }
        return page
    }

    /// How many batches have been committed: counted in the transaction of each, so that of two copies of a store the newer one is known.
    package func batchNumber() throws(StoreFailure) -> UInt64 {
        do {
            let number = try queue.read { try Int64.fetchOne($0, sql: "SELECT number FROM batches") } ?? 0
            guard let number = UInt64(exactly: number) else { throw StoreFailure.damaged("number of a batch") }
            return number
        } catch {
            throw Self.failure(error, otherwise: StoreFailure.damaged)
        }
    }

    /// Commits all writes in one transaction, with the number of the batch, or none.
    package func commit(_ writes: [StoreWrite]) throws(StoreFailure) {
        guard !writes.isEmpty else { return }
        do {
            try queue.write { database in
                try database.cachedStatement(sql: "UPDATE batches SET number = number + 1").execute()
                for write in writes {
                    switch write {
                    case .put(let table, let key, let record):
                        let statement = try database.cachedStatement(
                            sql: "INSERT INTO \(table.rawValue) (key, record) VALUES (?, ?) "
                                + "ON CONFLICT (key) DO UPDATE SET record = excluded.record")
                        try statement.execute(arguments: [Data(key), Data(record)])
                    case .deleteAll(let table, let prefix):
                        let statement = try database.cachedStatement(
                            sql: "DELETE FROM \(table.rawValue) WHERE key >= ? AND key < ?")
                        let (from, to) = StoreQuery(table: table, prefix: prefix).range
                        try statement.execute(arguments: [Data(from), Data(to)])
                    case .delete(let table, let key):
                        let statement = try database.cachedStatement(sql: "DELETE FROM \(table.rawValue) WHERE key = ?")
                        try statement.execute(arguments: [Data(key)])
                    }
                }
            }
        } catch {
            throw Self.failure(error, otherwise: StoreFailure.unwritable)
        }
    }

    /// Writes a copy of the store as it is now, while it is in use: a database of its own, in one file.
    ///
    /// Money at risk: it is an old copy as soon as a channel goes on. A node that starts from it publishes nothing before its peers have shown
    /// that it is the newest, and may find that it is not.
    ///
    /// - Throws: where there is a file already, or it cannot be written; then there is none.
    package func copy(to path: String) throws(StoreFailure) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            throw .unwritable(errno == EEXIST ? "there is a file at \(path) already" : "\(path): \(String(cString: strerror(errno)))")
        }
        let handle = FileHandle(fileDescriptor: file, closeOnDealloc: true)
        do {
            try queue.writeWithoutTransaction { try $0.execute(sql: "VACUUM INTO ?", arguments: [path]) }
            try handle.synchronize()
        } catch {
            unlink(path)
            throw Self.failure(error, otherwise: StoreFailure.unwritable)
        }
    }

    /// Opens a store's replica, which is to receive each of its batches; made, or made anew, where it holds fewer.
    ///
    /// - Throws: `.older` where the replica holds more: then the store itself is an old copy.
    package func replica(at path: String) throws(StoreFailure) -> SQLiteStore {
        if access(path, F_OK) == 0 {
            let replica = try SQLiteStore(path: path)
            // Where a node keeps whose the database is: 33 bytes after a version and a number.
            let owners = try [self, replica].map { store throws(StoreFailure) in
                try store.entries(.record(.meta, key: StoreTable.key("node"))).first.map { Array($0.record.dropFirst(9).prefix(33)) }
            }
            guard owners[0] == owners[1] || owners[1] == nil else {
                replica.close()
                throw .unwritable("\(path) is the database of another wallet, and no replica of this one: it stays as it is")
            }
            let (own, its) = (try batchNumber(), try replica.batchNumber())
            guard its <= own else { throw .older(batches: own, replica: its) }
            if its == own, try replica.load() == load() { return replica }
            replica.close()
            // What is there is a replica of an earlier time: it stays until the new one is whole.
            for end in ["", "-wal"] { unlink(path + end + ".old") }
            guard rename(path, path + ".old") == 0 else { throw .unwritable("\(path): \(String(cString: strerror(errno)))") }
        }
        try copy(to: path)
        unlink(path + ".old")
        return try SQLiteStore(path: path)
    }

    /// The value of SQLite's `synchronous` setting: 2 is FULL.
    package func synchronousSetting() throws -> Int {
        try queue.read { try Int.fetchOne($0, sql: "PRAGMA synchronous") ?? -1 }
    }

    package func close() { try? queue.close() }
}
