import Foundation
package import LightningRouting

extension GraphTable {
    /// Why a table cannot be read from a file.
    package enum FileFailure: Error, Hashable, Sendable, CustomStringConvertible {
        case unreadable(String)
        case damaged(path: String, Failure)

        package var description: String {
            switch self {
            case .unreadable(let path): "cannot read \(path), or there is nothing in it"
            case .damaged(let path, let failure): "\(path): \(failure)"
            }
        }
    }

    /// Reads a table from a file, which may be compressed with gzip (its name ends in `.gz` then).
    ///
    /// - Parameter timestamp: of all updates, in seconds since 1970.
    package static func load(_ path: String, timestamp: UInt32) throws(FileFailure) -> NetworkGraph {
        let text = try contents(of: path)
        do throws(Failure) { return try read(text, timestamp: timestamp) } catch { throw .damaged(path: path, error) }
    }

    /// The bytes of a table's file, which may be compressed with gzip (its name ends in `.gz` then).
    package static func contents(of path: String) throws(FileFailure) -> [UInt8] {
        guard let text = path.hasSuffix(".gz") ? unzipped(path) : FileManager.default.contents(atPath: path).map({ Array($0) }),
            !text.isEmpty
        else { throw .unreadable(path) }
        return text
    }

    /// The program is on every machine; a library for one file is not.
    private static func unzipped(_ path: String) -> [UInt8]? {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["gzip", "-dc", "--", path]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        guard (try? process.run()) != nil else { return nil }
        let data = try? pipe.fileHandleForReading.readToEnd()
        process.waitUntilExit()
        guard process.terminationStatus == 0, let data else { return nil }
        return Array(data)
    }
}
