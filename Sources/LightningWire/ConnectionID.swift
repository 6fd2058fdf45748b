/// A socket, as its driver numbers it. Two connections of a node never have the same one.
public struct ConnectionID: Hashable, Sendable, Comparable, ExpressibleByIntegerLiteral {
    /// A number that is not used again.
    public let value: UInt64
    /// The connection of a number.
    public init(_ value: UInt64) { self.value = value }
    /// The connection of a number, as drivers and tests write them.
    public init(integerLiteral value: UInt64) { self.value = value }
    public static func < (left: ConnectionID, right: ConnectionID) -> Bool { left.value < right.value }
}
