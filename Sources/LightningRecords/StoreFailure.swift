/// Why a store cannot be used. It is never guessed at.
public enum StoreFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// A record cannot be read.
    case damaged(String)
    /// The store was written by another version.
    case version(found: Int, expected: Int)
    /// The store belongs to another seed or network.
    case foreign(String)
    /// Its replica holds more batches: the database is an old copy.
    case older(batches: UInt64, replica: UInt64)
    /// The disk refused.
    case unwritable(String)

    public var description: String {
        switch self {
        case .damaged(let what):
            "the wallet's database is damaged (\(what)). Nothing was changed. Restore it from a copy of this very machine's "
                + "last state; an older copy can lose money"
        case .version(let found, let expected):
            "the wallet's database has version \(found), this program reads \(expected). Use the program that wrote it"
        case .foreign(let what): "the wallet's database belongs to another \(what)"
        case .older(let batches, let replica):
            "the wallet's database is an old copy: it holds \(batches) batches, and its replica \(replica). Nothing was changed. Put the replica "
                + "in its place, or start without --replica: then nothing is published before the peers have shown that it is the newest"
        case .unwritable(let why): "the wallet's database cannot be written: \(why)"
        }
    }
}
