import BitcoinPrimitives
internal import Foundation
internal import GRDB

/// The embedded layer 1's blocks and mempool on disk.
///
/// A block is committed before anyone hears of it; the coins are rebuilt from the blocks when the chain is opened.
final class ChainStore: Sendable {
    private let queue: DatabaseQueue
    static let version = 1

    init(path: String?) throws(ChainFailure) {
        var configuration = Configuration()
        configuration.busyMode = .immediateError
        if path != nil {
            configuration.prepareDatabase { database in
                try database.execute(sql: "PRAGMA locking_mode = EXCLUSIVE")
                try database.execute(sql: "PRAGMA journal_mode = WAL")
                try database.execute(sql: "PRAGMA synchronous = FULL")
            }
        }
        do {
            queue = try path.map { try DatabaseQueue(path: $0, configuration: configuration) } ?? DatabaseQueue()
            try queue.write { database in
                let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
                guard found == 0 || found == Self.version else {
                    throw ChainFailure.store("it has version \(found), this program reads \(Self.version)")
                }
                try database.execute(
                    sql: """
                        CREATE TABLE IF NOT EXISTS blocks (sequence INTEGER PRIMARY KEY, block BLOB NOT NULL);
                        CREATE TABLE IF NOT EXISTS mempool (id BLOB PRIMARY KEY, sequence INTEGER, tx BLOB NOT NULL);
                        PRAGMA user_version = \(Self.version);
                        """)
            }
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
        case .SQLITE_BUSY, .SQLITE_LOCKED: .store("another process uses it")
        case .SQLITE_FULL: .store("the disk is full")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: .store("it is damaged: \(error.message ?? "")")
        default: .store(error.message ?? "SQLite error \(error.resultCode.rawValue)")
        }
    }

    private func write(_ body: (Database) throws -> Void) throws(ChainFailure) {
        do { try queue.write { try body($0) } } catch let error as DatabaseError {
            throw Self.failure(error)
        } catch { throw .store(error.localizedDescription) }
    }

    func add(block: [UInt8]) throws(ChainFailure) {
        try write { try $0.execute(sql: "INSERT INTO blocks (block) VALUES (?)", arguments: [Data(block)]) }
    }

    /// Replaces the stored mempool: added and removed transactions.
    func updateMempool(added: [(id: [UInt8], bytes: [UInt8])], removed: [[UInt8]]) throws(ChainFailure) {
        guard !(added.isEmpty && removed.isEmpty) else { return }
        try write { database in
            for id in removed { try database.execute(sql: "DELETE FROM mempool WHERE id = ?", arguments: [Data(id)]) }
            for (id, bytes) in added {
                try database.execute(
                    sql: """
                        INSERT OR REPLACE INTO mempool (id, sequence, tx)
                        VALUES (?, (SELECT coalesce(max(sequence), 0) + 1 FROM mempool), ?)
                        """, arguments: [Data(id), Data(bytes)])
            }
        }
    }

    /// The blocks in the order they came, then the mempool in its order.
    func load() throws(ChainFailure) -> (blocks: [[UInt8]], mempool: [[UInt8]]) {
        do {
            return try queue.read { database in
                (
                    try Data.fetchAll(database, sql: "SELECT block FROM blocks ORDER BY sequence").map { [UInt8]($0) },
                    try Data.fetchAll(database, sql: "SELECT tx FROM mempool ORDER BY sequence").map { [UInt8]($0) }
                )
            }
        } catch { throw .store(error.localizedDescription) }
    }

    func close() { try? queue.close() }
}
