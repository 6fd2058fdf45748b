import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningRecords

/// Tells whether a wallet's database is the one that this machine wrote last, or may be an old copy.
///
/// Money at risk: a commitment out of an old copy may be revoked, and whoever publishes a revoked one loses everything in the channel. So
/// nothing of a database that is in doubt is published before the peers have shown that it is the newest.
///
/// `fence` stands beside the database. It is written anew when a node starts and when it has stopped, and the database keeps which file that was
/// and when it was changed, as the file system says it: nobody can set that, so that whichever of the two is replaced by a copy, they do not fit
/// any more. The number of the last batch that was committed is kept in memory that outlives a process that is killed, and neither a restart of
/// the machine nor a file system that is set back: in `/dev/shm`, where there is one, and else beside the database.
///
/// What it cannot see: a whole file system that was set back, after the machine or its user's session was started again, to when the node had
/// been stopped properly. The peers show that, as soon as they are connected.
final class StoreFence: @unchecked Sendable {
    /// Why a database may be an old copy.
    enum Doubt: Hashable, CustomStringConvertible {
        /// It was last used by a version that kept no fence, or on another machine.
        case unknown
        /// Its files were replaced.
        case replaced
        /// There have been so many batches, and the database holds fewer.
        case older(batches: UInt64, of: UInt64)
        /// The machine stopped while the node was running: what was set back then cannot be told from what was not.
        case machineStopped

        var description: String {
            switch self {
            case .unknown: "it has not been used here before"
            case .replaced: "its files have been replaced since it was last used here"
            case .older(let batches, let all): "it holds \(batches) batches, and there have been \(all)"
            case .machineStopped: "the machine stopped while the node was running"
            }
        }
    }

    /// What the database keeps of the fence.
    private struct Mark {
        var inode: UInt64
        /// When the file was last changed: seconds and nanoseconds.
        var changed: (Int64, Int64)
        /// Of the run that wrote it.
        var run: [UInt8]
        var boot: String
        /// Whether the node had stopped.
        var isClean: Bool

        func encoded() -> [UInt8] {
            ByteWriter.bytes {
                $0.uint8(1)
                $0.uint64(inode)
                $0.uint64(UInt64(bitPattern: changed.0))
                $0.uint64(UInt64(bitPattern: changed.1))
                $0.variableBytes(run)
                $0.variableBytes(Array(boot.utf8))
                $0.uint8(isClean ? 1 : 0)
            }
        }

        init(inode: UInt64, changed: (Int64, Int64), run: [UInt8], boot: String, isClean: Bool) {
            self.inode = inode
            self.changed = changed
            self.run = run
            self.boot = boot
            self.isClean = isClean
        }

        init(record: [UInt8]) throws(DecodingFailure) {
            var reader = ByteReader(record)
            guard try reader.uint8() == 1 else { throw .invalid("version of a fence") }
            inode = try reader.uint64()
            changed = (Int64(bitPattern: try reader.uint64()), Int64(bitPattern: try reader.uint64()))
            run = try reader.variableBytes()
            boot = String(decoding: try reader.variableBytes(), as: UTF8.self)
            isClean = try reader.uint8() == 1
            try reader.expectEnd()
        }
    }

    private static let key = StoreTable.key("fence")

    private let file: String
    private let counter: String
    private let run: [UInt8]
    /// Of the counter, while the node runs.
    private var descriptor: Int32 = -1

    /// - Parameter path: of the fence's first file.
    init(path: String) {
        file = path
        counter = Self.counter(for: path)
        var entropy = Entropy.system()
        run = entropy.bytes(16)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Why the database may be an old copy; `nil` where it is known to be the newest.
    ///
    /// - Parameter batches: how many it holds.
    func doubt(_ contents: StoreContents, batches: UInt64) -> Doubt? {
        // A wallet that is new has nothing that could be old.
        if batches == 0 { return nil }
        guard let record = contents.tables[.meta]?[Self.key], let mark = try? Mark(record: record) else { return .unknown }
        guard let now = status(), now.inode == mark.inode, now.changed == mark.changed, readRun() == mark.run else { return .replaced }
        let isSameBoot = mark.boot == Self.bootID && !mark.boot.isEmpty
        guard let count = readCounter() else { return mark.isClean ? nil : isSameBoot ? .replaced : .machineStopped }
        guard isSameBoot else { return mark.isClean ? nil : .machineStopped }
        guard count.run == mark.run else { return .replaced }
        if count.batches > batches { return .older(batches: batches, of: count.batches) }
        // The last batch may have been committed without being counted, and no more.
        return count.batches + 1 >= batches ? nil : .replaced
    }

    /// Where the number of the last batch is kept: not on the disk that it is to tell of, if that can be.
    private static func counter(for path: String) -> String {
        var status = stat()
        guard stat("/dev/shm", &status) == 0, status.st_mode & S_IFMT == S_IFDIR, access("/dev/shm", W_OK) == 0 else {
            return path + ".batches"
        }
        let real = URL(filePath: path).resolvingSymlinksInPath().path
        return "/dev/shm/lnw-\(getuid())-\(Hex.encode(Hash.sha256(Array(real.utf8)).array.prefix(12)))"
    }

    /// The node runs from now on.
    ///
    /// - Parameter batches: how many the database holds before the mark is committed.
    /// - Returns: what the database has to keep. Where the files cannot be written the old mark goes, and the next start will be in doubt.
    func begin(batches: UInt64) -> StoreWrite {
        raise(batches: batches) ?? .delete(.meta, key: Self.key)
    }

    private func raise(batches: UInt64) -> StoreWrite? {
        guard let write = mark(isClean: false) else { return nil }
        descriptor = open(counter, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return nil }
        let bytes = run
        guard bytes.withUnsafeBytes({ pwrite(descriptor, $0.baseAddress, $0.count, 0) }) == bytes.count else { return nil }
        committed(batches: batches)
        return write
    }

    /// The store has committed a batch.
    func committed(batches: UInt64) {
        guard descriptor >= 0 else { return }
        // Where it cannot be written the next start is in doubt: the number is too small then.
        _ = withUnsafeBytes(of: batches.bigEndian) { pwrite(descriptor, $0.baseAddress, $0.count, 16) }
    }

    /// The node has stopped: this is the last thing that the database keeps of it.
    func end() -> StoreWrite? { descriptor < 0 ? nil : mark(isClean: true) }

    /// Writes the fence anew.
    private func mark(isClean: Bool) -> StoreWrite? {
        let fence = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard fence >= 0 else { return nil }
        defer { close(fence) }
        let text = Array("The last run of this wallet's node. To be left where it is, and not to be copied.\n\(Hex.encode(run))\n".utf8)
        guard text.withUnsafeBytes({ write(fence, $0.baseAddress, $0.count) }) == text.count, fsync(fence) == 0,
            let now = status()
        else { return nil }
        let mark = Mark(inode: now.inode, changed: now.changed, run: run, boot: Self.bootID, isClean: isClean)
        return .put(.meta, key: Self.key, record: mark.encoded())
    }

    private func status() -> (inode: UInt64, changed: (Int64, Int64))? {
        var found = stat()
        guard stat(file, &found) == 0 else { return nil }
        #if canImport(Darwin)
            let changed = found.st_ctimespec
        #else
            let changed = found.st_ctim
        #endif
        return (UInt64(found.st_ino), (Int64(changed.tv_sec), Int64(changed.tv_nsec)))
    }

    /// The run that wrote the file last: two runs may follow each other faster than the file system's clock goes.
    private func readRun() -> [UInt8]? {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
        return text.split(separator: "\n").last.flatMap { Hex.decode($0) }
    }

    private func readCounter() -> (run: [UInt8], batches: UInt64)? {
        guard let data = try? Data(contentsOf: URL(filePath: counter)), data.count == 24 else { return nil }
        return ([UInt8](data.prefix(16)), data.suffix(8).reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// Another one each time that the machine starts; empty where the system does not say.
    private static let bootID: String = {
        #if canImport(Darwin)
            var size = 0
            guard sysctlbyname("kern.bootsessionuuid", nil, &size, nil, 0) == 0, size > 0 else { return "" }
            var bytes = [UInt8](repeating: 0, count: size)
            guard sysctlbyname("kern.bootsessionuuid", &bytes, &size, nil, 0) == 0 else { return "" }
            return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        #else
            let text = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
            return text?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
        #endif
    }()
}
