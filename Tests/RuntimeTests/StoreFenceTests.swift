import Foundation
import LightningRecords
import LightningStorage
import Testing

@testable import LightningRuntime

@Suite("a database that may be an old copy is told from the one in use")
struct StoreFenceTests {
    /// A wallet's directory with a database that is written as a node writes it.
    final class Home {
        let folder = FileManager.default.temporaryDirectory.appending(path: "fence-\(UUID().uuidString)")
        var database: String { folder.appending(path: "node.sqlite").path }
        var fence: String { folder.appending(path: "fence").path }

        init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(at: folder) }

        /// Runs once.
        ///
        /// - Parameter body: may look at the files while the node runs.
        /// - Parameter isKilled: whether it ends without a word.
        /// - Returns: what the start doubted.
        @discardableResult
        func run(batches: Int = 3, isKilled: Bool = false, while body: () throws -> Void = {}) throws -> StoreFence.Doubt? {
            let store = try SQLiteStore(path: database)
            let fence = StoreFence(path: fence)
            var count = try store.batchNumber()
            let doubt = fence.doubt(try store.load(), batches: count)
            func commit(_ write: StoreWrite) throws {
                try store.commit([write])
                count += 1
                fence.committed(batches: count)
            }
            try commit(fence.begin(batches: count))
            for number in 0..<batches { try commit(.put(.meta, key: [1], record: [UInt8(number)])) }
            try body()
            if !isKilled, let mark = fence.end() { try commit(mark) }
            store.close()
            return doubt
        }

        func save(_ name: String) throws { try copy(folder, folder.appendingPathExtension(name)) }

        private func copy(_ from: URL, _ to: URL) throws {
            try? FileManager.default.removeItem(at: to)
            try FileManager.default.copyItem(at: from, to: to)
        }

        /// Puts what was saved into the files that are there, as cp does.
        func restore(_ name: String, only file: String? = nil) throws {
            let source = folder.appendingPathExtension(name)
            defer { try? FileManager.default.removeItem(at: source) }
            for entry in try FileManager.default.contentsOfDirectory(atPath: source.path) where file == nil || entry == file {
                let data = try Data(contentsOf: source.appending(path: entry))
                let target = folder.appending(path: entry)
                if let handle = try? FileHandle(forWritingTo: target) {
                    try handle.truncate(atOffset: 0)
                    try handle.write(contentsOf: data)
                    try handle.close()
                } else {
                    try data.write(to: target)
                }
            }
        }
    }

    @Test("a wallet that stays where it is is never in doubt: new, stopped, or killed")
    func ordinary() throws {
        let home = try Home()
        #expect(try home.run() == nil)
        #expect(try home.run(isKilled: true) == nil)
        #expect(try home.run(isKilled: true) == nil)
        #expect(try home.run() == nil)
        #expect(try home.run() == nil)
    }

    @Test("a copy from between two runs, or from within one, is in doubt", arguments: [false, true], [nil, "node.sqlite"])
    func copies(isLive: Bool, file: String?) throws {
        let home = try Home()
        try home.run()
        if isLive {
            try home.run(isKilled: true) { try home.save("copy") }
            try home.run()
        } else {
            try home.save("copy")
            try home.run(batches: 10)
        }
        try home.restore("copy", only: file)
        #expect(try home.run() == .replaced)
        // Once it is in use here it is the newest: what the doubt meant is stored in the channels.
        #expect(try home.run() == nil)
    }

    @Test("a copy from earlier in the run that was killed is older than the fence says")
    func older() throws {
        let home = try Home()
        try home.run()
        var batches: UInt64 = 0
        let store = try SQLiteStore(path: home.database)
        let fence = StoreFence(path: home.fence)
        batches = try store.batchNumber()
        #expect(fence.doubt(try store.load(), batches: batches) == nil)
        try store.commit([fence.begin(batches: batches + 1)])
        let early = try store.load()
        for number in batches + 2...batches + 7 { fence.committed(batches: number) }
        store.close()
        let again = StoreFence(path: home.fence)
        #expect(again.doubt(early, batches: batches + 1) == .older(batches: batches + 1, of: batches + 7))
        #expect(again.doubt(early, batches: batches + 7) == nil)
        // The last one may have been committed and not counted; more cannot.
        #expect(again.doubt(early, batches: batches + 8) == nil)
        #expect(again.doubt(early, batches: batches + 9) == .replaced)
    }

    @Test("a wallet that comes without its fence, or from a version without one, is in doubt")
    func missing() throws {
        let home = try Home()
        try home.run()
        try FileManager.default.removeItem(atPath: home.fence)
        #expect(try home.run() == .replaced)
        let store = try SQLiteStore(path: home.database)
        try store.commit([.delete(.meta, key: StoreTable.key("fence"))])
        store.close()
        #expect(try home.run() == .unknown)
    }

    @Test(
        "a file system that is set back under a node that was killed is seen by what is kept elsewhere",
        .enabled(if: access("/dev/shm", W_OK) == 0, "the counter lies beside the database where there is no /dev/shm"))
    func setBack() throws {
        let home = try Home()
        try home.run()
        let store = try SQLiteStore(path: home.database)
        let fence = StoreFence(path: home.fence)
        let batches = try store.batchNumber()
        try store.commit([fence.begin(batches: batches + 1)])
        // All of the disk as it is here comes back later: the fence's file is the same, and so is its time.
        let contents = try store.load()
        fence.committed(batches: batches + 9)
        store.close()
        #expect(StoreFence(path: home.fence).doubt(contents, batches: batches + 1) == .older(batches: batches + 1, of: batches + 9))
    }

    @Test("a fence that cannot be written leaves the next start in doubt, and stops nothing")
    func unwritable() throws {
        let home = try Home()
        try home.run()
        let fence = StoreFence(path: home.folder.appending(path: "missing/fence").path)
        #expect(fence.begin(batches: 9) == .delete(.meta, key: StoreTable.key("fence")))
        fence.committed(batches: 10)
        #expect(fence.end() == nil)
    }
}
