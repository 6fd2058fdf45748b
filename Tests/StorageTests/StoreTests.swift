import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import GRDB
import LightningCore
import LightningRecords
import LightningStorage
import Testing

@Suite("the store")
struct StoreTests {
    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "store-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    var path: String { folder.appending(path: "node.sqlite").path }

    @Test("what was committed is there after a restart, with synchronous=FULL")
    func commits() throws {
        let store = try SQLiteStore(path: path)
        #expect(try store.synchronousSetting() == 2)
        let writes: [StoreWrite] = [
            .put(.channels, key: [1], record: [1, 2, 3]), .put(.htlcs, key: [1, 1], record: []), .put(.meta, key: [9], record: [7]),
        ]
        try store.commit(writes)
        try store.commit([.delete(.meta, key: [9]), .put(.channels, key: [1], record: [4])])
        var expected = StoreContents()
        expected.tables = [.channels: [[1]: [4]], .htlcs: [[1, 1]: []]]
        #expect(try store.load() == expected)
        store.close()
        #expect(try SQLiteStore(path: path).load() == expected)
    }

    @Test("what only a breach needs is not read at the start; it is found by the beginnings of its keys, and goes with them")
    func queries() throws {
        let store = try SQLiteStore(path: path)
        let prefixes: [[UInt8]] = [[1, 255, 255], [1, 255, 254], [2], [255, 255]]
        var memory = StoreContents()
        func commit(_ writes: [StoreWrite]) throws {
            memory.apply(writes)
            try store.commit(writes)
        }
        for prefix in prefixes {
            try commit((0..<3).map { .put(.revokedHTLCs, key: prefix + [$0], record: prefix + [9, $0]) })
            try commit([.put(.htlcs, key: prefix + [1], record: prefix), .put(.revokedHTLCs, key: prefix, record: [7])])
        }
        #expect(try store.load().tables[.revokedHTLCs] == nil)
        for prefix in prefixes + [[1, 255], [3], []] {
            let query = StoreQuery(table: .revokedHTLCs, prefix: prefix)
            #expect(try store.entries(query) == memory.entries(query), "\(prefix)")
            for (bound, isBackwards, limit) in [
                (prefix + [1], false, 10), (prefix + [2], true, 10), (prefix + [3], true, 1), (prefix, false, 2),
            ] {
                let part = StoreQuery(table: .revokedHTLCs, prefix: prefix, bound: bound, isBackwards: isBackwards, limit: limit)
                #expect(try store.entries(part) == memory.entries(part), "\(part)")
            }
        }
        try commit([.deleteAll(.revokedHTLCs, prefix: [1, 255, 255]), .deleteAll(.htlcs, prefix: [255, 255])])
        for prefix in prefixes {
            let query = StoreQuery(table: .revokedHTLCs, prefix: prefix)
            #expect(try store.entries(query) == memory.entries(query) && memory.entries(query).isEmpty == (prefix == [1, 255, 255]))
        }
        #expect(try store.load().tables[.htlcs] == memory.tables[.htlcs])
    }

    @Test("a history is read by page, the newest first, and what is removed is on none", arguments: StoreHistory.allCases)
    func history(_ history: StoreHistory) throws {
        let store = try SQLiteStore(path: path)
        var memory = StoreContents()
        func commit(_ writes: [StoreWrite]) throws {
            memory.apply(writes)
            try store.commit(writes)
        }
        // Two of them began at one time.
        let places = [3, 1, 2, 2, 9].enumerated().map { HistoryPosition(order: $1, id: [UInt8](repeating: UInt8($0), count: 32)) }
        for place in places { try commit(history.add([UInt8(place.order)], at: place)) }
        #expect(try store.load() == StoreContents())
        var bound: [UInt8]?
        var found: [[UInt8]] = []
        repeat {
            let page = try store.page(history, before: bound, limit: 2)
            #expect(page == memory.page(history, before: bound, limit: 2))
            found += page.entries.map(\.key)
            bound = page.next
        } while bound != nil
        #expect(found == places.sorted(by: >).map(\.key))
        try commit(history.remove(at: places[4]))
        #expect(try store.page(history, before: nil, limit: 10).entries.map(\.key) == Array(found.dropFirst()))
        #expect(memory.page(history, before: nil, limit: 10).entries.map(\.key) == Array(found.dropFirst()))
        // One record by its key: the same of either store, also where there is none.
        for place in places {
            let query = StoreQuery.record(history.records, key: history.order == nil ? place.key : place.id)
            #expect(try store.entries(query) == memory.entries(query) && memory.entries(query).count == (place == places[4] ? 0 : 1))
        }
    }

    @Test("each batch has a number, in its own transaction")
    func batches() throws {
        let store = try SQLiteStore(path: path)
        #expect(try store.batchNumber() == 0)
        for number in 1...3 {
            try store.commit([.put(.meta, key: [1], record: [UInt8(number)])])
            #expect(try store.batchNumber() == UInt64(number))
        }
        // Nothing to commit is no batch.
        try store.commit([])
        store.close()
        #expect(try SQLiteStore(path: path).batchNumber() == 3)
    }

    @Test("a damaged page of a long history stops nobody at the start, one of what the node acts on does, and in a small database each")
    func damagedPages() throws {
        for (table, whole, isStarted) in [(StoreTable.paymentHistory, 0, true), (.channels, 0, false), (.paymentHistory, 64 << 20, false)] {
            let store = try SQLiteStore(path: path)
            let marker = [UInt8](repeating: 0xa7, count: 300)
            try store.commit((0..<100).map { .put(table, key: [UInt8]("record \(100 + $0)".utf8), record: marker) })
            store.close()
            var bytes = try Data(contentsOf: URL(filePath: path))
            // The beginning of a page in the middle of the records: its type and the number of its cells.
            let place = try #require(bytes.range(of: Data("record 150".utf8))?.lowerBound)
            bytes.replaceSubrange((place / 4096 * 4096)..<(place / 4096 * 4096 + 8), with: Data(repeating: 0xff, count: 8))
            try bytes.write(to: URL(filePath: path))
            if isStarted {
                let damaged = try SQLiteStore(path: path, wholeCheck: whole)
                #expect(throws: Never.self) { try damaged.load() }
                #expect(throws: StoreFailure.self) { try damaged.entries(StoreQuery(table: table, prefix: [], limit: .max)) }
                damaged.close()
            } else {
                #expect(throws: StoreFailure.self) { try SQLiteStore(path: path, wholeCheck: whole) }
            }
            try FileManager.default.removeItem(atPath: path)
        }
    }

    @Test("rows that nobody of us wrote are damage, not a crash")
    func strangeRows() throws {
        try SQLiteStore(path: path).close()
        let queue = try DatabaseQueue(path: path)
        try queue.write { try $0.execute(sql: "INSERT INTO channels (key, record) VALUES (x'07', 8)") }
        try queue.write { try $0.execute(sql: "UPDATE batches SET number = -1") }
        try queue.close()
        let store = try SQLiteStore(path: path)
        #expect(throws: StoreFailure.self) { try store.load() }
        #expect(throws: StoreFailure.self) { try store.entries(StoreQuery(table: .channels, prefix: [], limit: .max)) }
        #expect(throws: StoreFailure.self) { try store.batchNumber() }
    }

    @Test("a second process is refused while the first holds the wallet")
    func lock() throws {
        let first = try SQLiteStore(path: path)
        #expect(throws: StoreFailure.self) { try SQLiteStore(path: path) }
        first.close()
        #expect(throws: Never.self) { try SQLiteStore(path: path) }
    }

    @Test("a database of the first version gets the tables that it lacks, and keeps what it has")
    func migration() throws {
        let store = try SQLiteStore(path: path)
        try store.commit([.put(.meta, key: [1], record: [2])])
        store.close()
        // As the first version made it.
        let queue = try DatabaseQueue(path: path)
        try queue.writeWithoutTransaction { database in
            for table in ["circuits", "onions", "policies", "gossip", "estimates"] { try database.execute(sql: "DROP TABLE \(table)") }
            try database.execute(sql: "PRAGMA user_version = 1")
        }
        try queue.close()
        let migrated = try SQLiteStore(path: path)
        try migrated.commit([.put(.circuits, key: [3], record: [4])])
        let contents = try migrated.load()
        #expect(contents.tables[.meta] == [[1]: [2]] && contents.tables[.circuits] == [[3]: [4]])
        migrated.close()
    }

    @Test("damaged, foreign and future databases are refused and left as they are")
    func damaged() throws {
        try Data(repeating: 0x5a, count: 8192).write(to: URL(filePath: path))
        #expect(throws: StoreFailure.self) { try SQLiteStore(path: path) }
        #expect(try Data(contentsOf: URL(filePath: path)) == Data(repeating: 0x5a, count: 8192))
        try FileManager.default.removeItem(atPath: path)
        try SQLiteStore(path: path).close()
        // SQLite's user_version stands at offset 60 of the header, application_id at 68.
        var bytes = try Data(contentsOf: URL(filePath: path))
        bytes[63] = UInt8(SQLiteStore.version + 1)
        try bytes.write(to: URL(filePath: path))
        #expect(throws: StoreFailure.version(found: SQLiteStore.version + 1, expected: SQLiteStore.version)) { try SQLiteStore(path: path) }
        bytes[63] = 1
        bytes[71] = 0
        try bytes.write(to: URL(filePath: path))
        #expect(throws: StoreFailure.foreign("program")) { try SQLiteStore(path: path) }
    }

    @Test("a database of each earlier version gets the tables that it lacks", arguments: 1..<SQLiteStore.version)
    func upgrades(_ version: Int) throws {
        let path = self.path
        try SQLiteStore(path: path).close()
        let sqlite = try DatabaseQueue(path: path)
        try sqlite.write { database in
            // The newest table is of no earlier version.
            try database.execute(sql: "DROP TABLE towerOrder")
            try database.execute(sql: "PRAGMA user_version = \(version)")
        }
        try sqlite.close()
        // Whoever adds a table raises the version, and both numbers here.
        #expect(StoreTable.allCases.count == 36 && SQLiteStore.version == 9)
        let store = try SQLiteStore(path: path)
        try store.commit([.put(.towerOrder, key: [1], record: [2])])
        #expect(try store.entries(StoreQuery(table: .towerOrder, prefix: [])) == [StoreEntry(key: [1], record: [2])])
        store.close()
        try FileManager.default.removeItem(atPath: path)
    }

    @Test("records that cannot be read stop the start, whatever is wrong with them")
    func badRecords() throws {
        let keys = NodeKeys(seed: [UInt8](repeating: 3, count: 64), network: .regtest)
        func failure(_ writes: [StoreWrite]) -> StoreFailure? {
            var contents = StoreContents()
            contents.apply(writes)
            do throws(StoreFailure) {
                _ = try NodeCore(configuration: NodeConfiguration(), keys: keys, entropy: .system(), store: contents)
                return nil
            } catch { return error }
        }
        #expect(failure([]) == nil)
        #expect(failure([.put(.channels, key: [UInt8](repeating: 1, count: 32), record: [9, 9])]) != nil)
        #expect(failure([.put(.coins, key: [1], record: [2])]) != nil)
        #expect(failure([.put(.payments, key: [1], record: [1])]) != nil)
        #expect(failure([.put(.invoices, key: [1], record: [])]) != nil)
        #expect(failure([.put(.meta, key: Array("node".utf8), record: [77])]) != nil)
        // Another seed's records.
        var other = try NodeCore(
            configuration: NodeConfiguration(), keys: NodeKeys(seed: [UInt8](repeating: 4, count: 64), network: .regtest),
            entropy: .system(), store: StoreContents())
        #expect(failure(other.handle([], now: Timestamp(milliseconds: 1)).writes) == .foreign("seed"))
    }
}
