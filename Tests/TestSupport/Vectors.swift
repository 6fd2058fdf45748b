public import Foundation

/// Where the specification's test vectors are: beside the package, or where LIGHTNING_VECTORS says.
public enum Vectors {
    public static let root: URL? = {
        let environment = ProcessInfo.processInfo.environment["LIGHTNING_VECTORS"]
        let beside = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "shared/vectors")
        let root = environment.map { URL(filePath: $0) } ?? beside
        return FileManager.default.fileExists(atPath: root.path) ? root : nil
    }()

    /// For `.enabled(if:)`.
    public static let exist = root != nil
    public static let hint = "no test vectors: put them at ../shared/vectors or name their folder in LIGHTNING_VECTORS"

    public static func json(_ path: String) throws -> JSON {
        JSON(try JSONSerialization.jsonObject(with: data(path), options: [.fragmentsAllowed]))
    }

    public static func data(_ path: String) throws -> Data { try Data(contentsOf: root!.appending(path: path)) }

    public static func lines(_ path: String) throws -> [String] {
        String(decoding: try data(path), as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
    }

    /// One JSON value a line.
    public static func jsonLines(_ path: String) throws -> [JSON] {
        try lines(path).map { JSON(try JSONSerialization.jsonObject(with: Data($0.utf8))) }
    }
}

/// Loosely typed JSON, for vectors of other projects.
public struct JSON: @unchecked Sendable {
    public let value: Any

    public init(_ value: Any) { self.value = value }

    public subscript(key: String) -> JSON { JSON((value as? [String: Any])?[key] ?? NSNull()) }
    public subscript(index: Int) -> JSON { JSON((value as! [Any])[index]) }
    public var array: [JSON] { (value as? [Any])?.map { JSON($0) } ?? [] }
    public var object: [String: JSON] { (value as? [String: Any])?.mapValues { JSON($0) } ?? [:] }
    public var string: String { value as? String ?? "" }
    public var int: Int { (value as? NSNumber)?.intValue ?? Int(string) ?? 0 }
    public var uint64: UInt64 { (value as? NSNumber)?.uint64Value ?? 0 }
    public var double: Double { (value as? NSNumber)?.doubleValue ?? 0 }
    public var bool: Bool { (value as? NSNumber)?.boolValue ?? false }
    public var isNull: Bool { value is NSNull }
    public var isString: Bool { value is String }
    public var isArray: Bool { value is [Any] }
    public var isObject: Bool { value is [String: Any] }
}
