/// Why a store cannot be used. It is never guessed at.
public enum StoreFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// A record cannot be read.
    case damaged(String)
    /// The store was written by another version.
    case version(found: Int, expected: Int)
    /// The store belongs to another seed or network.
    case foreign(String)
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
        case .unwritable(let why): "the wallet's database cannot be written: \(why)"
        }
    }
}
