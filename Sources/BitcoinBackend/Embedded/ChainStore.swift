import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
internal import Foundation
internal import GRDB
import Synchronization

/// The embedded layer 1 on disk: headers, blocks with their undo data, unspent outputs, transactions' places, who was
/// paid and what spent it, and the mempool.
///
/// What a block changes is one commit, before anyone hears of it; so a killed process loses nothing it has told.
final class ChainStore: LedgerStorage {
    private let queue: DatabaseQueue
    /// Set by the first read that failed; what was read since is not to be trusted.
    private let readFailure = Mutex<ChainFailure?>(nil)
    static let version = 3

    init(path: String) throws(ChainFailure) {
        var configuration = Configuration()
        configuration.busyMode = .immediateError
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA locking_mode = EXCLUSIVE")
            try database.execute(sql: "PRAGMA journal_mode = WAL")
            try database.execute(sql: "PRAGMA synchronous = FULL")
            try database.execute(sql: "PRAGMA cache_size = -65536")
        }
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.write { database in
                let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
                guard (0...Self.version).contains(found) else {
                    throw ChainFailure.store("it has version \(found), this program reads up to \(Self.version)")
                }
                if found == 1, try !database.tableExists("blocks1") {
                    // Version 1 had nothing but blocks in the order in which they came; `needsRebuild` tells.
                    try database.execute(sql: "ALTER TABLE blocks RENAME TO blocks1; ALTER TABLE mempool RENAME TO mempool1")
                }
                try database.execute(
                    sql: """
                        CREATE TABLE IF NOT EXISTS headers (
                            sequence INTEGER PRIMARY KEY, header BLOB NOT NULL, height INTEGER NOT NULL,
                            transactions INTEGER NOT NULL, invalid INTEGER NOT NULL, hash BLOB NOT NULL UNIQUE);
                        CREATE TABLE IF NOT EXISTS bodies (hash BLOB NOT NULL UNIQUE, body BLOB NOT NULL, undo BLOB);
                        CREATE TABLE IF NOT EXISTS coins (outpoint BLOB PRIMARY KEY, coin BLOB NOT NULL) WITHOUT ROWID;
                        CREATE TABLE IF NOT EXISTS locations (
                            id BLOB PRIMARY KEY, block BLOB NOT NULL, position INTEGER NOT NULL) WITHOUT ROWID;
                        CREATE TABLE IF NOT EXISTS spenders (
                            outpoint BLOB PRIMARY KEY, height INTEGER NOT NULL, position INTEGER NOT NULL) WITHOUT ROWID;
                        CREATE TABLE IF NOT EXISTS payments (
                            script BLOB NOT NULL, height INTEGER NOT NULL, position INTEGER NOT NULL,
                            PRIMARY KEY (script, height, position)) WITHOUT ROWID;
                        CREATE TABLE IF NOT EXISTS mempool (
                            id BLOB PRIMARY KEY, sequence INTEGER NOT NULL, time INTEGER NOT NULL, tx BLOB NOT NULL);
                        CREATE TABLE IF NOT EXISTS tip (one INTEGER PRIMARY KEY CHECK (one = 1), hash BLOB NOT NULL);
                        """)
                // An older version stays until its tables are computed anew; `needsRebuild` tells.
                if found == 0 { try database.execute(sql: "PRAGMA user_version = \(Self.version)") }
            }
            try queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
        } catch let error as DatabaseError {
            throw Self.failure(error)
        } catch let failure as ChainFailure {
            throw failure
        } catch {
            throw .store(error.localizedDescription)
        }
    }

    private static func failure(_ error: DatabaseError) -> ChainFailure {
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            .store("a running layer 1 uses it: stop that first (lnw local down, or Ctrl-C of lnw chain serve)")
        case .SQLITE_FULL: .store("the disk is full")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            .store("it is damaged (\(error.message ?? "")): lnw chain rebuild makes it anew from its blocks")
        default: .store(error.message ?? "SQLite error \(error.resultCode.rawValue)")
        }
    }

    private func write(_ body: (Database) throws -> Void) throws(ChainFailure) {
        do { try queue.write { try body($0) } } catch let error as DatabaseError {
            throw Self.failure(error)
        } catch { throw .store(error.localizedDescription) }
    }

    private func reading<T>(_ body: (Database) throws -> T) throws(ChainFailure) -> T {
        do { return try queue.unsafeRead { try body($0) } } catch let error as DatabaseError {
            throw Self.failure(error)
        } catch { throw .store(error.localizedDescription) }
    }

    /// A read for the ledger, which cannot throw: the failure is kept for `checkReads`.
    private func lookUp<T>(_ body: (Database) throws -> T?) -> T? {
        do { return try reading(body) } catch {
            readFailure.withLock { if $0 == nil { $0 = error } }
            return nil
        }
    }

    func forgetReadFailure() { readFailure.withLock { $0 = nil } }

    /// Throws if any read since opening has failed.
    func checkReads() throws(ChainFailure) {
        if let failure = readFailure.withLock({ $0 }) { throw failure }
    }

    // MARK: LedgerStorage

    func body(_ hash: BlockHash) -> Block? {
        lookUp { database in
            let sql = "SELECT body FROM bodies WHERE hash = ?"
            guard let data = try Data.fetchOne(database.cachedStatement(sql: sql), arguments: [Self.key(hash)]) else {
                return nil
            }
            return try Block([UInt8](data))
        }
    }

    func undo(_ hash: BlockHash) -> [UInt8]? {
        lookUp { database in
            let sql = "SELECT undo FROM bodies WHERE hash = ?"
            return try Data.fetchOne(database.cachedStatement(sql: sql), arguments: [Self.key(hash)]).map { [UInt8]($0) }
        }
    }

    func coin(_ outPoint: OutPoint) -> Coin? {
        lookUp { database in
            let sql = "SELECT coin FROM coins WHERE outpoint = ?"
            guard let data = try Data.fetchOne(database.cachedStatement(sql: sql), arguments: [Self.key(outPoint)])
            else { return nil }
            return try Self.coin(data)
        }
    }

    func location(_ id: TransactionID) -> TransactionLocation? {
        lookUp { database in
            let statement = try database.cachedStatement(sql: "SELECT block, position FROM locations WHERE id = ?")
            guard let row = try Row.fetchOne(statement, arguments: [Self.key(id)]) else { return nil }
            return TransactionLocation(block: BlockHash([UInt8](row[0] as Data))!, position: row[1])
        }
    }

    /// A place in the active chain.
    struct Place: Hashable {
        var height: BlockHeight
        var position: Int
    }

    /// Where an output was spent, on the active chain.
    func spender(of outPoint: OutPoint) -> Place? {
        lookUp { database in
            let statement = try database.cachedStatement(sql: "SELECT height, position FROM spenders WHERE outpoint = ?")
            return try Row.fetchOne(statement, arguments: [Self.key(outPoint)]).map { Place(row: $0) }
        }
    }

    /// Where a script was paid on the active chain, in order.
    func payments(to script: Script) -> [Place] {
        lookUp { database in
            let statement = try database.cachedStatement(
                sql: "SELECT height, position FROM payments WHERE script = ? ORDER BY height, position")
            return try Row.fetchAll(statement, arguments: [Self.key(script)]).map { Place(row: $0) }
        } ?? []
    }

    func hasPayment(to script: Script, _ place: Place) -> Bool {
        lookUp { database in
            let statement = try database.cachedStatement(
                sql: "SELECT 1 FROM payments WHERE script = ? AND height = ? AND position = ?")
            return try Int.fetchOne(statement, arguments: [Self.key(script), place.height.value, place.position])
        } != nil
    }

    func forEachCoin(_ visit: (OutPoint, Coin) -> Void) {
        _ = lookUp { database in
            let rows = try Row.fetchCursor(database, sql: "SELECT outpoint, coin FROM coins")
            while let row = try rows.next() {
                var reader = ByteReader([UInt8](row[0] as Data))
                visit(try OutPoint(from: &reader), try Self.coin(row[1]))
            }
            return true
        }
    }

    private static func key(_ identifier: some Identifier32) -> Data { Data(identifier.bytes.array) }

    private static func key(_ outPoint: OutPoint) -> Data {
        var writer = ByteWriter(capacity: 36)
        outPoint.encode(to: &writer)
        return Data(writer.bytes)
    }

    /// Enough of a digest: who finds two scripts with the same sees the payments to both.
    private static func key(_ script: Script) -> Data { Data(Hash.sha256(script.bytes).array.prefix(16)) }

    private static func coin(_ data: Data) throws -> Coin {
        var reader = ByteReader([UInt8](data))
        let coin = try Coin(from: &reader)
        try reader.expectEnd()
        return coin
    }

    private static func data(_ coin: Coin) -> Data {
        var writer = ByteWriter(capacity: 48)
        coin.encode(to: &writer)
        return Data(writer.bytes)
    }

    // MARK: Writing

    /// Takes over what one or more blocks changed, and what that did to the mempool.
    func commit(
        _ changes: LedgerChanges, events: [Ledger.Event], gone: [TransactionID], returned: [StoredTransaction]
    ) throws(ChainFailure) {
        try write { database in
            try Self.put(changes, database)
            for event in events {
                switch event {
                case .connected(let block, let height): try Self.note(block, height: height, database)
                case .disconnected(let block, let height): try Self.forget(block, height: height, database)
                case .accepted, .removed: break
                }
            }
            try Self.updateMempool(added: returned, removed: gone, database)
        }
    }

    /// Who is paid by a block of the active chain, and what it spends.
    private static func note(_ block: Block, height: BlockHeight, _ database: Database) throws {
        let pay = try database.cachedStatement(
            sql: "INSERT OR IGNORE INTO payments (script, height, position) VALUES (?, ?, ?)")
        let spend = try database.cachedStatement(
            sql: "INSERT OR REPLACE INTO spenders (outpoint, height, position) VALUES (?, ?, ?)")
        for (position, transaction) in block.transactions.enumerated() {
            for output in transaction.outputs where !output.script.isUnspendable {
                try pay.execute(arguments: [key(output.script), height.value, position])
            }
            if transaction.isCoinbase { continue }
            for input in transaction.inputs { try spend.execute(arguments: [key(input.previousOutput), height.value, position]) }
        }
    }

    private static func forget(_ block: Block, height: BlockHeight, _ database: Database) throws {
        let unpay = try database.cachedStatement(sql: "DELETE FROM payments WHERE script = ? AND height = ?")
        let unspend = try database.cachedStatement(sql: "DELETE FROM spenders WHERE outpoint = ?")
        for transaction in block.transactions {
            for output in transaction.outputs { try unpay.execute(arguments: [key(output.script), height.value]) }
            for input in transaction.inputs { try unspend.execute(arguments: [key(input.previousOutput)]) }
        }
    }

    private static func put(_ changes: LedgerChanges, _ database: Database) throws {
        let insertHeader = try database.cachedStatement(
            sql: "INSERT OR REPLACE INTO headers (header, height, transactions, invalid, hash) VALUES (?, ?, ?, ?, ?)")
        let insertBody = try database.cachedStatement(sql: "INSERT OR REPLACE INTO bodies (hash, body) VALUES (?, ?)")
        for (hash, stored, body) in changes.blocks {
            var writer = ByteWriter(capacity: 80)
            stored.header.encode(to: &writer)
            try insertHeader.execute(arguments: [
                Data(writer.bytes), stored.height.value, stored.transactionCount, stored.isInvalid, key(hash),
            ])
            try insertBody.execute(arguments: [key(hash), Data(body.serialized())])
        }
        for (hash, isInvalid) in changes.validity {
            try database.cachedStatement(sql: "UPDATE headers SET invalid = ? WHERE hash = ?")
                .execute(arguments: [isInvalid, key(hash)])
        }
        for (hash, bytes) in changes.undo {
            try database.cachedStatement(sql: "UPDATE bodies SET undo = ? WHERE hash = ?")
                .execute(arguments: [Data(bytes), key(hash)])
        }
        let setCoin = try database.cachedStatement(sql: "INSERT OR REPLACE INTO coins (outpoint, coin) VALUES (?, ?)")
        let dropCoin = try database.cachedStatement(sql: "DELETE FROM coins WHERE outpoint = ?")
        for (outPoint, coin) in changes.coins {
            if let coin {
                try setCoin.execute(arguments: [key(outPoint), data(coin)])
            } else {
                try dropCoin.execute(arguments: [key(outPoint)])
            }
        }
        let setPlace = try database.cachedStatement(
            sql: "INSERT OR REPLACE INTO locations (id, block, position) VALUES (?, ?, ?)")
        for (id, location) in changes.locations {
            if let location {
                try setPlace.execute(arguments: [key(id), key(location.block), location.position])
            } else {
                try database.cachedStatement(sql: "DELETE FROM locations WHERE id = ?").execute(arguments: [key(id)])
            }
        }
        try database.execute(sql: "INSERT OR REPLACE INTO tip (one, hash) VALUES (1, ?)", arguments: [key(changes.tip)])
    }

    /// A mempool transaction and when it came.
    struct StoredTransaction {
        var transaction: Transaction
        var time: UInt32
    }

    func updateMempool(added: [StoredTransaction], removed: [TransactionID]) throws(ChainFailure) {
        guard !(added.isEmpty && removed.isEmpty) else { return }
        try write { try Self.updateMempool(added: added, removed: removed, $0) }
    }

    private static func updateMempool(
        added: [StoredTransaction], removed: [TransactionID], _ database: Database
    ) throws {
        let drop = try database.cachedStatement(sql: "DELETE FROM mempool WHERE id = ?")
        for id in removed { try drop.execute(arguments: [key(id)]) }
        let put = try database.cachedStatement(
            sql: """
                INSERT OR REPLACE INTO mempool (id, sequence, time, tx)
                VALUES (?, (SELECT coalesce(max(rowid), 0) + 1 FROM mempool), ?, ?)
                """)
        for stored in added {
            try put.execute(arguments: [
                key(stored.transaction.id), stored.time, Data(stored.transaction.serialized()),
            ])
        }
    }

    // MARK: Loading

    func headers() throws(ChainFailure) -> (headers: [StoredHeader], tip: BlockHash?) {
        try reading { database in
            var headers: [StoredHeader] = []
            let rows = try Row.fetchCursor(
                database, sql: "SELECT header, height, transactions, invalid FROM headers ORDER BY sequence")
            while let row = try rows.next() {
                let header = try row.withUnsafeData(atIndex: 0) { data in
                    var reader = ByteReader([UInt8](data ?? Data()))
                    return try BlockHeader(from: &reader)
                }
                headers.append(
                    StoredHeader(header: header, height: BlockHeight(row[1] as Int), transactionCount: row[2], isInvalid: row[3]))
            }
            let tip = try Data.fetchOne(database, sql: "SELECT hash FROM tip").flatMap { BlockHash([UInt8]($0)) }
            return (headers, tip)
        }
    }

    func mempool() throws(ChainFailure) -> [StoredTransaction] {
        try reading { database in
            try Row.fetchAll(database, sql: "SELECT tx, time FROM mempool ORDER BY rowid").compactMap { row in
                (try? Transaction([UInt8](row[0] as Data))).map { StoredTransaction(transaction: $0, time: row[1]) }
            }
        }
    }

    // MARK: Checking and rebuilding

    /// Whether an older program made the file, without some of what has to be computed from its blocks.
    func needsRebuild() throws(ChainFailure) -> Bool {
        try reading {
            guard try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0 < Self.version else { return false }
            return true
        }
    }

    /// SQLite's own problems; none for a sound file.
    func fileDamage() throws(ChainFailure) -> [String] {
        try reading { try String.fetchAll($0, sql: "PRAGMA integrity_check").filter { $0 != "ok" } }
    }

    /// Visits every block in the order in which they came.
    func forEachBlock(_ visit: (Block) throws -> Void) throws(ChainFailure) {
        try reading { database in
            let isOld = try database.tableExists("blocks1")
            let rows = try Data.fetchCursor(
                database,
                sql: isOld
                    ? "SELECT block FROM blocks1 ORDER BY sequence"
                    : "SELECT body FROM headers JOIN bodies USING (hash) ORDER BY sequence")
            while let data = try rows.next() { try visit(try Block([UInt8](data))) }
        }
    }

    struct Contents {
        var coins: [OutPoint: Coin] = [:]
        var locations = 0
        var spenders = 0
        var payments = 0
        var tip: BlockHash?
    }

    /// What the tables hold of a chain's state, to be compared with what its blocks make of it.
    func contents() throws(ChainFailure) -> Contents {
        try reading { database in
            var contents = Contents()
            let rows = try Row.fetchCursor(database, sql: "SELECT outpoint, coin FROM coins")
            while let row = try rows.next() {
                var reader = ByteReader([UInt8](row[0] as Data))
                contents.coins[try OutPoint(from: &reader)] = try Self.coin(row[1])
            }
            func count(_ table: String) throws -> Int { try Int.fetchOne(database, sql: "SELECT count(*) FROM \(table)") ?? 0 }
            contents.locations = try count("locations")
            contents.spenders = try count("spenders")
            contents.payments = try count("payments")
            contents.tip = try Data.fetchOne(database, sql: "SELECT hash FROM tip").flatMap { BlockHash([UInt8]($0)) }
            return contents
        }
    }

    /// Replaces everything that was computed from blocks, in one commit.
    ///
    /// - Parameter ledger: the same blocks, connected in memory.
    func replaceAll(with ledger: Ledger) throws(ChainFailure) {
        try write { database in
            for table in ["headers", "bodies", "coins", "locations", "spenders", "payments", "tip"] {
                try database.execute(sql: "DELETE FROM \(table)")
            }
            try Self.put(ledger.everything(), database)
            for height in 1..<ledger.height + 1 {
                try Self.note(ledger.block(ledger.blockHash(height: height)!)!, height: height, database)
            }
            try database.execute(sql: "PRAGMA user_version = \(Self.version)")
            if try database.tableExists("blocks1") {
                for row in try Row.fetchAll(database, sql: "SELECT id, tx FROM mempool1 ORDER BY sequence") {
                    try database.execute(
                        sql: "INSERT OR IGNORE INTO mempool (id, sequence, time, tx) VALUES (?, 0, ?, ?)",
                        arguments: [row[0] as Data, Int(Date().timeIntervalSince1970), row[1] as Data])
                }
                try database.execute(sql: "DROP TABLE blocks1; DROP TABLE mempool1")
            }
        }
    }

    func copy(to path: String) throws(ChainFailure) {
        do {
            try? FileManager.default.removeItem(atPath: path)
            try queue.writeWithoutTransaction { try $0.execute(sql: "VACUUM INTO ?", arguments: [path]) }
        } catch let error as DatabaseError { throw Self.failure(error) } catch { throw .store(error.localizedDescription) }
    }

    /// Stands for a disk that fills up.
    func limit(pages: Int) { try? queue.writeWithoutTransaction { try $0.execute(sql: "PRAGMA max_page_count = \(pages)") } }

    func close() { try? queue.close() }
}

extension ChainStore.Place {
    fileprivate init(row: Row) { self.init(height: BlockHeight(row[0] as Int), position: row[1]) }
}
