import Foundation

/// Files that are there whole or not at all, for their owner alone.
package enum DurableFile {
    /// Why a file cannot be written.
    package struct Failure: Error, CustomStringConvertible {
        let path: String
        let code: Int32
        package var description: String { "\(path) cannot be written: \(String(cString: strerror(code)))" }
    }

    /// Writes a file in the place of the one that is there, which stays where that fails; it outlives the loss of power.
    package static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
        let news = path + ".new"
        func failure() -> Failure {
            let code = errno
            unlink(news)
            return Failure(path: path, code: code)
        }
        let file = open(news, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Failure(path: path, code: errno) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let error = failure()
                close(file)
                throw error
            }
            rest = rest.dropFirst(count)
        }
        guard fsync(file) == 0 else {
            let error = failure()
            close(file)
            throw error
        }
        close(file)
        guard rename(news, path) == 0 else { throw failure() }
        // The name is in the directory, which is a file as well.
        let folder = open(URL(filePath: path).deletingLastPathComponent().path, O_RDONLY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    /// Reads a file, up to a length.
    ///
    /// - Returns: `nil` where it is not there, cannot be read, or is longer.
    package static func read(_ path: String, upTo limit: Int) -> [UInt8]? {
        guard let size = try? FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber, size.intValue <= limit,
            let data = FileManager.default.contents(atPath: path)
        else { return nil }
        return [UInt8](data)
    }
}
